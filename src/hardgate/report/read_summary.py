"""A finished run, read from its `summary.json`, so that every report can be made from it anew."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, UsageError
from hardgate.model.contract import Capability, Contract, Severity, Subject
from hardgate.model.guard import Guard
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Image, Run, Source, StepSpan
from hardgate.model.tier import Tier
from hardgate.model.verdict import Diagnosis, Outcome, Reason, Verdict, VerdictKind
from hardgate.report.summary_json import SUMMARY_SCHEMA_VERSION

SUMMARY_FILE = "summary.json"
ADDED_KEYS: Mapping[str, Any] = {"session": "", "timeline": [], "baseline": None, "source": None}
"""Keys that an older summary of the same schema version may lack."""


def read_summary(path: Path) -> dict[str, Any]:
    """Read a run's folder or file; `latest` may be a file that names the run's folder."""
    if path.is_file() and path.suffix != ".json":
        path = path.with_name(path.read_text(encoding="utf-8").strip())
    file = path if path.is_file() else path / SUMMARY_FILE
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        known = summary["schema_version"] == SUMMARY_SCHEMA_VERSION and "causes" in summary
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"'{file}' cannot be read as a run's summary: {error}.",
            "Name the folder that a run wrote its reports to, such as 'reports/t4/latest'.",
        ) from error
    if not known:
        raise UsageError(
            f"'{file}' was written by another version of hardgate.",
            "Run the gate again, or read it with that version.",
        )
    return {**ADDED_KEYS, **summary}


def restore_run(summary: Mapping[str, Any]) -> Run:
    """Make the run that `summarize_run` described; raises UsageError where a key is missing.

    Probes, and whatever else no report shows, are left out.
    """
    try:
        return _restore_run({**ADDED_KEYS, **summary})
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"The run's summary cannot be read: {type(error).__name__}: {error}.",
            "Run the gate again, and make the report from its new summary.",
        ) from error


def _restore_run(summary: Mapping[str, Any]) -> Run:
    image, host = summary["image"], summary["host"]
    return Run(
        id=summary["id"],
        started_at=summary["started_at"],
        seconds=summary["seconds"],
        plan=_restore_plan(summary),
        image=Image(**image) if image else None,
        host=Host(**host, adaptations=tuple(summary["adaptations"])) if host else None,
        verdicts=tuple(_restore_verdict(verdict) for verdict in summary["verdicts"]),
        exit_code=ExitCode(summary["exit_code"]),
        problem=summary["problem"],
        remedy=summary["remedy"],
        evidence=summary["evidence"],
        notices=tuple(summary["notices"]),
        steps=dict(summary["steps"]),
        timeline=tuple(StepSpan(**span) for span in summary["timeline"]),
        baseline=summary["baseline"],
        kept=tuple(summary["kept"]),
        source=Source(**summary["source"]) if summary["source"] else None,
    )


def _restore_plan(summary: Mapping[str, Any]) -> Plan:
    contract, tier = summary["contract"], summary["tier"]
    verdicts = summary["verdicts"]
    looked = [_restore_capability(one) for one in verdicts if one["kind"] == "capability"]
    left_out = [_make_capability(name) for name in summary["not_looked_at"]]
    title = f"t{tier['number']}" if tier else ""
    return Plan(
        contract=Contract(
            origin=contract["origin"],
            sha256=contract["sha256"],
            version=contract["version"],
            agent_uid=None,
            capabilities=(*looked, *left_out),
            subject=Subject(summary["subject"]),
            warnings=tuple(contract["warnings"]),
        ),
        tier=_restore_tier(tier) if tier else None,
        capabilities=tuple(looked),
        guards=tuple(_restore_guard(one) for one in verdicts if one["kind"] == "guard"),
        session=summary["session"] if summary["session"] != title else "",
    )


def _restore_tier(tier: Mapping[str, Any]) -> Tier:
    """Make a tier of its number and name; no report made from a summary shows more of it."""
    return Tier(
        number=tier["number"],
        name=tier["name"],
        memory_mib=None,
        cpus=None,
        network="",
        privileged=False,
        pid_host=False,
        read_only=False,
        tmpfs=(),
        volumes=(),
        binds=(),
    )


def _restore_capability(verdict: Mapping[str, Any]) -> Capability:
    return Capability(
        name=verdict["name"],
        description=verdict["description"],
        severity=Severity(verdict["severity"]),
        source=verdict["source"],
        probe="",
        line=verdict.get("line", 0),
    )


def _make_capability(name: str) -> Capability:
    return Capability(name=name, description="", severity=Severity.HARD, source="", probe="")


def _restore_guard(verdict: Mapping[str, Any]) -> Guard:
    return Guard(
        name=verdict["name"],
        description=verdict["description"],
        hint=verdict["hint"],
        judge=lambda _facts, _tier, _contract: (None, "A finished run is not judged again."),
    )


def _restore_verdict(verdict: Mapping[str, Any]) -> Verdict:
    return Verdict(
        name=verdict["name"],
        kind=VerdictKind(verdict["kind"]),
        severity=Severity(verdict["severity"]),
        outcome=Outcome(verdict["outcome"]),
        reason=verdict["reason"],
        hint=verdict["hint"],
        observation=_restore_observation(verdict),
        diagnosis=_restore_diagnosis(verdict["diagnosis"]),
    )


def _restore_observation(verdict: Mapping[str, Any]) -> Observation:
    diagnosis = verdict["diagnosis"] or {}
    keys = ("discarded", "commands", "failures", "exchanges", "surroundings")
    execution = {
        key: verdict[key]
        for key in ("exit_status", "seconds", "timed_out", "stdout", "stderr", "truncated")
    }
    return Observation.from_json(
        {
            "name": verdict["name"],
            "execution": execution if verdict["seconds"] is not None else None,
            "facts": verdict["facts"],
            "looks": verdict.get("looks", ()),
            **{key: diagnosis[key] for key in keys if key in diagnosis},
        }
    )


def _restore_diagnosis(diagnosis: Mapping[str, Any] | None) -> Diagnosis | None:
    if diagnosis is None:
        return None
    reason = diagnosis["reason"]
    keys = ("trace", "exit_status", "flaky", "note", "looked_twice")
    return Diagnosis(
        reason=Reason(**{**reason, "quotes": tuple(reason["quotes"])}) if reason else None,
        **{key: diagnosis[key] for key in keys},
    )
