"""The live region: the last lines of a terminal, which show what is under way.

It is drawn by rich, which only this module and `screen` import, and they are imported only where
there is a terminal. The texts are values of rich's `Text`: no markup is read, of whomever.
See D52 in ARCHITECTURE.md.
"""

import io
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TextIO

import rich.console
from rich.console import Group
from rich.live import Live
from rich.text import Text

from hardgate.report.marks import Tone
from hardgate.report.terminal_summary import StyledLine

REFRESH_SECONDS = 0.2
_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ASCII_FRAMES = "|/-\\"

ListLines = Callable[[str, int, int], Iterable[StyledLine]]
"""Gives the region's lines: for a spinner's frame, in a window of so many columns and rows."""


class LiveRegion:
    """Shows lines that change below lines that stay; one lock is held while anything is written."""

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        color: bool,
        encodable: bool,
        environ: Mapping[str, str],
        lock: threading.RLock,
        list_lines: ListLines,
    ) -> None:
        """Show what `list_lines` gives; the caller holds `lock` while it writes by itself."""
        self._lock = lock
        self._stopped: threading.Event | None = None
        self._list_lines = list_lines
        self._frames = _FRAMES if encodable else _ASCII_FRAMES
        self._console = make_terminal_console(_Output(write), color=color, environ=environ)
        self._live = Live(
            console=self._console,
            get_renderable=self._render,
            auto_refresh=False,  # rich's own thread does not share the lock with what we write
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )

    @property
    def is_shown(self) -> bool:
        """Say whether the region is on the screen."""
        return self._stopped is not None

    def show(self) -> None:
        """Draw the region, and from now on by itself, so that times go on."""
        with self._lock:
            if self._stopped is not None:
                self._live.refresh()
                return
            self._stopped = threading.Event()
            self._live.start(refresh=True)
            threading.Thread(target=self._redraw_until, args=(self._stopped,), daemon=True).start()

    def hide(self) -> None:
        """Take the region off the screen."""
        with self._lock:
            if self._stopped is None:
                return
            self._stopped.set()
            self._stopped = None
            self._live.stop()

    def print_above(self, line: str, tone: Tone) -> None:
        """Write a line that stays, above the region; the terminal breaks it where it is long."""
        self._console.out(line, style=tone.colour.rich or None, highlight=False)

    def _redraw_until(self, stopped: threading.Event) -> None:
        while not stopped.wait(REFRESH_SECONDS):
            with self._lock:
                if not stopped.is_set():
                    self._live.refresh()

    def _render(self) -> Group:
        if self._stopped is None:  # what is drawn last leaves nothing behind
            return Group()
        frame = self._frames[int(time.monotonic() / REFRESH_SECONDS) % len(self._frames)]
        columns, rows = self._console.size
        lines = self._list_lines(frame, columns, rows - 1)
        return Group(*(_make_row(line, tone, columns) for tone, line in lines))


class _TerminalConsole(rich.console.Console):
    """Never hides the cursor: it is there whatever ends hardgate, Ctrl-Z and SIGKILL too."""

    def show_cursor(self, show: bool = True) -> bool:
        """Leave the cursor alone."""
        return not show


class _Output(io.TextIOBase):
    """Hands all on to a function, which knows the stream's encoding and bears its end."""

    encoding = "utf-8"

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def write(self, text: str) -> int:
        """Hand it on."""
        self._write(text)
        return len(text)


def make_terminal_console(
    stream: TextIO | io.TextIOBase, *, color: bool, environ: Mapping[str, str]
) -> rich.console.Console:
    """Make rich's console for a stream that is known to be a terminal."""
    return _TerminalConsole(
        file=stream,  # type: ignore[arg-type]
        color_system="standard" if color else None,
        emoji=False,
        force_interactive=True,
        force_jupyter=False,
        force_terminal=True,
        highlight=False,
        legacy_windows=False,
        markup=False,
        _environ=environ,
    )


def _make_row(line: str, tone: Tone, columns: int) -> Text:
    """Make a line of one row: one that the terminal broke could not be taken back."""
    text = Text(line, style=tone.colour.rich, no_wrap=True, overflow="ellipsis")
    text.truncate(max(columns - 1, 1), overflow="ellipsis")
    return text
