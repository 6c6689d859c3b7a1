"""Gitea, by its API: runs and jobs are GitHub's in shape.

Its API hands out artifacts of version 4 alone ("v3 not supported due to not having one unique id",
it says of itself), and upload-artifact of version 4 refuses to run on Gitea unless it is one made
for it. What the starter uploads by version 3 is therefore asked for where a browser gets it, which
needs no login as long as the repository is public.
"""

from dataclasses import dataclass

from hardgate.forge.actions_api import ActionsRepository
from hardgate.forge.api import RemoteArtifact, RemoteRun
from hardgate.forge.http import ApiClient, RefusedError
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.pipeline.session_result import ARTIFACT_PREFIX, SESSIONS

STARTER_ARTIFACTS = tuple(f"{ARTIFACT_PREFIX}{session}" for session in SESSIONS)
"""What the starter's jobs upload."""
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True)
class Gitea(ActionsRepository):
    """A repository of Gitea; version 1.26 names a new run, older ones ignore the query."""

    kind = "Gitea"
    bot_login = "gitea-actions"
    dispatch_query = {"return_run_details": "true"}  # noqa: RUF012 - a ClassVar of the base
    artifact_note = (
        "Gitea hands out artifacts of upload-artifact's version 3 only where the repository is "
        "public; for a private one, upload them by an action of version 4 that is made for Gitea"
    )

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "Gitea":
        """Open the API."""
        return cls(address=address, client=ApiClient(f"{address.base}/api/v1", f"token {token}"))

    def list_dispatched_runs(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit."""
        try:
            return super().list_dispatched_runs(commit)
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            raise RefusedError(
                _NOT_FOUND,
                "This Gitea does not tell the runs of a repository.",
                "Version 1.25 and newer do, where the repository's settings allow Actions.",
            ) from error

    def list_artifacts(self, run: RemoteRun) -> tuple[RemoteArtifact, ...]:
        """List what a run uploaded; where nothing is listed, what the starter uploads."""
        # Its number in a browser's address is not its id before 1.26, and the host may differ.
        number = run.url.rstrip("/").rpartition("/")[2]
        browser_url = f"{self.address}/actions/runs/{number}/artifacts"
        return super().list_artifacts(run) or tuple(
            RemoteArtifact(name=name, url=f"{browser_url}/{name}", token=False, expected=True)
            for name in STARTER_ARTIFACTS
        )
