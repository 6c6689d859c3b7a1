"""Forgejo, by its API: since version 16 it lists a run's jobs and artifacts.

Its runs have one word for status and conclusion, and other names for a commit and an address.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from hardgate.forge import repository
from hardgate.forge.api import (
    DISPATCH_EVENT,
    MAX_PAGES,
    RemoteArtifact,
    RemoteJob,
    RemoteRun,
    WorkflowState,
    read_json_field,
)
from hardgate.forge.comments_api import CommentedRepository
from hardgate.forge.http import ApiClient, ForgeError, RefusedError
from hardgate.forge.repository_url import RepositoryAddress

_STATUS_STATES = {
    "waiting": WorkflowState.WAITING,
    "blocked": WorkflowState.WAITING,
    "running": WorkflowState.RUNNING,
    "success": WorkflowState.SUCCESS,
    "failure": WorkflowState.FAILURE,
}
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Forgejo(CommentedRepository):
    """A repository there."""

    kind: str = "Forgejo"
    bot_login: str = "forgejo-actions"
    artifact_note: str = ""

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "Forgejo":
        """Open the API."""
        return cls(address=address, client=ApiClient(f"{address.base}/api/v1", f"token {token}"))

    def read_default_branch(self) -> str:
        """Name it."""
        return repository.read_default_branch(self.client, self.address.api_path)

    def read_branch_commit(self, branch: str) -> str:
        """Give the commit that a branch is at."""
        return repository.read_branch_commit(self.client, self.address.api_path, branch)

    def list_dispatched_runs(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit."""
        query = {"event": DISPATCH_EVENT, "head_sha": commit}
        page = self.client.get_json(f"{self.address.api_path}/actions/runs", query)
        runs = map(_parse_run, read_json_field(page, "workflow_runs", list, "runs"))
        return tuple(run for run in runs if (run.event, run.commit) == (DISPATCH_EVENT, commit))

    def dispatch_workflow(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; give its id where the forge tells it."""
        path = f"{self.address.api_path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        reply = self.client.post_json(path, {"ref": branch, "return_run_info": True})
        return None if reply is None else int(read_json_field(reply, "id", int, "the new run"))

    def read_run(self, number: int) -> RemoteRun:
        """Look at a run."""
        return _parse_run(self.client.get_json(f"{self.address.api_path}/actions/runs/{number}"))

    def list_jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs: all at once, by this forge's API."""
        listing = self._read_run_part(run, "jobs")
        return tuple(
            RemoteJob(
                name=read_json_field(entry, "name", str, "a job"),
                state=_parse_state(entry),
                status_text=str(entry.get("status") or "(nothing)"),
            )
            for entry in _require_mappings(listing, "jobs")
        )

    def list_artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""
        base = f"{self.client.api}{self.address.api_path}/actions/artifacts"
        return tuple(
            RemoteArtifact(
                name=read_json_field(entry, "name", str, "an artifact"),
                url=f"{base}/{read_json_field(entry, 'id', int, 'an artifact')}/zip",
            )
            for entry in self._read_artifact_pages(run)
            if not entry.get("expired")
        )

    def download_artifact(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.client.download_bytes(artifact.url, limit, token=artifact.token)

    def _read_artifact_pages(self, run: RemoteRun) -> Iterator[Mapping[str, Any]]:
        """Yield them page by page, until one is empty: the forge says elsewhere how many."""
        for page in range(1, MAX_PAGES + 1):
            query = {"page": str(page), "limit": "50"}
            entries = _require_mappings(self._read_run_part(run, "artifacts", query), "artifacts")
            if not entries:
                return
            yield from entries
        raise ForgeError(f"Run {run.id} has more than {MAX_PAGES} pages of artifacts.")

    def _read_run_part(
        self, run: RemoteRun, what: str, query: Mapping[str, str] | None = None
    ) -> Any:
        path = f"{self.address.api_path}/actions/runs/{run.id}/{what}"
        try:
            return self.client.get_json(path, query)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RefusedError(
                _NOT_FOUND,
                f"This Forgejo does not tell the {what} of a run.",
                f"Version 16 and newer do; until then look at them there: {run.url}",
            ) from error


def _parse_run(data: Any) -> RemoteRun:
    return RemoteRun(
        id=read_json_field(data, "id", int, "a run"),
        commit=read_json_field(data, "commit_sha", str, "a run"),
        event=read_json_field(data, "event", str, "a run"),
        workflow=read_json_field(data, "workflow_id", str, "a run"),
        url=read_json_field(data, "html_url", str, "a run"),
        state=_parse_state(data),
        status_text=str(data.get("status") or "(nothing)"),
    )


def _parse_state(data: Mapping[str, Any]) -> WorkflowState:
    """Read a status; a word that nobody knows is no success."""
    return _STATUS_STATES.get(str(data.get("status")), WorkflowState.INCONCLUSIVE)


def _require_mappings(data: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(data, list) or not all(isinstance(entry, Mapping) for entry in data):
        raise ForgeError(
            f"The forge's {what} are no list.",
            "Is it of a version that docs/ci.md names?",
            evidence=str(data)[:500],
        )
    return data
