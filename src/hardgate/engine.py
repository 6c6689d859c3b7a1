"""The caller's engine: found as the 'docker' command finds it, and fit for the gate or refused."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
from docker.errors import DockerException
from docker.tls import TLSConfig

from hardgate.errors import EngineError

DEFAULT_SOCKET = "unix:///var/run/docker.sock"
OLDEST_API = (1, 41)
SECONDS = 120
"""How long one answer of an engine may take."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answered, and how it was found."""

    url: str
    how: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    info: Mapping[str, Any] = field(repr=False)
    """What it says of itself (`docker info`)."""
    version: Mapping[str, Any] = field(repr=False)

    def client(self) -> docker.APIClient:
        """Give a client of its own to whoever asks."""
        return connect(self.url)


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Find the caller's engine; EngineError where none answers, or it cannot carry the gate."""
    url, how = locate(environ)
    client = connect(url)
    try:
        engine = Engine(url=url, how=how, info=client.info(), version=client.version())
    except (DockerException, OSError) as error:
        raise EngineError(f"The engine at '{url}' ({how}) does not answer: {error}.") from error
    refuse_unfit(engine)
    return engine


def is_answered(environ: Mapping[str, str] = os.environ) -> bool:
    """Tell whether there is any engine: one that was named, or something at the default socket.

    An engine that was named and does not answer is the caller's mistake, and told as one: no
    other is installed in its place.
    """
    url, _ = locate(environ)
    if url != DEFAULT_SOCKET:
        return True
    try:
        connect(url).close()
    except EngineError as error:
        return "ermission denied" in str(error.__cause__)
    return True


def locate(environ: Mapping[str, str]) -> tuple[str, str]:
    """Say where the caller's engine is, and what says so, as the 'docker' command would."""
    if environ.get("DOCKER_HOST"):
        return environ["DOCKER_HOST"], "DOCKER_HOST"
    name = environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name and name != "default":
        context = ContextAPI.get_context(name)
        if context is None or not context.Host:
            raise EngineError(
                f"There is no Docker context '{name}'.", "Choose one by 'docker context use'."
            )
        return context.Host, f"context {name}"
    return DEFAULT_SOCKET, "default socket"


def connect(url: str) -> docker.APIClient:
    """Give a client for an address; EngineError, with a remedy, where nobody answers there."""
    if url.startswith("ssh://"):
        raise EngineError(
            f"The engine at '{url}' is reached over SSH, which hardgate does not speak.",
            "Forward its socket ('ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST') and set "
            "DOCKER_HOST=unix:///tmp/engine.sock.",
        )
    try:
        return docker.APIClient(base_url=url, version="auto", timeout=SECONDS, tls=_tls(url))
    except (DockerException, OSError) as error:
        raise EngineError(f"No engine answers at '{url}'.", _remedy(url, str(error))) from error


def _tls(url: str) -> TLSConfig | bool:
    """Read the certificates that DOCKER_TLS_VERIFY and DOCKER_CERT_PATH name."""
    if not url.startswith(("tcp://", "https://")) or not os.environ.get("DOCKER_TLS_VERIFY"):
        return False
    folder = Path(os.environ.get("DOCKER_CERT_PATH") or Path.home() / ".docker")
    return TLSConfig(
        client_cert=(str(folder / "cert.pem"), str(folder / "key.pem")),
        ca_cert=str(folder / "ca.pem"),
        verify=True,
    )


def _remedy(url: str, words: str) -> str:
    if "ermission denied" in words:
        return (
            "You may not use its socket: add yourself to the group 'docker' "
            "('sudo usermod -aG docker $USER', then log in again). That group is as good as root."
        )
    if url == DEFAULT_SOCKET:
        return "Install and start one by 'pipx run nox -s engine', or 'hardgate engine'."
    return f"Is it running, and is the address right? It said: {words}"


def refuse_unfit(engine: Engine) -> None:
    """Raise where an engine, by what it says of itself, cannot run a tier 4 workspace."""
    for problem, remedy in _unfit(engine.info, engine.version):
        raise EngineError(f"The engine at '{engine.url}' ({engine.how}) {problem}.", remedy)


def _unfit(info: Mapping[str, Any], version: Mapping[str, Any]) -> list[tuple[str, str]]:
    options = " ".join(info.get("SecurityOptions") or ())
    names = " ".join(str(part.get("Name")) for part in version.get("Components") or ())
    api = tuple(int(part) for part in str(version.get("ApiVersion", "0")).split("."))
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
