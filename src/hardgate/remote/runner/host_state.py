"""What is known so far of one host that is to be a runner."""

from dataclasses import dataclass, field

from hardgate.errors import HardgateError
from hardgate.model.observation import Observation
from hardgate.remote.task_answers import GateAnswer


@dataclass(kw_only=True)
class HostState:
    """Filled in as the play goes on, by whoever hears it."""

    name: str
    """As the inventory has it."""
    observations: dict[str, list[Observation]] = field(default_factory=dict)
    """By the contract's name, such as `runner-host`."""
    engine: str = ""
    kernel: str = ""
    error: HardgateError | None = None
    """What kept the host from being looked at, the first cause alone."""
    gate: GateAnswer | None = None
    notices: list[str] = field(default_factory=list)
    """What the roles want the reader to know, such as what the group 'docker' means."""
    withdrawn: bool = False
    """It was a runner for a while, and was taken back."""
    responded: bool = False
    """A task ended well there."""
    changed: bool = False
    """A role changed something there."""
