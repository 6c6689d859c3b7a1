"""A host's `junit.xml`: a suite for each of its contracts, and one for tier 4 there."""

from collections.abc import Iterator

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.verdict import VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.runner.headline import host_headline
from hardgate.remote.runner.result import HostReport
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.details import Clean
from hardgate.report.gate_summary import RemoteVerdict
from hardgate.report.junit import WHOLE_RUN_CASE, kind_of_case, make_run_suite
from hardgate.report.junit_xml import ReportCase, ReportSuite, write_suites
from hardgate.text.plain import one_line, strip_control_codes


def make_host_junit(host: HostReport, run: RunnerRun, redactor: Redactor) -> bytes:
    """Make the report; it is never greener than the host."""

    def clean_text(text: str) -> str:
        return redactor.redact_text(strip_control_codes(text))

    suites = [make_run_suite(host_run, redactor) for host_run in host.runs]
    suites.append(_make_gate_suite(host, run, clean_text))
    red = any(case.kind in {"failure", "error"} for suite in suites for case in suite.cases)
    if host.exit_code is not ExitCode.HELD and not red:
        suites.append(_make_whole_run_suite(host, run, clean_text))
    return write_suites(
        suites, title=one_line(clean_text(f"HARDGATE RUNNER {host_headline(host)}"))
    )


def _make_gate_suite(host: HostReport, run: RunnerRun, clean: Clean) -> ReportSuite:
    plan, summary = host.gate_plan, host.gate_summary
    cases = (
        tuple(_make_remote_case(verdict, clean) for verdict in summary.verdicts) if summary else ()
    )
    gate = ReportCase(
        name=WHOLE_RUN_CASE,
        classname=f"{plan.title}.run",
        kind="" if summary and summary.exit_code is not ExitCode.UNKNOWN else "error",
        message=_gate_message(host, clean),
        body=_format_error_body(host.summary_error, clean)
        or (clean(summary.headline) if summary else ""),
        stdout=clean(summary.headline) if summary else "",
        seconds=summary.seconds if summary else None,
    )
    return ReportSuite(
        name=clean(f"hardgate {plan.title} on {host.name}, contract {plan.contract.origin}"),
        id=f"{run.id}-{plan.title}",
        timestamp=run.started_at,
        properties={
            "host.name": clean(host.name),
            "contract.sha256": plan.contract.sha256,
            "image.digest": summary.digest if summary else "none",
            "run.id": summary.run if summary else "none",
        },
        cases=(gate, *cases),
    )


def _gate_message(host: HostReport, clean: Clean) -> str:
    if host.summary_error:
        return one_line(clean(host.summary_error.problem))
    return (
        one_line(clean(host.gate_summary.headline)) if host.gate_summary else "It gave no reason."
    )


def _format_error_body(error: HardgateError | None, clean: Clean) -> str:
    parts = (error.problem, error.remedy, error.evidence) if error else ()
    return clean("\n\n".join(part for part in parts if part))


def _make_remote_case(verdict: RemoteVerdict, clean: Clean) -> ReportCase:
    kind = kind_of_case(verdict.outcome, verdict.severity)
    advisory = "Advisory, missed: " if kind == "skipped" else ""
    reason = one_line(clean(verdict.reason)) or "It gave no reason."
    to_do = f"What to do: {verdict.remedy}" if verdict.remedy else ""
    group = "guard" if verdict.kind is VerdictKind.GUARD else Severity(verdict.severity).value
    return ReportCase(
        name=clean(verdict.name),
        classname=f"t4.{group}",
        kind=kind,
        message=f"{advisory}{reason}" if kind else "",
        body=clean("\n\n".join(part for part in (verdict.reason, to_do) if part)) if kind else "",
        stdout="" if kind else clean(verdict.reason),
    )


def _make_whole_run_suite(host: HostReport, run: RunnerRun, clean: Clean) -> ReportSuite:
    case = ReportCase(
        name=WHOLE_RUN_CASE,
        classname="runner.run",
        kind="error",
        message=one_line(clean(host_headline(host))),
        body="\n\n".join(part for part in _failure_parts(host, clean) if part),
    )
    return ReportSuite(
        name=clean(f"hardgate runner: {host.name}"),
        id=run.id,
        timestamp=run.started_at,
        properties={},
        cases=(case,),
    )


def _failure_parts(host: HostReport, clean: Clean) -> Iterator[str]:
    yield clean(host_headline(host))
    yield _format_error_body(host.error, clean)
