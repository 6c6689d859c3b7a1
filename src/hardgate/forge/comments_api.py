"""Comments on a pull request, in the API that GitHub, Gitea and Forgejo have in common.

A pull request's comments are those of an issue. GitHub gives them in pages; Gitea and Forgejo give
all of them at once, whatever page is asked for.
https://docs.github.com/en/rest/issues/comments
See D51 in ARCHITECTURE.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.forge.api import MAX_PAGES, Comment, read_json_field
from hardgate.forge.http import ApiClient, ForgeError, RefusedError
from hardgate.forge.repository_url import RepositoryAddress

PAGE_ENTRIES = 100
_NOT_TOLD_STATUSES = frozenset({403, 404})


@dataclass(frozen=True, kw_only=True)
class CommentedRepository:
    """What a repository of every forge has alike: the comments on its pull requests."""

    address: RepositoryAddress
    client: ApiClient

    def read_own_login(self) -> str:
        """Name the token's owner; empty where the forge does not tell it."""
        return read_own_login(self.client)

    def list_comments(self, number: int) -> tuple[Comment, ...]:
        """List a pull request's comments."""
        return list_comments(self.client, self.address.api_path, number)

    def create_comment(self, number: int, body: str) -> Comment:
        """Add a comment to a pull request."""
        path = f"{self.address.api_path}/issues/{number}/comments"
        return parse_comment(self.client.post_json(path, {"body": body}))

    def update_comment(self, comment: int, body: str) -> Comment:
        """Give a comment another text."""
        path = f"{self.address.api_path}/issues/comments/{comment}"
        return parse_comment(self.client.patch_json(path, {"body": body}))


def read_own_login(client: ApiClient) -> str:
    """Name the token's owner; empty where the forge does not tell that to this kind of token."""
    try:
        user = client.get_json("/user")
    except RefusedError as error:
        if error.status not in _NOT_TOLD_STATUSES:
            raise
        return ""
    return str(read_json_field(user, "login", str, "the token's owner"))


def list_comments(client: ApiClient, repository: str, number: int) -> tuple[Comment, ...]:
    """List a pull request's comments; `repository` is its path in the API."""
    path, found = f"{repository}/issues/{number}/comments", dict[int, Comment]()
    for page in range(1, MAX_PAGES + 1):
        entries = client.get_json(path, {"page": str(page), "per_page": str(PAGE_ENTRIES)})
        if not isinstance(entries, list):
            raise ForgeError(
                "The forge's comments are not a list.", "Is it of a version that docs/ci.md names?"
            )
        new = {comment.id: comment for comment in map(parse_comment, entries)}
        if not new.keys() - found.keys():  # past the end; or the same again, by Gitea
            return tuple(found.values())
        found |= new
        if len(entries) < PAGE_ENTRIES:
            return tuple(found.values())
    raise ForgeError(
        f"The pull request has more than {MAX_PAGES * PAGE_ENTRIES:,} comments.",
        "They are not read any further.",
    )


def parse_comment(data: Any) -> Comment:
    """Read a comment as the API gives it."""
    user = data.get("user") if isinstance(data, Mapping) else None
    return Comment(
        id=read_json_field(data, "id", int, "a comment"),
        author=str(user.get("login") or "") if isinstance(user, Mapping) else "",
        body=str(data.get("body") or ""),
        url=str(data.get("html_url") or ""),
    )
