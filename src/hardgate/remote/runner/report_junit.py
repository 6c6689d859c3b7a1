"""A host's `junit.xml`: a suite for each of its contracts, and one for tier 4 there.

Made from the host's `summary.json`, so that a finished run can be told anew.
"""

from collections.abc import Mapping
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome, VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.runner.report_json import summarize_host
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.html import strip_json_control_codes
from hardgate.report.junit import make_run_suite
from hardgate.report.junit_xml import (
    NO_REASON,
    WHOLE_RUN_CASE,
    ReportCase,
    ReportSuite,
    join_parts,
    make_promise_case,
    make_whole_run_case,
    write_suites,
)
from hardgate.report.marks import mark_outcome
from hardgate.report.read_summary import restore_run
from hardgate.text.plain import one_line

Document = Mapping[str, Any]


def make_host_junit(host: HostReport, run: RunnerRun, redactor: Redactor) -> bytes:
    """Make the report of a host; it is never greener than the host."""
    return render_host_junit(redactor.redact_value(summarize_host(host, run)))


def render_host_junit(summary: Document) -> bytes:
    """Make the report from the redacted `summary.json`."""
    suites = [make_run_suite(restore_run(one), Redactor()) for one in summary["contracts"]]
    summary = strip_json_control_codes(summary)
    suites.append(_make_gate_suite(summary))
    red = any(suite.is_red for suite in suites)
    if summary["exit_code"] != ExitCode.HELD and not red:
        suites.append(_make_whole_run_suite(summary))
    return write_suites(suites, title=one_line(f"HARDGATE RUNNER {summary['headline']}"))


def _make_gate_suite(summary: Document) -> ReportSuite:
    gate, title = summary["gate"], summary["gate"]["session"]
    known = gate["exit_code"] != ExitCode.UNKNOWN
    whole = ReportCase(
        name=WHOLE_RUN_CASE,
        classname=f"{title}.run",
        kind="" if known else "error",
        message=_gate_message(gate),
        body=_format_error_body(gate["error"]) or gate["headline"],
        stdout=gate["headline"],
        seconds=gate["seconds"],
    )
    return ReportSuite(
        name=f"hardgate {title} on {summary['host']}, contract {gate['origin']}",
        id=f"{summary['id']}-{title}",
        timestamp=summary["started_at"],
        properties={
            "host.name": summary["host"],
            "contract.sha256": gate["contract"],
            "image.digest": gate["digest"] or "none",
            "run.id": gate["run"] or "none",
        },
        cases=(whole, *(_make_remote_case(verdict, title) for verdict in gate["verdicts"])),
    )


def _gate_message(gate: Document) -> str:
    if gate["error"]:
        return one_line(gate["error"]["problem"])
    return one_line(gate["headline"]) or NO_REASON


def _format_error_body(error: Document | None) -> str:
    parts = (error["problem"], error["remedy"], error["evidence"]) if error else ()
    return join_parts(*parts)


def _make_remote_case(verdict: Document, title: str) -> ReportCase:
    severity = Severity(verdict["severity"])
    part = "guard" if verdict["kind"] == VerdictKind.GUARD.value else severity.value
    return make_promise_case(
        mark_outcome(Outcome(verdict["outcome"]), severity),
        name=verdict["name"],
        classname=f"{title}.{part}",
        reason=verdict["reason"],
        remedy=verdict["remedy"],
    )


def _make_whole_run_suite(summary: Document) -> ReportSuite:
    case = make_whole_run_case("runner", summary["headline"], _format_error_body(summary["error"]))
    return ReportSuite(
        name=f"hardgate runner: {summary['host']}",
        id=summary["id"],
        timestamp=summary["started_at"],
        properties={},
        cases=(case,),
    )
