"""The table of a validation as a forge shows it beside the job (GITHUB_STEP_SUMMARY)."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.text.plain import one_line

STEP_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
OUTCOME_WORDS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.ERROR: "unknown"}


def append_step_summary(
    headline: str, checks: Iterable[Check], environ: Mapping[str, str] = os.environ
) -> None:
    """Append the table, where the forge names a file for it; one that cannot be is no miss."""
    if not environ.get(STEP_SUMMARY_VARIABLE):
        return
    with (
        suppress(OSError),
        Path(environ[STEP_SUMMARY_VARIABLE]).open("a", encoding="utf-8") as file,
    ):
        file.write(make_checks_markdown(headline, checks))


def make_checks_markdown(headline: str, checks: Iterable[Check]) -> str:
    """Write the headline, and a row for each point."""
    rows = [
        f"| {escape_markdown_cell(check.name)} | {OUTCOME_WORDS[check.outcome]} | "
        f"{escape_markdown_cell(check.reason)} |"
        for check in checks
    ]
    head = ["", f"**{escape_markdown_cell(headline)}**", "", "| | | |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def escape_markdown_cell(text: str) -> str:
    """Let nothing in a text be taken for a table, for HTML or for a link."""
    plain = one_line(text)
    for char in "\\`*_[]|<>#":
        plain = plain.replace(char, f"\\{char}")
    return plain
