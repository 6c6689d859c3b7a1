"""What every forge can be asked, and what it says, in one set of words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from hardgate.forge.http import ForgeError

EVENT = "workflow_dispatch"
PAGES = 20
"""More is never read: a run has five jobs and as many artifacts."""


class State(Enum):
    """Where a run or a job is."""

    WAITING = "waiting"
    """No runner has taken it."""
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    UNTOLD = "untold"
    """It has ended and tells nothing: cancelled, skipped, timed out, or a word nobody knows."""

    @property
    def ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self not in {State.WAITING, State.RUNNING}


@dataclass(frozen=True, kw_only=True)
class RemoteRun:
    """A run of a workflow, on the forge."""

    id: int
    commit: str
    event: str
    workflow: str
    """The name of its file."""
    state: State
    said: str
    """The forge's own word for it."""
    url: str
    """For a browser."""


@dataclass(frozen=True, kw_only=True)
class RemoteJob:
    """One of its jobs."""

    name: str
    state: State
    said: str


@dataclass(frozen=True, kw_only=True)
class RemoteArtifact:
    """What a job left, as a zip."""

    name: str
    url: str
    token: bool = True
    """Whether the API's token opens it."""
    expected: bool = False
    """The forge does not list it; it is asked for by the name that the starter gives it."""


class Forge(Protocol):
    """A forge's API, opened at one repository."""

    @property
    def kind(self) -> str:
        """Name the forge."""

    @property
    def lacks(self) -> str:
        """Say in a sentence what artifacts need on this forge; nothing where nothing does."""

    def default_branch(self) -> str:
        """Name it."""

    def commit_of(self, branch: str) -> str:
        """Give the commit that a branch is at."""

    def dispatched(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit, as far as the first page goes."""

    def dispatch(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; give its id where the forge tells it."""

    def run(self, number: int) -> RemoteRun:
        """Look at a run."""

    def jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs."""

    def artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""

    def fetch(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""


def field(told: Any, name: str, kind: type, where: str) -> Any:
    """Take a field of an answer; one that is not there, or something else, is an error."""
    value = told.get(name) if isinstance(told, Mapping) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ForgeError(
            f"The forge's answer about {where} has no '{name}'.",
            "Is it of a version that docs/ci.md names?",
            evidence=str(told)[:500],
        )
    return value
