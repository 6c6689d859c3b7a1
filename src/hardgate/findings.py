"""What is known of a run so far: the one thing in it that changes."""

import signal
from dataclasses import dataclass, field

from hardgate.errors import ExitCode, HardgateError
from hardgate.observation import Observation
from hardgate.run import Host, Image
from hardgate.workspace import Workspace


class Interrupted(Exception):  # noqa: N818 - it is no error
    """SIGINT or SIGTERM came."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = ExitCode(128 + number)


@dataclass(kw_only=True)
class Findings:
    """Filled in as the run goes on, by the gate and by the listener to its play."""

    image: Image | None = None
    host: Host | None = None
    workspace: Workspace | None = None
    observations: list[Observation] = field(default_factory=list)
    adaptations: list[str] = field(default_factory=list)
    error: HardgateError | None = None
    interrupted: Interrupted | None = None
    kept: tuple[str, ...] = ()
