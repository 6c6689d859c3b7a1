"""What a repository tells alike on every forge: its default branch, and a branch's commit."""

from urllib.parse import quote

from hardgate.forge.api import read_json_field
from hardgate.forge.http import ApiClient


def read_default_branch(client: ApiClient, path: str) -> str:
    """Name it; `path` is the repository's, in the API."""
    return str(read_json_field(client.get_json(path), "default_branch", str, "the repository"))


def read_branch_commit(client: ApiClient, path: str, branch: str, *, key: str = "id") -> str:
    """Give the commit that a branch is at; `key` is what the forge calls its hash."""
    data = client.get_json(f"{path}/branches/{quote(branch)}")
    return str(
        read_json_field(read_json_field(data, "commit", dict, "a branch"), key, str, "a branch")
    )
