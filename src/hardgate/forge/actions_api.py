"""What GitHub's API and Gitea's have in common: runs, jobs and artifacts in one shape."""

from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.forge.api import (
    DISPATCH_EVENT,
    MAX_PAGES,
    RemoteJob,
    RemoteRun,
    WorkflowState,
    read_json_field,
)
from hardgate.forge.http import ApiClient, ForgeError

_RUNNING_STATUSES = frozenset({"in_progress"})
_WAITING_STATUSES = frozenset({"queued", "waiting", "requested", "pending"})
_CONCLUSION_STATES = {"success": WorkflowState.SUCCESS, "failure": WorkflowState.FAILURE}


def parse_state(data: Mapping[str, Any]) -> tuple[WorkflowState, str]:
    """Read status and conclusion; a word that nobody knows is no success."""
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


def list_dispatched_runs(client: ApiClient, base: str, commit: str) -> tuple[RemoteRun, ...]:
    """List the dispatched runs of a commit."""
    query = {"event": DISPATCH_EVENT, "head_sha": commit}
    page = client.get_json(f"{base}/actions/runs", query)
    runs = map(parse_run, read_json_field(page, "workflow_runs", list, "runs"))
    # An older forge leaves filters out that it does not know.
    return tuple(run for run in runs if (run.event, run.commit) == (DISPATCH_EVENT, commit))


def list_jobs(client: ApiClient, base: str, run: RemoteRun) -> tuple[RemoteJob, ...]:
    """List a run's jobs."""
    parsed = []
    for data in read_pages(client, f"{base}/actions/runs/{run.id}/jobs", "jobs"):
        state, status_text = parse_state(data)
        parsed.append(
            RemoteJob(
                name=read_json_field(data, "name", str, "a job"),
                state=state,
                status_text=status_text,
            )
        )
    return tuple(parsed)


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
