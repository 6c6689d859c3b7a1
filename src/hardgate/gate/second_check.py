"""The second of two checks that share a test host: what it is told, and when it begins.

It begins once the host was given back as it was before the first workspace. Until then all that
goes wrong belongs to the first one; where the host cannot be given back, the second never begins,
and whoever asked for it runs it on a host of its own.
See D88 in ARCHITECTURE.md.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hardgate.errors import HardgateError
from hardgate.gate.request import GateRequest
from hardgate.gate.started import StartedGate, start_gate
from hardgate.gate.state import RunState
from hardgate.model.run import Run
from hardgate.report.console import Console
from hardgate.report.folder import BUILD_LOG
from hardgate.system.interruption import defer_signals
from hardgate.system.ownership import Owner


@dataclass(kw_only=True)
class SecondCheck:
    """What is known of it so far, and of the end of the first one."""

    request: GateRequest
    console: Console
    owner: Owner
    first: StartedGate
    conclude_first: Callable[[], Run]
    """Is called in the main thread as soon as the first one has ended."""
    on_begin: Callable[[], None] = lambda: None
    """Is called when the second one begins, in the play's thread."""
    on_refused: Callable[[HardgateError], None] = lambda _error: None
    """Is called where the host of the first is not taken for the second, in the play's thread."""
    read_first: Callable[[], None] = lambda: None
    """Reads all that is needed of the first workspace, and lets the play go on."""
    released: threading.Event = field(default_factory=threading.Event)
    """Set when that was done."""
    first_run: Run | None = None
    started: StartedGate | None = None
    own_adaptation: str = ""
    """How its own tier was adapted to the engine; empty where it was not."""
    first_adaptation: str = ""
    _build_notices: tuple[str, ...] = ()

    def take_build(self) -> None:
        """Take along what was said of the image that both have."""
        self._build_notices = tuple(self.first.state.notices)

    def release_first(self) -> None:
        """End the first check; what comes now is about none, until the second begins."""
        self.released.set()
        self.read_first()

    def conclude_first_once(self) -> Run:
        """Report the first check, once it has ended."""
        with defer_signals():
            self.first_run = self.first_run or self.conclude_first()
        return self.first_run

    def find_deadline(self, deadline: float) -> float:
        """Give the end of the time of the check that is under way, on the monotonic clock."""
        if self.started is None:
            return deadline
        return self.started.state.began + self.request.run_seconds

    def begin(self) -> RunState:
        """Begin on the host that is there, with the image that was built; give what is known."""
        self.on_begin()
        started = start_gate(self.request, self.console, self.owner)
        known, state = self.first.state, started.state
        state.host, state.image, state.source = known.host, known.image, known.source
        shared = (one for one in known.adaptations if one != self.first_adaptation)
        own = (self.own_adaptation,) if self.own_adaptation else ()
        state.adaptations += [*own, *shared]
        state.notices += self._build_notices
        self._copy_build_log(started)
        self.started = started
        return state

    def _copy_build_log(self, started: StartedGate) -> None:
        with suppress(OSError):
            text = (self.first.folder.path / BUILD_LOG).read_text(errors="replace")
            with started.folder.open_log(BUILD_LOG, self.console.redactor) as log:
                log.write(text)

    @property
    def gate(self) -> StartedGate:
        """The check that is under way."""
        return self.started or self.first
