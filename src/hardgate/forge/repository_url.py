"""Where a repository is on a forge, as a person copies it from the browser."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from hardgate.errors import UsageError

_NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]+")
_LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, kw_only=True)
class RepositoryAddress:
    """A repository's address."""

    base: str
    """Of the forge, without a slash at its end; it may hold a path."""
    host: str
    owner: str
    name: str

    def __str__(self) -> str:
        """Give it as it was read."""
        return f"{self.base}/{self.owner}/{self.name}"

    @property
    def api_path(self) -> str:
        """Give its path in an API: the same on every forge."""
        return f"/repos/{self.owner}/{self.name}"

    @property
    def is_unencrypted(self) -> bool:
        """Tell whether whoever is on the way reads the token along."""
        return self.base.startswith("http://") and self.host not in _LOOPBACK_HOSTS

    @classmethod
    def from_url(cls, text: str) -> "RepositoryAddress":
        """Read a URL; raises UsageError."""
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname or "", parts.port
        except ValueError as error:
            raise _make_address_error(text, str(error)) from error
        if parts.username or parts.password:
            raise UsageError(
                f"The address of the repository at '{host}' holds a user or a password.",
                "Leave it out; the token comes from HARDGATE_FORGE_TOKEN or a file.",
            )
        if parts.scheme not in {"http", "https"} or not host:
            raise _make_address_error(text, "it is not an http or https URL")
        *above, owner, name = ["", "", *parts.path.strip("/").split("/")]
        name = name.removesuffix(".git")
        if (
            parts.query
            or parts.fragment
            or not _NAME_PATTERN.fullmatch(owner)
            or not _NAME_PATTERN.fullmatch(name)
        ):
            raise _make_address_error(text, "it does not end in owner and name")
        if {owner, name} & {".", ".."}:
            raise _make_address_error(text, "it does not end in owner and name")
        shown = f"[{host}]" if ":" in host else host
        authority = f"{shown}:{port}" if port else shown
        path = "/".join(part for part in above if part)
        base = f"{parts.scheme}://{authority}" + (f"/{path}" if path else "")
        return cls(base=base, host=host, owner=owner, name=name)


def _make_address_error(text: str, why: str) -> UsageError:
    return UsageError(
        f"'{text}' is not a repository's address: {why}.",
        "Give it as the browser shows it, such as 'https://forge.example/owner/name'.",
    )
