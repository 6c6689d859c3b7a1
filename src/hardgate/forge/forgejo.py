"""Forgejo, by its API: since version 16 it lists a run's jobs and artifacts.

Its runs have one word for status and conclusion, and other names for a commit and an address.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hardgate.forge import repository
from hardgate.forge.api import EVENT, PAGES, RemoteArtifact, RemoteJob, RemoteRun, State, field
from hardgate.forge.http import ForgeError, RefusedError, Wire
from hardgate.forge.repository_url import Address

_STATES = {
    "waiting": State.WAITING,
    "blocked": State.WAITING,
    "running": State.RUNNING,
    "success": State.SUCCESS,
    "failure": State.FAILURE,
}
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Forgejo:
    """A repository there."""

    address: Address
    wire: Wire
    kind: str = "Forgejo"
    lacks: str = ""

    @classmethod
    def at(cls, address: Address, token: str) -> "Forgejo":
        """Open the API."""
        return cls(address=address, wire=Wire(f"{address.base}/api/v1", f"token {token}"))

    def default_branch(self) -> str:
        """Name it."""
        return repository.default_branch(self.wire, self.address.path)

    def commit_of(self, branch: str) -> str:
        """Give the commit that a branch is at."""
        return repository.commit_of(self.wire, self.address.path, branch)

    def dispatched(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit."""
        query = {"event": EVENT, "head_sha": commit}
        told = self.wire.get(f"{self.address.path}/actions/runs", query)
        runs = map(_run, field(told, "workflow_runs", list, "runs"))
        return tuple(run for run in runs if (run.event, run.commit) == (EVENT, commit))

    def dispatch(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; give its id where the forge tells it."""
        path = f"{self.address.path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        told = self.wire.post(path, {"ref": branch, "return_run_info": True})
        return None if told is None else int(field(told, "id", int, "the new run"))

    def run(self, number: int) -> RemoteRun:
        """Look at a run."""
        return _run(self.wire.get(f"{self.address.path}/actions/runs/{number}"))

    def jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs: all at once, by this forge's API."""
        told = self._of_run(run, "jobs")
        return tuple(
            RemoteJob(
                name=field(one, "name", str, "a job"),
                state=_state(one),
                said=str(one.get("status") or "(nothing)"),
            )
            for one in _listed(told, "jobs")
        )

    def artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""
        base = f"{self.wire.api}{self.address.path}/actions/artifacts"
        return tuple(
            RemoteArtifact(
                name=field(told, "name", str, "an artifact"),
                url=f"{base}/{field(told, 'id', int, 'an artifact')}/zip",
            )
            for told in self._artifacts(run)
            if not told.get("expired")
        )

    def fetch(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.wire.download(artifact.url, limit, token=artifact.token)

    def _artifacts(self, run: RemoteRun) -> Iterator[Mapping[str, Any]]:
        """Yield them page by page, until one is empty: the forge says elsewhere how many."""
        for page in range(1, PAGES + 1):
            query = {"page": str(page), "limit": "50"}
            entries = _listed(self._of_run(run, "artifacts", query), "artifacts")
            if not entries:
                return
            yield from entries
        raise ForgeError(f"Run {run.id} has more than {PAGES} pages of artifacts.")

    def _of_run(self, run: RemoteRun, what: str, query: Mapping[str, str] | None = None) -> Any:
        path = f"{self.address.path}/actions/runs/{run.id}/{what}"
        try:
            return self.wire.get(path, query)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RefusedError(
                _NOT_FOUND,
                f"This Forgejo does not tell the {what} of a run.",
                f"Version 16 and newer do; until then look at them there: {run.url}",
            ) from error


def _run(told: Any) -> RemoteRun:
    return RemoteRun(
        id=field(told, "id", int, "a run"),
        commit=field(told, "commit_sha", str, "a run"),
        event=field(told, "event", str, "a run"),
        workflow=field(told, "workflow_id", str, "a run"),
        url=field(told, "html_url", str, "a run"),
        state=_state(told),
        said=str(told.get("status") or "(nothing)"),
    )


def _state(told: Mapping[str, Any]) -> State:
    """Read a status; a word that nobody knows is no success."""
    return _STATES.get(str(told.get("status")), State.UNTOLD)


def _listed(told: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(told, list) or not all(isinstance(one, Mapping) for one in told):
        raise ForgeError(
            f"The forge's {what} are no list.",
            "Is it of a version that docs/ci.md names?",
            evidence=str(told)[:500],
        )
    return told
