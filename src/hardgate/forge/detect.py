"""Which forge answers at an address."""

from collections.abc import Callable, Mapping

from hardgate.forge.api import Forge
from hardgate.forge.forgejo import Forgejo
from hardgate.forge.gitea import Gitea
from hardgate.forge.github import PUBLIC_HOSTS, GitHub
from hardgate.forge.http import ApiClient, ForgeError, UnreachableError
from hardgate.forge.repository_url import RepositoryAddress

FORGE_OPENERS: Mapping[str, Callable[[RepositoryAddress, str], Forge]] = {
    "gitea": Gitea.open_repository,
    "forgejo": Forgejo.open_repository,
    "github": GitHub.open_repository,
}
VERSION_ENDPOINTS = {
    "forgejo": ("/api/forgejo/v1", "/version", "version"),
    "gitea": ("/api/v1", "/version", "version"),
    "github": ("/api/v3", "/meta", "installed_version"),
}
"""Where each says of itself what it is, the most particular first: Forgejo answers to both."""


def open_forge(address: RepositoryAddress, token: str, kind: str = "") -> Forge:
    """Open the forge at an address; `kind` is taken for granted, and else found out."""
    return FORGE_OPENERS[kind or _detect_kind(address)](address, token)


def _detect_kind(address: RepositoryAddress) -> str:
    if address.host in PUBLIC_HOSTS:
        return "github"
    for kind, (api, path, key) in VERSION_ENDPOINTS.items():
        try:
            # Whoever it is does not get the token before it is known what it is.
            data = ApiClient(f"{address.base}{api}", "").get_json(path)
        except UnreachableError:
            raise
        except ForgeError:
            continue
        if isinstance(data, Mapping) and isinstance(data.get(key), str):
            return kind
    raise ForgeError(
        f"'{address.base}' answers, and is not a Gitea, Forgejo or GitHub that says so.",
        "Look at the address, or name the forge with '--forge' (gitea, forgejo, github).",
    )
