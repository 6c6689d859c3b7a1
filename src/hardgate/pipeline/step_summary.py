"""The table of a validation as a forge shows it beside the job (GITHUB_STEP_SUMMARY)."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.text.plain import one_line

VARIABLE = "GITHUB_STEP_SUMMARY"
WORDS = {Outcome.PASS: "green", Outcome.FAIL: "red", Outcome.ERROR: "unknown"}


def append_summary(
    headline: str, points: Iterable[Point], environ: Mapping[str, str] = os.environ
) -> None:
    """Append the table, where the forge names a file for it; one that cannot be is no miss."""
    if not environ.get(VARIABLE):
        return
    with suppress(OSError), Path(environ[VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(markdown(headline, points))


def markdown(headline: str, points: Iterable[Point]) -> str:
    """Write the headline, and a row for each point."""
    rows = [
        f"| {cell(point.name)} | {WORDS[point.outcome]} | {cell(point.reason)} |"
        for point in points
    ]
    head = ["", f"**{cell(headline)}**", "", "| | | |", "|---|---|---|"]
    return "\n".join([*head, *rows, ""])


def cell(text: str) -> str:
    """Let nothing in a text be taken for a table, for HTML or for a link."""
    plain = one_line(text)
    for char in "\\`*_[]|<>#":
        plain = plain.replace(char, f"\\{char}")
    return plain
