"""Terminals for tests: what a person sees of what was written, and programs that run at one."""

import fcntl
import io
import os
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyte

UNTIL_DEADLINE_SECONDS = 60


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def window(columns: int, rows: int) -> dict[str, str]:
    """Give the environment of a process in a window of this size."""
    return {"COLUMNS": str(columns), "LINES": str(rows), "TERM": "xterm"}


@dataclass(frozen=True, kw_only=True)
class Display:
    """What a terminal shows, and what has left it at the top."""

    above: list[str]
    rows: list[str]
    is_cursor_shown: bool
    cursor: tuple[int, int]
    """Its row and column, from 0."""

    @property
    def shown(self) -> str:
        return "\n".join(self.rows)

    @property
    def everything(self) -> list[str]:
        return [*self.above, *self.rows]


def display(written: str, columns: int, rows: int) -> Display:
    """Show a text as a terminal of this size does; a line's end there also is a return."""
    screen = pyte.HistoryScreen(columns, rows, history=100_000, ratio=0.5)
    pyte.Stream(screen).feed(written.replace("\r\n", "\n").replace("\n", "\r\n"))
    above = [
        "".join(line[column].data for column in range(columns)).rstrip()
        for line in screen.history.top
    ]
    return Display(
        above=above,
        rows=[row.rstrip() for row in screen.display],
        is_cursor_shown=not screen.cursor.hidden,
        cursor=(screen.cursor.y, screen.cursor.x),
    )


@dataclass(frozen=True, kw_only=True)
class PtyRun:
    """A program that ran at a terminal."""

    status: int
    written: str


def run_at_terminal(
    argv: Sequence[str],
    *,
    columns: int,
    rows: int,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    on_written: Callable[[str, subprocess.Popen[bytes]], None] | None = None,
) -> PtyRun:
    """Run a program at a terminal of its own; `on_written` sees all that was written so far."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = subprocess.Popen(
        argv,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=folder,
        env=make_environment(environ or {}),
        start_new_session=True,
    )
    os.close(theirs)
    try:
        written = _read_until_end(ours, process, on_written)
        return PtyRun(status=process.wait(UNTIL_DEADLINE_SECONDS), written=written)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def make_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Give a person's environment: no CI, no size of a window but the terminal's own."""
    left_out = {"CI", "COLUMNS", "LINES", "NO_COLOR", "GITHUB_ACTIONS", "GITLAB_CI"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "TERM": "xterm", "LC_ALL": "C.UTF-8", **changes}


def _read_until_end(
    ours: int,
    process: subprocess.Popen[bytes],
    on_written: Callable[[str, subprocess.Popen[bytes]], None] | None,
) -> str:
    written, deadline = b"", time.monotonic() + UNTIL_DEADLINE_SECONDS
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the last writer has gone
                break
            if not piece:
                break
            written += piece
        if on_written:
            on_written(written.decode(errors="replace"), process)
    return written.decode(errors="replace")


PYTHON = sys.executable
HARDGATE = (PYTHON, "-m", "hardgate")
