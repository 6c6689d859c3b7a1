"""GitHub, and GitHub Enterprise Server, by their REST API (version 2022-11-28)."""

from dataclasses import dataclass
from urllib.parse import quote

from hardgate.forge import actions_api, repository
from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, read_json_field
from hardgate.forge.comments_api import CommentedRepository
from hardgate.forge.http import ApiClient
from hardgate.forge.repository_url import RepositoryAddress

PUBLIC_API_URL = "https://api.github.com"
PUBLIC_HOSTS = frozenset({"github.com", "www.github.com"})


@dataclass(frozen=True, kw_only=True)
class GitHub(CommentedRepository):
    """A repository there."""

    kind: str = "GitHub"
    bot_login: str = "github-actions[bot]"
    artifact_note: str = ""

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "GitHub":
        """Open the API."""
        api = PUBLIC_API_URL if address.host in PUBLIC_HOSTS else f"{address.base}/api/v3"
        return cls(address=address, client=ApiClient(api, f"Bearer {token}"))

    def read_default_branch(self) -> str:
        """Name it."""
        return repository.read_default_branch(self.client, self.address.api_path)

    def read_branch_commit(self, branch: str) -> str:
        """Give the commit that a branch is at."""
        return repository.read_branch_commit(self.client, self.address.api_path, branch, key="sha")

    def list_dispatched_runs(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit."""
        return actions_api.list_dispatched_runs(self.client, self.address.api_path, commit)

    def dispatch_workflow(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; since 2026 GitHub tells its id where it is asked to."""
        path = f"{self.address.api_path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        reply = self.client.post_json(path, {"ref": branch, "return_run_details": True})
        return (
            None
            if reply is None
            else int(read_json_field(reply, "workflow_run_id", int, "the new run"))
        )

    def read_run(self, number: int) -> RemoteRun:
        """Look at a run."""
        return actions_api.parse_run(
            self.client.get_json(f"{self.address.api_path}/actions/runs/{number}")
        )

    def list_jobs(self, run: RemoteRun) -> tuple[RemoteJob, ...]:
        """List its jobs."""
        return actions_api.list_jobs(self.client, self.address.api_path, run)

    def list_artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what it left."""
        base = f"{self.address.api_path}/actions"
        return tuple(
            RemoteArtifact(
                name=read_json_field(entry, "name", str, "an artifact"),
                url=f"{self.client.api}{base}/artifacts/"
                f"{read_json_field(entry, 'id', int, 'an artifact')}/zip",
            )
            for entry in actions_api.read_pages(
                self.client, f"{base}/runs/{run.id}/artifacts", "artifacts"
            )
            if not entry.get("expired")
        )

    def download_artifact(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.client.download_bytes(artifact.url, limit, token=artifact.token)
