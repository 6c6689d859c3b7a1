"""Where the caller's engine is: found as the 'docker' command finds it.

Read here and not by the SDK, which takes a file that it cannot read for one that says nothing, and
finds no context where there is no config.json.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.errors import EngineError

DEFAULT_SOCKET = "unix:///var/run/docker.sock"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """An engine's address, before anybody has knocked there."""

    url: str
    found_by: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    certificates: Path | None = None
    """The folder of ca.pem, cert.pem and key.pem, where the engine is reached by TLS."""
    verified: bool = True
    """Whether the engine has to show a certificate of that authority."""

    @property
    def is_named(self) -> bool:
        """Tell whether somebody chose it: then no other engine may take its place."""
        return self.found_by != "default socket"

    @property
    def environment(self) -> dict[str, str]:
        """Give the variables that lead the 'docker' command, and ourselves, to this engine."""
        variables = {"DOCKER_HOST": self.url}
        if self.certificates is not None:
            mode = "DOCKER_TLS_VERIFY" if self.verified else "DOCKER_TLS"
            variables |= {mode: "1", "DOCKER_CERT_PATH": str(self.certificates)}
        return variables


def locate_endpoint(environ: Mapping[str, str]) -> Endpoint:
    """Say where the caller's engine is, and what says so."""
    folder = _find_settings_folder(environ)
    settings = _read_docker_json(folder / "config.json")
    if environ.get("DOCKER_HOST"):
        return make_endpoint(environ["DOCKER_HOST"], environ)
    name = environ.get("DOCKER_CONTEXT") or str(settings.get("currentContext") or "")
    if name in {"", "default"}:
        return Endpoint(url=DEFAULT_SOCKET, found_by="default socket")
    return _read_context(name, folder / "contexts")


def make_endpoint(url: str, environ: Mapping[str, str]) -> Endpoint:
    """Give the endpoint at an address, with the certificates that go with it."""
    plain = url.startswith(("unix://", "ssh://", "npipe://", "fd://"))
    verified = bool(environ.get("DOCKER_TLS_VERIFY"))
    if plain or not (verified or environ.get("DOCKER_TLS")):
        return Endpoint(url=url, found_by="DOCKER_HOST")
    folder = environ.get("DOCKER_CERT_PATH")
    return Endpoint(
        url=url,
        found_by="DOCKER_HOST",
        certificates=Path(folder) if folder else _find_settings_folder(environ),
        verified=verified,
    )


def _find_settings_folder(environ: Mapping[str, str]) -> Path:
    if environ.get("DOCKER_CONFIG"):
        return Path(environ["DOCKER_CONFIG"])
    return Path(environ.get("HOME") or Path.home()) / ".docker"


def _read_context(name: str, folder: Path) -> Endpoint:
    """Read a context from the files of 'docker context create'."""
    key = hashlib.sha256(name.encode()).hexdigest()
    meta = _read_docker_json(folder / "meta" / key / "meta.json")
    endpoint = (meta.get("Endpoints") or {}).get("docker") or {}
    if not endpoint.get("Host"):
        raise EngineError(
            f"There is no Docker context '{name}'.",
            "See 'docker context ls', and choose one by 'docker context use' or DOCKER_CONTEXT.",
        )
    certificates = folder / "tls" / key / "docker"
    return Endpoint(
        url=str(endpoint["Host"]),
        found_by=f"context {name}",
        certificates=certificates if certificates.is_dir() else None,
        verified=not endpoint.get("SkipTLSVerify"),
    )


def _read_docker_json(file: Path) -> dict[str, Any]:
    """Read one of Docker's own files; one that is not there says nothing."""
    try:
        content = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EngineError(
            f"Docker's own file '{file}' cannot be read: {error}.",
            "Mend it, or move it away; DOCKER_CONFIG names another folder.",
        ) from error
    if not isinstance(content, dict):
        raise EngineError(f"Docker's own file '{file}' holds no JSON object.", "Mend it.")
    return content
