"""What a repository tells alike on every forge: its default branch, and a branch's commit."""

from urllib.parse import quote

from hardgate.forge.api import field
from hardgate.forge.http import Wire


def default_branch(wire: Wire, path: str) -> str:
    """Name it; `path` is the repository's, in the API."""
    return str(field(wire.get(path), "default_branch", str, "the repository"))


def commit_of(wire: Wire, path: str, branch: str, *, key: str = "id") -> str:
    """Give the commit that a branch is at; `key` is what the forge calls its hash."""
    told = wire.get(f"{path}/branches/{quote(branch)}")
    return str(field(field(told, "commit", dict, "a branch"), key, str, "a branch"))
