"""Forgejo, by its API: since version 16 it lists a run's jobs and artifacts.

Its runs have one word for status and conclusion, and other names for a commit and an address.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.forge.api import (
    MAX_PAGES,
    RemoteArtifact,
    RemoteJob,
    RemoteRun,
    WorkflowState,
    read_json_field,
)
from hardgate.forge.http import ApiClient, ForgeError, RefusedError
from hardgate.forge.repository import ForgeRepository
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
class Forgejo(ForgeRepository):
    """A repository of Forgejo."""

    kind = "Forgejo"
    bot_login = "forgejo-actions"
    dispatch_fields = {"return_run_info": True}  # noqa: RUF012 - a ClassVar of the base
    dispatch_id_key = "id"

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "Forgejo":
        """Open the API."""
        return cls(address=address, client=ApiClient(f"{address.base}/api/v1", f"token {token}"))

    @staticmethod
    def parse_run(data: Any) -> RemoteRun:
        """Read a run from the forge's JSON; raises ForgeError where a field is missing."""
        return _parse_run(data)

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
        """List what a run uploaded and the forge still holds."""
        pages = self._read_artifact_pages(run)
        return tuple(self.parse_artifact(entry) for entry in pages if not entry.get("expired"))

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
        path = f"{self.actions_path}/runs/{run.id}/{what}"
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
    """Read a status; a word that nobody knows is not a success."""
    return _STATUS_STATES.get(str(data.get("status")), WorkflowState.INCONCLUSIVE)


def _require_mappings(data: Any, what: str) -> list[Mapping[str, Any]]:
    if not isinstance(data, list) or not all(isinstance(entry, Mapping) for entry in data):
        raise ForgeError(
            f"The forge's {what} are not a list.",
            "Is it of a version that docs/ci.md names?",
            evidence=str(data)[:500],
        )
    return data
