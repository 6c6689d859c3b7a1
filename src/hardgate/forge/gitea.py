"""Gitea, by its API: runs and jobs are GitHub's in shape.

Its API hands out artifacts of version 4 alone ("v3 not supported due to not having one unique id",
it says of itself), and upload-artifact of version 4 refuses to run on Gitea unless it is one made
for it. What the starter uploads by version 3 is therefore asked for where a browser gets it, which
needs no login as long as the repository is public.
"""

from dataclasses import dataclass
from urllib.parse import quote

from hardgate.forge import actions_api, repository
from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, read_json_field
from hardgate.forge.comments_api import CommentedRepository
from hardgate.forge.http import ApiClient, RefusedError
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.pipeline.session_result import ARTIFACT_PREFIX, SESSIONS

STARTER_ARTIFACTS = tuple(f"{ARTIFACT_PREFIX}{session}" for session in SESSIONS)
"""What the starter's jobs upload."""
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Gitea(CommentedRepository):
    """A repository there."""

    kind: str = "Gitea"
    bot_login: str = "gitea-actions"
    artifact_note: str = (
        "Gitea hands out artifacts of upload-artifact's version 3 only where the repository is "
        "public; for a private one, upload them by an action of version 4 that is made for Gitea"
    )

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "Gitea":
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
        try:
            return actions_api.list_dispatched_runs(self.client, self.address.api_path, commit)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RefusedError(
                _NOT_FOUND,
                "This Gitea does not tell the runs of a repository.",
                "Version 1.25 and newer do, where the repository's settings allow Actions.",
            ) from error

    def dispatch_workflow(self, workflow: str, branch: str) -> int | None:
        """Ask for a run; Gitea 1.26 tells its id, older ones leave the question out."""
        path = f"{self.address.api_path}/actions/workflows/{quote(workflow, safe='')}/dispatches"
        reply = self.client.post_json(path, {"ref": branch}, {"return_run_details": "true"})
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
        """List what it left; where nothing is listed, name what the starter uploads."""
        base = f"{self.address.api_path}/actions"
        listed = tuple(
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
        # Its number in a browser's address is not its id before 1.26, and the host may differ.
        number = run.url.rstrip("/").rpartition("/")[2]
        browser_url = f"{self.address}/actions/runs/{number}/artifacts"
        return listed or tuple(
            RemoteArtifact(name=name, url=f"{browser_url}/{name}", token=False, expected=True)
            for name in STARTER_ARTIFACTS
        )

    def download_artifact(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Fetch a zip."""
        return self.client.download_bytes(artifact.url, limit, token=artifact.token)
