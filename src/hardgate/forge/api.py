"""What every forge can be asked, and what it says, in one set of words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from hardgate.forge.http import ForgeError

DISPATCH_EVENT = "workflow_dispatch"
MAX_PAGES = 20
"""More is never read: a run has five jobs and as many artifacts."""


class WorkflowState(Enum):
    """Where a run or a job is."""

    WAITING = "waiting"
    """No runner has taken it."""
    RUNNING = "running"
    SUCCESS = "success"
    FAILURE = "failure"
    INCONCLUSIVE = "untold"
    """It has ended and tells nothing: cancelled, skipped, timed out, or a word nobody knows."""

    @property
    def has_ended(self) -> bool:
        """Tell whether nothing more will come."""
        return self not in {WorkflowState.WAITING, WorkflowState.RUNNING}


@dataclass(frozen=True, kw_only=True)
class RemoteRun:
    """A run of a workflow, on the forge."""

    id: int
    commit: str
    event: str
    workflow: str
    """The name of its file."""
    state: WorkflowState
    status_text: str
    """The forge's own word for it."""
    url: str
    """For a browser."""


@dataclass(frozen=True, kw_only=True)
class RemoteJob:
    """One of its jobs."""

    name: str
    state: WorkflowState
    status_text: str


@dataclass(frozen=True, kw_only=True)
class RemoteArtifact:
    """What a job left, as a zip."""

    name: str
    url: str
    token: bool = True
    """Whether the API's token opens it."""
    expected: bool = False
    """The forge does not list it; it is asked for by the name that the starter gives it."""


@dataclass(frozen=True, kw_only=True)
class Comment:
    """A comment on a pull request."""

    id: int
    author: str
    """The login; empty where the forge has deleted the user."""
    body: str
    url: str
    """For a browser."""


class Forge(Protocol):
    """A forge's API, opened at one repository."""

    @property
    def kind(self) -> str:
        """Name the forge."""

    @property
    def artifact_note(self) -> str:
        """Say in a sentence what artifacts need on this forge; nothing where nothing does."""

    def read_default_branch(self) -> str:
        """Name it."""

    def read_branch_commit(self, branch: str) -> str:
        """Give the commit that a branch is at."""

    def list_dispatched_runs(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit, as far as the first page goes."""

    def dispatch_workflow(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; give its id where the forge tells it."""

    def read_run(self, number: int) -> RemoteRun:
        """Look at a run."""

    def list_jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs."""

    def list_artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""

    def download_artifact(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""

    @property
    def bot_login(self) -> str:
        """Name the user that a job's own token belongs to."""

    def read_own_login(self) -> str:
        """Name the token's owner; empty where the forge does not tell it."""

    def list_comments(self, number: int) -> tuple[Comment, ...]:
        """List a pull request's comments."""

    def create_comment(self, number: int, body: str) -> Comment:
        """Add a comment to a pull request."""

    def update_comment(self, comment: int, body: str) -> Comment:
        """Give a comment another text."""


def read_json_field(data: Any, name: str, kind: type, where: str) -> Any:
    """Take a field of an answer; one that is not there, or something else, is an error."""
    value = data.get(name) if isinstance(data, Mapping) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ForgeError(
            f"The forge's answer about {where} has no '{name}'.",
            "Is it of a version that docs/ci.md names?",
            evidence=str(data)[:500],
        )
    return value
