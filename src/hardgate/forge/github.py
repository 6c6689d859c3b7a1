"""GitHub, and GitHub Enterprise Server, by their REST API (version 2022-11-28)."""

from dataclasses import dataclass
from urllib.parse import quote

from hardgate.forge import actions_api, repository
from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, field
from hardgate.forge.http import Wire
from hardgate.forge.repository_url import Address

PUBLIC = "https://api.github.com"
HOSTS = frozenset({"github.com", "www.github.com"})


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """A repository there."""

    address: Address
    wire: Wire
    kind: str = "GitHub"
    lacks: str = ""

    @classmethod
    def at(cls, address: Address, token: str) -> "GitHub":
        """Open the API."""
        api = PUBLIC if address.host in HOSTS else f"{address.base}/api/v3"
        return cls(address=address, wire=Wire(api, f"Bearer {token}"))

    def default_branch(self) -> str:
        """Name it."""
        return repository.default_branch(self.wire, self.address.path)

    def commit_of(self, branch: str) -> str:
        """Give the commit that a branch is at."""
        return repository.commit_of(self.wire, self.address.path, branch, key="sha")

    def dispatched(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit."""
        return actions_api.dispatched(self.wire, self.address.path, commit)

    def dispatch(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; since 2026 GitHub tells its id where it is asked to."""
        path = f"{self.address.path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        told = self.wire.post(path, {"ref": branch, "return_run_details": True})
        return None if told is None else int(field(told, "workflow_run_id", int, "the new run"))

    def run(self, number: int) -> RemoteRun:
        """Look at a run."""
        return actions_api.run_of(self.wire.get(f"{self.address.path}/actions/runs/{number}"))

    def jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs."""
        return actions_api.jobs(self.wire, self.address.path, run)

    def artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""
        base = f"{self.address.path}/actions"
        return tuple(
            RemoteArtifact(
                name=field(told, "name", str, "an artifact"),
                url=f"{self.wire.api}{base}/artifacts/{field(told, 'id', int, 'an artifact')}/zip",
            )
            for told in actions_api.pages(self.wire, f"{base}/runs/{run.id}/artifacts", "artifacts")
            if not told.get("expired")
        )

    def fetch(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.wire.download(artifact.url, limit, token=artifact.token)
