"""The caller's engine: found as the 'docker' command finds it, and fit for the gate or refused."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from docker.tls import TLSConfig

from hardgate.errors import EngineError

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
OLDEST_API = (1, 41)
SECONDS = 120
"""How long one answer of an engine may take."""
FIRST_SECONDS = 20
"""How long its first answer may take: a socket that only accepts must not hold up anybody."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where an engine is, and what says so."""

    url: str
    how: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    certificates: Path | None = None
    """The folder of ca.pem, cert.pem and key.pem; None where TLS is not asked for."""
    verify: bool = True
    """Whether the engine's own certificate is looked at."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answered, and how it was found."""

    url: str
    how: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    info: Mapping[str, Any] = field(repr=False)
    """What it says of itself (`docker info`)."""
    version: Mapping[str, Any] = field(repr=False)

    def client(self, timeout: int = SECONDS) -> docker.APIClient:
        """Give a client of its own to whoever asks; `timeout` is for each of its answers."""
        return connect(self.url, timeout=timeout)


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Find the caller's engine; EngineError where none answers, or it cannot carry the gate."""
    address = locate(environ)
    client = _open(address, SECONDS)
    try:
        engine = Engine(
            url=address.url, how=address.how, info=client.info(), version=client.version()
        )
    except (DockerException, OSError) as error:
        raise EngineError(
            f"The engine at '{address.url}' ({address.how}) does not answer.",
            "Look at its log, and start it anew.",
            evidence=str(error),
        ) from error
    finally:
        client.close()
    refuse_unfit(engine)
    return engine


def is_answered(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is any engine: one that was named, or something at the default socket.

    An engine that was named and does not answer is the caller's mistake, and told as one: no
    other is installed in its place. Nor beside one whose socket this user may not open.
    """
    address = locate(environ)
    if address.url != DEFAULT_SOCKET:
        return True
    try:
        _open(address, SECONDS).close()
    except EngineError as error:
        return _is_forbidden(str(error.__cause__))
    return True


def locate(environ: Mapping[str, str]) -> Address:
    """Say where the caller's engine is, and what says so, as the 'docker' command would."""
    if environ.get("DOCKER_HOST"):
        return _named_by_host(environ)
    folder = _configuration(environ)
    name = environ.get("DOCKER_CONTEXT") or _read(folder / "config.json").get("currentContext")
    if name and name != "default":
        return _named_by_context(str(name), folder)
    return Address(url=DEFAULT_SOCKET, how="default socket")


def _configuration(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME", "/")) / ".docker")


def _named_by_host(environ: Mapping[str, str]) -> Address:
    certificates = environ.get("DOCKER_CERT_PATH") or _configuration(environ)
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    wants_tls = verify or bool(environ.get("DOCKER_TLS"))
    return Address(
        url=environ["DOCKER_HOST"],
        how="DOCKER_HOST",
        certificates=Path(certificates) if wants_tls else None,
        verify=verify,
    )


def _named_by_context(name: str, folder: Path) -> Address:
    """Read a context as the 'docker' command stores it.

    The SDK's own reader looks beside the current folder where there is no config.json.
    """
    place = hashlib.sha256(name.encode()).hexdigest()
    meta = _read(folder / "contexts" / "meta" / place / "meta.json")
    endpoint = meta.get("Endpoints", {}).get("docker")
    if endpoint is None:
        raise EngineError(
            f"There is no Docker context '{name}'.",
            "Choose one of 'docker context ls' by 'docker context use'.",
        )
    certificates = folder / "contexts" / "tls" / place / "docker"
    return Address(
        url=endpoint.get("Host") or DEFAULT_SOCKET,
        how=f"context {name}",
        certificates=certificates if certificates.is_dir() else None,
        verify=not endpoint.get("SkipTLSVerify", False),
    )


def _read(file: Path) -> Mapping[str, Any]:
    """Read one of Docker's own files; one that is not there says nothing."""
    try:
        data = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise EngineError(
            f"'{file}' cannot be read.", "Mend it, or name the engine by DOCKER_HOST."
        ) from error
    return data if isinstance(data, dict) else {}


def connect(url: str, *, timeout: int = SECONDS) -> docker.APIClient:
    """Give a client for an address; EngineError, with a remedy, where nobody answers there.

    Where the caller's own engine is meant, its certificates are found as `find_engine` did.
    """
    address = locate(os.environ)
    return _open(address if address.url == url else Address(url=url, how="named"), timeout)


def _open(address: Address, timeout: int) -> docker.APIClient:
    if address.url.startswith("ssh://"):
        raise EngineError(
            f"The engine at '{address.url}' ({address.how}) is reached over SSH, which hardgate "
            "does not speak.",
            "Forward its socket ('ssh -nNTL /tmp/engine.sock:/var/run/docker.sock HOST') and set "
            "DOCKER_HOST=unix:///tmp/engine.sock.",
        )
    try:
        client = docker.APIClient(
            base_url=address.url, version="auto", timeout=FIRST_SECONDS, tls=_tls(address)
        )
    except (DockerException, OSError) as error:
        raise _unreachable(address, str(error)) from error
    client.timeout = timeout
    return client


def _tls(address: Address) -> TLSConfig | bool:
    if address.certificates is None or address.url.startswith("unix:"):
        return False
    own, key, authority = (
        str(address.certificates / name) for name in ("cert.pem", "key.pem", "ca.pem")
    )
    has_authority = Path(authority).is_file()
    return TLSConfig(
        client_cert=(own, key) if Path(own).is_file() else None,
        ca_cert=authority if has_authority else None,
        verify=address.verify,
    )


def _unreachable(address: Address, words: str) -> EngineError:
    where = f"'{address.url}' ({address.how})"
    if _is_forbidden(words):
        return EngineError(
            f"This user may not use the engine at {where}.",
            "Add yourself to the group 'docker' ('sudo usermod -aG docker $USER', then log in "
            "again). That group is as good as root.",
            evidence=words,
        )
    remedy = "Is it running, and is the address right?"
    if address.url == DEFAULT_SOCKET:
        remedy = "Install and start one by 'pipx run nox -s engine', or 'hardgate engine'."
    return EngineError(f"No engine answers at {where}.", remedy, evidence=words)


def _is_forbidden(words: str) -> bool:
    return "ermission denied" in words


def refuse_unfit(engine: Engine) -> None:
    """Raise where an engine, by what it says of itself, cannot run a tier 4 workspace."""
    for problem, remedy in _unfit(engine.info, engine.version):
        raise EngineError(f"The engine at '{engine.url}' ({engine.how}) {problem}.", remedy)


def _unfit(info: Mapping[str, Any], version: Mapping[str, Any]) -> list[tuple[str, str]]:
    options = " ".join(info.get("SecurityOptions") or ())
    names = " ".join(str(part.get("Name")) for part in version.get("Components") or ())
    api = tuple(int(part) for part in re.findall(r"\d+", str(version.get("ApiVersion", ""))))
    rules = (
        (
            "podman" in names.lower(),
            "is Podman, whose privileged containers are not a Docker host's",
            "Use a Docker Engine: 'pipx run nox -s engine' installs one.",
        ),
        (
            info.get("OSType", "linux") != "linux",
            f"runs {info.get('OSType')} containers",
            "Switch it to Linux containers.",
        ),
        (
            "name=rootless" in options,
            "is rootless, so nothing in it can be root on the host",
            "Use a rootful engine; point DOCKER_HOST at it.",
        ),
        (
            "name=userns" in options,
            "remaps users, so that no container may share the host's PID namespace",
            "Start it without 'userns-remap'.",
        ),
        (
            api < OLDEST_API,
            f"speaks API {version.get('ApiVersion')}, which is too old",
            "Use Docker Engine 20.10 or newer.",
        ),
    )
    return [(problem, remedy) for holds, problem, remedy in rules if holds]
