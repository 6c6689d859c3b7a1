"""What GitHub's API and Gitea's have in common: runs, jobs and artifacts in one shape."""

from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.forge.api import EVENT, PAGES, RemoteJob, RemoteRun, State, field
from hardgate.forge.http import ForgeError, Wire

_RUNNING = frozenset({"in_progress"})
_WAITING = frozenset({"queued", "waiting", "requested", "pending"})
_ENDED = {"success": State.SUCCESS, "failure": State.FAILURE}


def state_of(told: Mapping[str, Any]) -> tuple[State, str]:
    """Read status and conclusion; a word that nobody knows is no success."""
    status, conclusion = str(told.get("status") or ""), str(told.get("conclusion") or "")
    if status in _WAITING:
        return State.WAITING, status
    if status in _RUNNING:
        return State.RUNNING, status
    if status == "completed":
        return _ENDED.get(conclusion, State.UNTOLD), conclusion or status
    return State.UNTOLD, status or "(nothing)"


def run_of(told: Any) -> RemoteRun:
    """Read a run; its path is `.github/workflows/FILE` on GitHub, `FILE@REF` on Gitea."""
    state, said = state_of(told) if isinstance(told, Mapping) else (State.UNTOLD, "(nothing)")
    return RemoteRun(
        id=field(told, "id", int, "a run"),
        commit=field(told, "head_sha", str, "a run"),
        event=field(told, "event", str, "a run"),
        workflow=field(told, "path", str, "a run").partition("@")[0].rpartition("/")[2],
        url=field(told, "html_url", str, "a run"),
        state=state,
        said=said,
    )


def dispatched(wire: Wire, base: str, commit: str) -> tuple[RemoteRun, ...]:
    """List the dispatched runs of a commit."""
    query = {"event": EVENT, "head_sha": commit}
    told = wire.get(f"{base}/actions/runs", query)
    runs = map(run_of, field(told, "workflow_runs", list, "runs"))
    # An older forge leaves filters out that it does not know.
    return tuple(run for run in runs if (run.event, run.commit) == (EVENT, commit))


def jobs(wire: Wire, base: str, run: RemoteRun) -> tuple[RemoteJob, ...]:
    """List a run's jobs."""
    read = []
    for told in pages(wire, f"{base}/actions/runs/{run.id}/jobs", "jobs"):
        state, said = state_of(told)
        read.append(RemoteJob(name=field(told, "name", str, "a job"), state=state, said=said))
    return tuple(read)


def pages(wire: Wire, path: str, key: str) -> Iterator[Any]:
    """Yield all that a listing has, page by page, until it is as many as it says there are."""
    seen = 0
    for page in range(1, PAGES + 1):
        told = wire.get(path, {"page": str(page), "per_page": "50", "limit": "50"})
        entries = field(told, key, list, f"'{path}'")
        yield from entries
        seen += len(entries)
        if seen >= field(told, "total_count", int, f"'{path}'") or not entries:
            break
    else:
        raise ForgeError(f"'{path}' has more than {PAGES} pages.", "Look at it by hand.")
