"""What is known of a run so far: the one thing in it that changes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from hardgate.errors import HardgateError
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Observation
from hardgate.model.run import Host, Image, Source
from hardgate.model.verdict import Verdict
from hardgate.system.interruption import Interrupted


@dataclass(kw_only=True)
class RunState:
    """Filled in as the run goes on, by the gate and by the listener to its play."""

    began: float = field(default_factory=time.monotonic)
    """When the run began."""
    image: Image | None = None
    host: Host | None = None
    workspace: Workspace | None = None
    observations: list[Observation] = field(default_factory=list)
    adaptations: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What came up on the way that a reader of the reports must not miss."""
    knows_token: bool = False
    """The workspace's token was read, or it has none."""
    error: HardgateError | None = None
    interrupted: Interrupted | None = None
    kept: tuple[str, ...] = ()
    source: Source | None = None
    on_verdict: Callable[[Verdict], None] = lambda _verdict: None
    """Is called with each verdict as it falls."""
