"""The table of a session's points, for a job's summary or a pull request."""

import re
from collections.abc import Iterable, Iterator

from hardgate.model.contract import Severity
from hardgate.model.verdict import OUTCOME_EXIT_CODES, Outcome
from hardgate.pipeline.check import Check
from hardgate.report.markdown import escape_markdown
from hardgate.report.sarif import SourceFinding
from hardgate.text.headline import exit_code_word
from hardgate.text.plain import one_line

ANSWERS_GROUP = "answers"
"""Of `validate`: each answer has told its own findings."""
_LOCATED = re.compile(r"(?P<file>[^\s:/][^:]*):(?P<line>[1-9][0-9]{0,8}): (?P<message>.+)")


def make_checks_markdown(headline: str, checks: Iterable[Check]) -> str:
    """Write the headline, and a row for each point."""
    rows = [
        f"| {escape_markdown(check.name)} | {name_outcome_colour(check.outcome)} | "
        f"{escape_markdown(_describe_check(check))} |"
        for check in checks
    ]
    head = ["", f"**{escape_markdown(headline)}**", "", "| | | |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def name_outcome_colour(outcome: Outcome) -> str:
    """Give the word of the exit code that an outcome is worth by itself: green, red, unknown."""
    return exit_code_word(OUTCOME_EXIT_CODES[outcome]).lower()


def _describe_check(check: Check) -> str:
    """Give the reason, and what to do where it did not hold."""
    remedy = "" if check.outcome is Outcome.PASS else check.remedy
    return f"{check.reason} {remedy}".strip()


def list_check_findings(checks: Iterable[Check]) -> Iterator[SourceFinding]:
    """Yield what the checks that did not hold found, each at its file and line.

    Where a check found more than one thing, its evidence has a line for each, `FILE:LINE: …`.
    """
    for check in checks:
        if check.outcome is Outcome.PASS or check.group == ANSWERS_GROUP:
            continue
        level = "warning" if check.severity is Severity.ADVISORY else "error"
        located = [line for line in check.evidence.splitlines() if _LOCATED.match(line)]
        for line in located or [check.reason]:
            found = _LOCATED.match(line)
            yield SourceFinding(
                rule=check.name,
                level=level,
                message=one_line(f"{found['message'] if found else line} {check.remedy}"),
                file=found["file"] if found else "",
                line=int(found["line"]) if found else 0,
                help=check.remedy,
            )
