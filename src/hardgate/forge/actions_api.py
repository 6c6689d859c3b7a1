"""What GitHub's API and Gitea's have in common: runs, jobs and artifacts in one shape."""

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
from hardgate.forge.http import ApiClient, ForgeError
from hardgate.forge.repository import ForgeRepository

_RUNNING_STATUSES = frozenset({"in_progress"})
_WAITING_STATUSES = frozenset({"queued", "waiting", "requested", "pending"})
_CONCLUSION_STATES = {"success": WorkflowState.SUCCESS, "failure": WorkflowState.FAILURE}


@dataclass(frozen=True, kw_only=True)
class ActionsRepository(ForgeRepository):
    """A repository of GitHub or Gitea."""

    @staticmethod
    def parse_run(data: Any) -> RemoteRun:
        """Read a run from the forge's JSON; raises ForgeError where a field is missing."""
        return parse_run(data)

    def list_jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List a run's jobs."""
        listing = read_pages(self.client, f"{self.actions_path}/runs/{run.id}/jobs", "jobs")
        return tuple(map(parse_job, listing))

    def list_artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what a run uploaded and the forge still holds."""
        path = f"{self.actions_path}/runs/{run.id}/artifacts"
        listing = read_pages(self.client, path, "artifacts")
        return tuple(self.parse_artifact(entry) for entry in listing if not entry.get("expired"))


def parse_state(data: Mapping[str, Any]) -> tuple[WorkflowState, str]:
    """Read status and conclusion; a word that nobody knows is not a success."""
    status, conclusion = str(data.get("status") or ""), str(data.get("conclusion") or "")
    if status in _WAITING_STATUSES:
        return WorkflowState.WAITING, status
    if status in _RUNNING_STATUSES:
        return WorkflowState.RUNNING, status
    if status == "completed":
        return _CONCLUSION_STATES.get(conclusion, WorkflowState.INCONCLUSIVE), conclusion or status
    return WorkflowState.INCONCLUSIVE, status or "(nothing)"


def parse_run(data: Any) -> RemoteRun:
    """Read a run; its path is `.github/workflows/FILE` on GitHub, `FILE@REF` on Gitea."""
    state, status_text = (
        parse_state(data)
        if isinstance(data, Mapping)
        else (WorkflowState.INCONCLUSIVE, "(nothing)")
    )
    return RemoteRun(
        id=read_json_field(data, "id", int, "a run"),
        commit=read_json_field(data, "head_sha", str, "a run"),
        event=read_json_field(data, "event", str, "a run"),
        workflow=read_json_field(data, "path", str, "a run").partition("@")[0].rpartition("/")[2],
        url=read_json_field(data, "html_url", str, "a run"),
        state=state,
        status_text=status_text,
    )


def parse_job(data: Any) -> RemoteJob:
    """Read a job."""
    state, status_text = parse_state(data)
    name = read_json_field(data, "name", str, "a job")
    return RemoteJob(name=name, state=state, status_text=status_text)


def read_pages(client: ApiClient, path: str, key: str) -> Iterator[Any]:
    """Yield all that a listing has, page by page, until it is as many as it says there are."""
    total = 0
    for page in range(1, MAX_PAGES + 1):
        listing = client.get_json(path, {"page": str(page), "per_page": "50", "limit": "50"})
        entries = read_json_field(listing, key, list, f"'{path}'")
        yield from entries
        total += len(entries)
        if total >= read_json_field(listing, "total_count", int, f"'{path}'") or not entries:
            break
    else:
        raise ForgeError(f"'{path}' has more than {MAX_PAGES} pages.", "Look at it by hand.")
