"""A host's `summary.json`, for programs: its contracts as in a gate's own, and tier 4 there."""

import json
from typing import Any

from hardgate import __version__
from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.remote.runner.headline import host_headline
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.gate_summary import RemoteVerdict
from hardgate.report.summary_json import summarize_run as run_summary
from hardgate.text.headline import exit_code_word

RUNNER_SCHEMA_VERSION = 1


def encode_host_summary(host: HostReport, run: RunnerRun, redactor: Redactor) -> bytes:
    """Write the file."""
    redacted = redactor.redact_value(summarize_host(host, run))
    text = json.dumps(redacted, indent=2, ensure_ascii=False, default=str)
    return (text + "\n").encode("utf-8", "replace")


def summarize_host(host: HostReport, run: RunnerRun) -> dict[str, Any]:
    """Tell it as JSON values, the outcome first."""
    return {
        "headline": host_headline(host),
        "outcome": exit_code_word(host.exit_code).lower(),
        "exit_code": int(host.exit_code),
        "host": host.name,
        "withdrawn": host.withdrawn,
        "changed": host.name in run.changed,
        "notices": list(host.notices),
        "error": _error_json(host.error),
        "contracts": [run_summary(host_run) for host_run in host.runs],
        "gate": _gate_json(host),
        "id": run.id,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "hardgate": __version__,
        "schema_version": RUNNER_SCHEMA_VERSION,
    }


def _gate_json(host: HostReport) -> dict[str, Any]:
    plan, summary = host.gate_plan, host.gate_summary
    return {
        "session": plan.title,
        "origin": plan.contract.origin,
        "contract": plan.contract.sha256,
        "exit_code": int(host.gate_exit_code),
        "headline": summary.headline if summary else "",
        "error": _error_json(host.summary_error),
        "run": summary.run if summary else "",
        "digest": summary.digest if summary else "",
        "seconds": summary.seconds if summary else None,
        "verdicts": [_verdict_json(verdict) for verdict in summary.verdicts] if summary else [],
    }


def _verdict_json(verdict: RemoteVerdict) -> dict[str, str]:
    return {
        "name": verdict.name,
        "kind": verdict.kind.value,
        "severity": verdict.severity.value,
        "outcome": verdict.outcome.value,
        "reason": verdict.reason,
        "remedy": verdict.remedy,
    }


def _error_json(error: HardgateError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"problem": error.problem, "remedy": error.remedy, "evidence": error.evidence}
