"""The base of every forge's repository: what GitHub, Gitea and Forgejo answer alike.

A forge's own module says only where it differs: its paths and its names of fields.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from hardgate.forge.api import DISPATCH_EVENT, RemoteArtifact, RemoteRun, read_json_field
from hardgate.forge.comments_api import CommentedRepository


@dataclass(frozen=True, kw_only=True)
class ForgeRepository(CommentedRepository, ABC):
    """A repository of a forge, and the runs of its workflows."""

    kind: ClassVar[str]
    """The forge's name."""
    bot_login: ClassVar[str]
    """The user that a job's own token belongs to."""
    artifact_note: ClassVar[str] = ""
    """What artifacts need on this forge, in a sentence."""
    commit_key: ClassVar[str] = "id"
    """The field of a branch's commit that holds its hash."""
    dispatch_fields: ClassVar[Mapping[str, Any]] = {}
    """What a request for a run holds beside the branch, so that the answer names the run."""
    dispatch_query: ClassVar[Mapping[str, str] | None] = None
    """The same, where the forge reads it from the address."""
    dispatch_id_key: ClassVar[str] = "workflow_run_id"
    """The field of that answer that holds the run's id."""

    @property
    def actions_path(self) -> str:
        """Give the path of the repository's workflows in the API."""
        return f"{self.address.api_path}/actions"

    @staticmethod
    @abstractmethod
    def parse_run(data: Any) -> RemoteRun:
        """Read a run from the forge's JSON; raises ForgeError where a field is missing."""

    def read_default_branch(self) -> str:
        """Name the default branch."""
        data = self.client.get_json(self.address.api_path)
        return str(read_json_field(data, "default_branch", str, "the repository"))

    def read_branch_commit(self, branch: str) -> str:
        """Give the commit that a branch is at."""
        data = self.client.get_json(f"{self.address.api_path}/branches/{quote(branch)}")
        commit = read_json_field(data, "commit", dict, "a branch")
        return str(read_json_field(commit, self.commit_key, str, "a branch"))

    def list_dispatched_runs(self, commit: str) -> tuple[RemoteRun, ...]:
        """List the dispatched runs of a commit, as far as the first page goes."""
        query = {"event": DISPATCH_EVENT, "head_sha": commit}
        page = self.client.get_json(f"{self.actions_path}/runs", query)
        runs = map(self.parse_run, read_json_field(page, "workflow_runs", list, "runs"))
        # An older forge ignores filters that it does not know.
        return tuple(run for run in runs if (run.event, run.commit) == (DISPATCH_EVENT, commit))

    def dispatch_workflow(self, workflow: str, branch: str) -> int | None:
        """Start a run; give its id, or None where the forge's version does not tell it."""
        path = f"{self.actions_path}/workflows/{quote(workflow, safe='')}/dispatches"
        body = {"ref": branch, **self.dispatch_fields}
        reply = self.client.post_json(path, body, self.dispatch_query)
        if reply is None:
            return None
        return int(read_json_field(reply, self.dispatch_id_key, int, "the new run"))

    def read_run(self, number: int) -> RemoteRun:
        """Read a run by its id."""
        return self.parse_run(self.client.get_json(f"{self.actions_path}/runs/{number}"))

    def parse_artifact(self, data: Any) -> RemoteArtifact:
        """Read an artifact from the forge's JSON."""
        number = read_json_field(data, "id", int, "an artifact")
        return RemoteArtifact(
            name=read_json_field(data, "name", str, "an artifact"),
            url=f"{self.client.api}{self.actions_path}/artifacts/{number}/zip",
        )

    def download_artifact(self, artifact: RemoteArtifact, limit: int) -> bytes:
        """Download an artifact's zip of at most `limit` bytes."""
        return self.client.download_bytes(artifact.url, limit, token=artifact.token)
