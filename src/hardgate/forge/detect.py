"""Which forge answers at an address."""

from collections.abc import Callable, Mapping

from hardgate.forge.api import Forge
from hardgate.forge.forgejo import Forgejo
from hardgate.forge.gitea import Gitea
from hardgate.forge.github import HOSTS, GitHub
from hardgate.forge.http import ForgeError, UnreachableError, Wire
from hardgate.forge.repository_url import Address

FORGES: Mapping[str, Callable[[Address, str], Forge]] = {
    "gitea": Gitea.at,
    "forgejo": Forgejo.at,
    "github": GitHub.at,
}
VERSIONS = {
    "forgejo": ("/api/forgejo/v1", "/version", "version"),
    "gitea": ("/api/v1", "/version", "version"),
    "github": ("/api/v3", "/meta", "installed_version"),
}
"""Where each says of itself what it is, the most particular first: Forgejo answers to both."""


def open_forge(address: Address, token: str, kind: str = "") -> Forge:
    """Open the forge at an address; `kind` is taken for granted, and else found out."""
    return FORGES[kind or _detect(address)](address, token)


def _detect(address: Address) -> str:
    if address.host in HOSTS:
        return "github"
    for kind, (api, path, key) in VERSIONS.items():
        try:
            # Whoever it is does not get the token before it is known what it is.
            told = Wire(f"{address.base}{api}", "").get(path)
        except UnreachableError:
            raise
        except ForgeError:
            continue
        if isinstance(told, Mapping) and isinstance(told.get(key), str):
            return kind
    raise ForgeError(
        f"'{address.base}' answers, and is no Gitea, Forgejo or GitHub that says so.",
        "Look at the address, or name the forge with '--forge' (gitea, forgejo, github).",
    )
