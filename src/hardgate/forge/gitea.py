"""Gitea, by its API: runs and jobs are GitHub's in shape.

Its API hands out artifacts of version 4 alone ("v3 not supported due to not having one unique id",
it says of itself), and upload-artifact of version 4 refuses to run on Gitea unless it is one made
for it. What the starter uploads by version 3 is therefore asked for where a browser gets it, which
needs no login as long as the repository is public.
"""

from dataclasses import dataclass
from urllib.parse import quote

from hardgate.forge import actions_api, repository
from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, field
from hardgate.forge.http import RefusedError, Wire
from hardgate.forge.repository_url import Address

STARTERS = ("answers-static", "answers-adapter", "answers-secrets", "answers-t4")
"""What the starter's jobs upload."""
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Gitea:
    """A repository there."""

    address: Address
    wire: Wire
    kind: str = "Gitea"
    lacks: str = (
        "Gitea hands out artifacts of upload-artifact's version 3 only where the repository is "
        "public; for a private one, upload them by an action of version 4 that is made for Gitea"
    )

    @classmethod
    def at(cls, address: Address, token: str) -> "Gitea":
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
        try:
            return actions_api.dispatched(self.wire, self.address.path, commit)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RefusedError(
                _NOT_FOUND,
                "This Gitea does not tell the runs of a repository.",
                "Version 1.25 and newer do, where the repository's settings allow Actions.",
            ) from error

    def dispatch(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; Gitea 1.26 tells its id, older ones leave the question out."""
        path = f"{self.address.path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        told = self.wire.post(path, {"ref": branch}, {"return_run_details": "true"})
        return None if told is None else int(field(told, "workflow_run_id", int, "the new run"))

    def run(self, number: int) -> RemoteRun:
        """Look at a run."""
        return actions_api.run_of(self.wire.get(f"{self.address.path}/actions/runs/{number}"))

    def jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs."""
        return actions_api.jobs(self.wire, self.address.path, run)

    def artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left; where nothing is listed, name what the starter uploads."""
        base = f"{self.address.path}/actions"
        listed = tuple(
            RemoteArtifact(
                name=field(told, "name", str, "an artifact"),
                url=f"{self.wire.api}{base}/artifacts/{field(told, 'id', int, 'an artifact')}/zip",
            )
            for told in actions_api.pages(self.wire, f"{base}/runs/{run.id}/artifacts", "artifacts")
            if not told.get("expired")
        )
        # Its number in a browser's address is not its id before 1.26, and the host may differ.
        number = run.url.rstrip("/").rpartition("/")[2]
        place = f"{self.address}/actions/runs/{number}/artifacts"
        return listed or tuple(
            RemoteArtifact(name=name, url=f"{place}/{name}", token=False, expected=True)
            for name in STARTERS
        )

    def fetch(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.wire.download(artifact.url, limit, token=artifact.token)
