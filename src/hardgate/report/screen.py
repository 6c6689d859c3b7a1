"""A run's last block, made to fit the window that it is read in.

What is left out is in the reports, and the block says so. Imported only where there is a terminal.
"""

import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hardgate.model.run import Run
from hardgate.model.verdict import Verdict
from hardgate.report.closing_block import ClosingBlock, format_closing_block
from hardgate.report.details import Clean
from hardgate.report.live import make_terminal_console
from hardgate.report.marks import Tone
from hardgate.report.terminal_summary import (
    GUTTER,
    Detail,
    StyledLine,
    count_reasons,
    format_run_summary,
)
from hardgate.text.plain import format_count

RESERVED_ROWS = 3
"""Rows that are left for a prompt, and for what a caller such as nox writes below."""
MIN_BLOCK_ROWS = 8
"""A block is not made smaller than this, however low the window is."""
MAX_QUOTE_ROWS = 3
"""Rows of one line of another session's block."""
MIN_QUOTES = 3
MIN_TEXT_COLUMNS = 24
"""Where an indentation leaves less than this for the text, only its spaces are kept."""
_LEAD = re.compile(r"\s*(?:(?:why|to do|note): +|\| |\S )?")
_GUTTER = re.compile(r"\s*\| ")


@dataclass(frozen=True, kw_only=True)
class Window:
    """A terminal's window, in characters."""

    columns: int
    rows: int


def measure_window(environ: Mapping[str, str]) -> Window:
    """Measure the window of this process's terminal."""
    size = make_terminal_console(io.StringIO(), color=False, environ=environ).size
    return Window(columns=size.width, rows=size.height)


@dataclass(frozen=True, kw_only=True)
class _Attempt:
    """One way to write the block."""

    detail: Detail
    rows_per_line: int
    """A longer line is cut."""


def fit_run_summary(
    run: Run,
    clean: Clean,
    *,
    marks: Callable[[Verdict], str],
    reports: Path | None,
    window: Window,
    is_quiet: bool = False,
) -> list[StyledLine]:
    """Give the block with as much detail as the window holds; with `is_quiet` as `-q` wants it."""
    clean = cache(clean)  # each attempt shows the same texts
    full = f"the reports in {reports}" if run.problem else f"hardgate explain --run {reports}"

    def format_block(detail: Detail) -> Iterator[StyledLine]:
        return format_run_summary(run, clean, marks=marks, reports=None, detail=detail)

    return _fit_lines(
        format_block,
        count_reasons(run),
        window,
        reports=None if is_quiet else reports,
        full=full if reports else "",
        is_quiet=is_quiet,
    )


def fit_closing_block(
    block: ClosingBlock,
    clean: Clean,
    *,
    reports: Path | None,
    window: Window,
    is_quiet: bool = False,
) -> list[StyledLine]:
    """Give another session's last block with as much detail as the window holds."""
    clean = cache(clean)
    return _fit_lines(
        lambda detail: format_closing_block(block, clean, detail),
        len(block.causes),
        window,
        reports=None if is_quiet else reports,
        full=f"the reports in {reports}" if reports else "",
        is_quiet=is_quiet,
    )


def _fit_lines(
    format_block: Callable[[Detail], Iterable[StyledLine]],
    reasons: int,
    window: Window,
    *,
    reports: Path | None,
    full: str,
    is_quiet: bool,
) -> list[StyledLine]:
    """Write a block ever shorter until it fits; the last way is taken as it is."""
    budget = max(window.rows - RESERVED_ROWS, MIN_BLOCK_ROWS)
    lines: list[StyledLine] = []
    for number, attempt in enumerate(_list_attempts(reasons, window.columns)):
        detail = replace(attempt.detail, circumstances=number == 0 and not is_quiet)
        lines = _fold_block(
            list(format_block(detail)),
            attempt.rows_per_line,
            window.columns,
            reports=reports,
            full=full,
            is_cut=number > 0,
        )
        if sum(count_rows(line, window.columns) for _, line in lines) <= budget:
            break
    return lines


def fit_quotes(lines: Sequence[str], window: Window, *, beside: int, parts: int) -> list[str]:
    """Cut one of several texts to its part of a window, in which other rows stand `beside` it."""
    room = (window.rows - RESERVED_ROWS - beside) // max(parts, 1)
    columns = window.columns - len(GUTTER)
    rows = [row for line in lines for row in fold_line(line, columns)[:MAX_QUOTE_ROWS]]
    if len(rows) <= max(room, MIN_QUOTES):
        return rows
    kept = rows[: max(room, MIN_QUOTES) - 1]
    return [*kept, f"… and {format_count(len(rows) - len(kept), 'more line')}"]


def _list_attempts(reasons: int, columns: int) -> Iterator[_Attempt]:
    """Yield ways to write the block, each shorter than the one before."""
    detail = Detail(brief_characters=columns)
    yield _Attempt(detail=detail, rows_per_line=6)
    detail = replace(detail, circumstances=False)
    for quotes, excerpt, log in ((10, 8, 12), (5, 5, 8), (3, 3, 6), (1, 2, 4)):
        detail = replace(detail, quote_lines=quotes, excerpt_lines=excerpt, log_lines=log)
        yield _Attempt(detail=detail, rows_per_line=4)
    detail = replace(detail, quote_lines=0, excerpt_lines=0, log_lines=3, changes=False)
    yield _Attempt(detail=detail, rows_per_line=4)
    detail = replace(detail, notices=False)
    yield _Attempt(detail=detail, rows_per_line=4)
    for full in range(reasons - 1, 0, -1):
        yield _Attempt(
            detail=replace(detail, causes=full, brief_causes=reasons - full), rows_per_line=3
        )
    detail = replace(detail, causes=1, log_lines=1)
    for brief in range(reasons - 2, -1, -1):
        yield _Attempt(detail=replace(detail, brief_causes=brief), rows_per_line=3)
    for rows in (2, 1):
        yield _Attempt(detail=detail, rows_per_line=rows)


def _fold_block(
    block: list[StyledLine],
    rows_per_line: int,
    columns: int,
    *,
    reports: Path | None,
    full: str,
    is_cut: bool,
) -> list[StyledLine]:
    """Break long lines; all but the last one, which stays whole for whoever copies it."""
    *lines, headline = block
    folded: list[StyledLine] = []
    for tone, line in lines:
        rows = fold_line(line, columns)
        limit = 2 if _GUTTER.match(line) else rows_per_line
        if len(rows) > limit:
            is_cut = True
            rows = [*rows[: limit - 1], _mark_cut(rows[limit - 1], columns)]
        folded += [(tone, row) for row in rows]
    tone, pointer = _point_at_reports(reports, full, is_cut=is_cut)
    return [*folded, *((tone, row) for row in fold_line(pointer, columns) if row), headline]


def _point_at_reports(reports: Path | None, full: str, *, is_cut: bool) -> StyledLine:
    """Say where the rest is: a run that never came to its probes has nothing to explain."""
    if not is_cut:
        return Tone.PLAIN, f"Reports: {reports}" if reports else ""
    return Tone.UNSURE, f"Shortened; in full: {full}" if full else "Shortened; in full with '-v'"


def fold_line(line: str, columns: int) -> list[str]:
    """Break a line at its words; each row begins where the first one's text does.

    What an image wrote keeps its gutter in every row, so that none passes for a line of ours.
    """
    if cell_len(line) <= columns:
        return [line]
    match = _LEAD.match(line)
    lead = match[0] if match else ""
    if columns - cell_len(lead) < MIN_TEXT_COLUMNS and not _GUTTER.match(line):
        lead = line[: len(line) - len(line.lstrip())]
    below = lead if _GUTTER.match(line) else " " * max(cell_len(lead), 2)
    width = max(columns - cell_len(below), 1)
    first, *rest = Text(line[len(lead) :]).wrap(_MEASURE, width, tab_size=4)
    return [f"{lead}{first.plain.rstrip()}", *(f"{below}{row.plain.strip()}" for row in rest)]


_MEASURE = Console(file=None, width=80, color_system=None)
"""Text.wrap asks a console for its defaults alone."""


def _mark_cut(row: str, columns: int) -> str:
    text = Text(row.rstrip())
    text.truncate(max(columns - 2, 1))
    return f"{text.plain.rstrip()} …"


def count_rows(line: str, columns: int) -> int:
    """Count the rows that a terminal makes of a line."""
    return max(1, -(-cell_len(line) // max(columns, 1)))
