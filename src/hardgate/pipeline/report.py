"""The points of an answer: a line each as they fall, the last block, and JUnit."""

from collections.abc import Iterator, Sequence

from hardgate import __version__
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session_result import SessionResult
from hardgate.redaction import Redactor
from hardgate.report.closing_block import BlockCause, ClosingBlock
from hardgate.report.console import Console
from hardgate.report.junit_xml import (
    NO_REASON,
    RED_KINDS,
    ReportCase,
    ReportSuite,
    make_whole_run_case,
)
from hardgate.report.marks import mark_outcome, tone_of_exit_code
from hardgate.report.terminal_summary import quote_output
from hardgate.text.plain import format_duration, one_line, strip_control_codes

CHECK_EXCERPT_LINES = 12
"""Lines of evidence under a point; all of them with `-v`."""


def print_check(console: Console, check: Check) -> None:
    """Tell a point, with reason, remedy and evidence where it is not a pass."""
    passed = check.outcome is Outcome.PASS
    if passed and console.verbosity < 0:
        return
    print_check_title(console, check)
    why, to_do = (one_line(console.clean_text(text)) for text in (check.reason, check.remedy))
    if why:
        console.print_line(f"    {why}" if passed else f"    why:   {why}")
    if to_do and not passed:
        console.print_line(f"    to do: {to_do}")
    if check.evidence and (not passed or console.verbosity > 0):
        lines = 1_000_000 if console.verbosity > 0 else CHECK_EXCERPT_LINES
        for tone, line in quote_output(console.clean_text(check.evidence), lines):
            console.print_line(line, tone)


def print_check_title(console: Console, check: Check) -> None:
    """Tell a point in one line: what it is worth, and what it took."""
    mark = mark_outcome(check.outcome, check.severity)
    time = f"  {format_duration(check.seconds)}" if check.seconds >= 1 else ""
    name = _name_with_severity(check)
    console.print_line(f"  {console.draw_mark(mark)} {name}{time}", mark.tone)


def _name_with_severity(check: Check) -> str:
    return check.name + (" (advisory)" if check.severity is Severity.ADVISORY else "")


def make_session_block(
    result: SessionResult, checks: Sequence[Check], console: Console
) -> ClosingBlock:
    """Make a session's last block: what was missed, what nobody could tell, then advice."""
    told = [check for check in checks if check.outcome is not Outcome.PASS]
    return ClosingBlock(
        causes=tuple(_make_cause(check, console) for check in sorted(told, key=_weigh)),
        notices=result.notices,
        headline=result.headline,
        tone=tone_of_exit_code(ExitCode(result.exit_code)),
    )


def _weigh(check: Check) -> tuple[bool, bool]:
    return check.severity is Severity.ADVISORY, check.outcome is not Outcome.FAIL


def _make_cause(check: Check, console: Console) -> BlockCause:
    mark = mark_outcome(check.outcome, check.severity)
    return BlockCause(
        mark=console.draw_mark(mark),
        name=_name_with_severity(check),
        why=check.reason,
        remedy=check.remedy,
        evidence=check.evidence,
        tone=mark.tone,
    )


def make_session_junit(
    result: SessionResult, checks: Sequence[Check], run_id: str, redactor: Redactor
) -> bytes:
    """Write the points as cases; never greener than the exit code."""

    def clean_text(text: str) -> str:
        return redactor.redact_text(strip_control_codes(text))

    return ReportSuite(
        name=f"hardgate {result.session}",
        title=one_line(clean_text(result.headline)),
        id=run_id,
        timestamp=result.started_at,
        properties={name: one_line(clean_text(text)) for name, text in _session_properties(result)},
        cases=tuple(_make_check_cases(result, checks, redactor)),
    ).to_bytes()


def _make_check_cases(
    result: SessionResult, checks: Sequence[Check], redactor: Redactor
) -> Iterator[ReportCase]:
    red = False
    for check in checks:
        kind = _kind_of_check(check)
        red = red or kind in RED_KINDS
        parts = (check.reason, check.remedy and f"What to do: {check.remedy}", check.evidence)
        text = redactor.redact_text(
            strip_control_codes("\n\n".join(part for part in parts if part))
        )
        yield ReportCase(
            name=redactor.redact_text(one_line(check.name)),
            classname=f"{result.session}.{check.group}",
            kind=kind,
            message=one_line(redactor.redact_text(strip_control_codes(check.reason))) or NO_REASON,
            body=text if kind else "",
            stdout="" if kind else text,
            seconds=check.seconds,
        )
    if result.exit_code != ExitCode.HELD and not red:
        yield make_whole_run_case(result.session, result.headline)


def _kind_of_check(check: Check) -> str:
    """A check that is advice, or that cannot be decided from the text alone, is never red."""
    if check.severity is Severity.ADVISORY and check.outcome is not Outcome.PASS:
        return "skipped"
    return mark_outcome(check.outcome, check.severity).junit_kind


def _session_properties(result: SessionResult) -> Iterator[tuple[str, str]]:
    yield "headline", result.headline
    yield "exit_code", str(result.exit_code)
    yield "commit", result.commit or "unknown"
    yield "contract.sha256", result.contract or "none"
    yield "image.digest", result.image or "none"
    yield "notices", " ".join(result.notices)
    yield "hardgate.version", __version__
