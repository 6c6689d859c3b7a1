"""GitHub, and GitHub Enterprise Server, by their REST API (version 2022-11-28)."""

from dataclasses import dataclass

from hardgate.forge.actions_api import ActionsRepository
from hardgate.forge.http import ApiClient
from hardgate.forge.repository_url import RepositoryAddress

PUBLIC_API_URL = "https://api.github.com"
PUBLIC_HOSTS = frozenset({"github.com", "www.github.com"})


@dataclass(frozen=True, kw_only=True)
class GitHub(ActionsRepository):
    """A repository of GitHub; since 2026 it names a new run where it is asked to."""

    kind = "GitHub"
    bot_login = "github-actions[bot]"
    commit_key = "sha"
    dispatch_fields = {"return_run_details": True}  # noqa: RUF012 - a ClassVar of the base

    @classmethod
    def open_repository(cls, address: RepositoryAddress, token: str) -> "GitHub":
        """Open the API."""
        api = PUBLIC_API_URL if address.host in PUBLIC_HOSTS else f"{address.base}/api/v3"
        return cls(address=address, client=ApiClient(api, f"Bearer {token}"))
