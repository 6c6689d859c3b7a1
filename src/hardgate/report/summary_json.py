"""`summary.json`, for programs: everything of a run, in a shape that stays (docs/reports.md).

`summary.schema.json` beside this module says the same as JSON Schema. Within one schema version
keys are added, never taken away or given another meaning.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hardgate import __version__
from hardgate.diagnosis.root_cause import RootCause, group_root_causes
from hardgate.model.observation import Look
from hardgate.model.run import Host, Image, Run, StepSpan
from hardgate.model.tier import Tier
from hardgate.model.verdict import Reason, Verdict
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.contract_json import make_contract_json
from hardgate.report.headline import format_headline, unselected_capabilities
from hardgate.text.headline import exit_code_word

SUMMARY_SCHEMA_VERSION = 1
SUMMARY_SCHEMA_FILE = Path(__file__).with_name("summary.schema.json")


def write_summary(run: Run, path: Path, redactor: Redactor) -> None:
    """Write the summary to `path`, whole or not at all."""
    text = encode_summary(redactor.redact_value(summarize_run(run)))
    replace_file(path, text.encode("utf-8", "replace"))


def encode_summary(summary: Mapping[str, Any]) -> str:
    """Write a summary as JSON."""
    return json.dumps(summary, indent=2, ensure_ascii=False, default=str) + "\n"


def summarize_run(run: Run) -> dict[str, Any]:
    """Tell the run as JSON values, the outcome first. Secrets are still in it."""
    return {
        "headline": format_headline(run),
        "outcome": exit_code_word(run.exit_code).lower(),
        "exit_code": int(run.exit_code),
        "contract": make_contract_json(run.plan.contract),
        "partial": run.plan.is_partial,
        "not_looked_at": list(unselected_capabilities(run.plan)),
        "problem": run.problem,
        "remedy": run.remedy,
        "evidence": run.evidence,
        "causes": [_cause_json(cause) for cause in group_root_causes(run.verdicts)],
        "notices": list(run.notices),
        "adaptations": list(run.host.adaptations) if run.host else [],
        "image": _image_json(run.image),
        "source": asdict(run.source) if run.source else None,
        "subject": run.plan.contract.subject.value,
        "tier": _tier_json(run.plan.tier),
        "host": _host_json(run.host),
        "id": run.id,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "baseline": dict(run.baseline) if run.baseline else None,
        "session": run.plan.title,
        "timeline": [summarize_span(span) for span in run.timeline],
        "steps": {name: round(seconds, 3) for name, seconds in run.steps.items()},
        "kept": list(run.kept),
        "verdicts": [summarize_verdict(verdict, run) for verdict in run.verdicts],
        "hardgate": __version__,
        "schema_version": SUMMARY_SCHEMA_VERSION,
    }


def summarize_span(span: StepSpan) -> dict[str, Any]:
    """Tell a step of the timeline."""
    times = {"began": round(span.began, 3), "seconds": round(span.seconds, 3)}
    return {**asdict(span), **times}


def _image_json(image: Image | None) -> dict[str, str] | None:
    if image is None:
        return None
    return {
        "reference": image.reference,
        "digest": image.digest,
        "source_commit": image.source_commit,
    }


def summarize_look(look: Look) -> dict[str, Any]:
    """Tell one look at a promise."""
    return {
        "kind": look.kind.value,
        "began": round(look.began, 3),
        "seconds": round(look.seconds, 3),
    }


def _tier_json(tier: Tier | None) -> dict[str, Any] | None:
    if tier is None:
        return None
    return {
        "number": tier.number,
        "name": tier.name,
        "origin": tier.origin,
        "sha256": tier.sha256,
    }


def _host_json(host: Host | None) -> dict[str, str] | None:
    if host is None:
        return None
    return {
        "kind": host.kind,
        "name": host.name,
        "engine": host.engine,
        "kernel": host.kernel,
    }


def _cause_json(cause: RootCause) -> dict[str, Any]:
    return {
        "sentence": cause.sentence,
        "remedy": cause.remedy,
        "severity": cause.severity.value,
        "cause": cause.reason.cause if cause.reason else "",
        "quotes": list(cause.reason.quotes) if cause.reason else [],
        "verdicts": [verdict.name for verdict in cause.verdicts],
    }


def summarize_verdict(verdict: Verdict, run: Run) -> dict[str, Any]:
    """Tell one verdict of a run."""
    execution = verdict.observation.execution
    return {
        "name": verdict.name,
        "kind": verdict.kind.value,
        "severity": verdict.severity.value,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "hint": verdict.hint,
        **_promise_json(verdict.name, run),
        "seconds": round(execution.seconds, 3) if execution else None,
        "exit_status": execution.exit_status if execution else None,
        "timed_out": bool(execution and execution.timed_out),
        "stdout": execution.stdout if execution else "",
        "stderr": execution.stderr if execution else "",
        "truncated": bool(execution and execution.truncated),
        "facts": dict(verdict.observation.facts),
        "looks": [summarize_look(look) for look in verdict.observation.looks],
        "diagnosis": _diagnosis_json(verdict),
    }


def _promise_json(name: str, run: Run) -> dict[str, Any]:
    for capability in run.plan.capabilities:
        if capability.name == name:
            return {
                "description": capability.description,
                "source": capability.source,
                "line": capability.line,
            }
    guards = {guard.name: guard.description for guard in run.plan.guards}
    return {"description": guards.get(name, ""), "source": "", "line": 0}


def _diagnosis_json(verdict: Verdict) -> dict[str, Any] | None:
    diagnosis, observation = verdict.diagnosis, verdict.observation
    if diagnosis is None:
        return None
    return {
        "reason": _reason_json(diagnosis.reason),
        "looked_twice": diagnosis.looked_twice,
        "trace": diagnosis.trace,
        "exit_status": diagnosis.exit_status,
        "flaky": diagnosis.flaky,
        "note": diagnosis.note,
        "discarded": [asdict(entry) for entry in observation.discarded],
        "commands": [asdict(one) for one in observation.commands],
        "failures": [asdict(one) for one in observation.failures],
        "exchanges": [asdict(one) for one in observation.exchanges],
        "surroundings": dict(observation.surroundings),
    }


def _reason_json(reason: Reason | None) -> dict[str, Any] | None:
    if reason is None:
        return None
    return {
        "cause": reason.cause,
        "subject": reason.subject,
        "sentence": reason.sentence,
        "remedy": reason.remedy,
        "quotes": list(reason.quotes),
        "general": reason.general,
    }
