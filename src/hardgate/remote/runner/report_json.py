"""A host's `summary.json`, for programs: its contracts as in a gate's own, and tier 4 there."""

import json
from typing import Any

from hardgate import __version__
from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.remote.runner.headline import host_headline
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
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
        "gate": {
            "contract": host.gate_plan.contract.sha256,
            "exit_code": int(host.gate_exit_code),
            "headline": host.gate_summary.headline if host.gate_summary else "",
            "error": _error_json(host.summary_error),
        },
        "id": run.id,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "hardgate": __version__,
        "schema_version": RUNNER_SCHEMA_VERSION,
    }


def _error_json(error: HardgateError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"problem": error.problem, "remedy": error.remedy, "evidence": error.evidence}
