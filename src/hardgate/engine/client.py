"""The caller's engine: found as the 'docker' command finds it, and fit for the gate or refused."""

import functools
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import DockerException
from docker.tls import TLSConfig

from hardgate.engine.endpoint import Endpoint, endpoint_at, locate
from hardgate.errors import EngineError

OLDEST_API = (1, 41)
ANSWER_SECONDS = 120
"""How long one answer of an engine may take."""
GREETING_SECONDS = 30
"""How long the first one may take, which is asked of whoever is there."""


class EngineAccessError(EngineError):
    """There is an engine, and this user may not speak to it."""


class Client(docker.APIClient):
    """The SDK's client, which trusts the engine's authority and not the machine's others.

    REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE would take its place: requests lets them overrule what a
    session was told (https://github.com/psf/requests/issues/3829).
    """

    silence: float | None = None
    """Seconds without a word after which any answer is given up. The SDK waits for a pull, and
    for some more, without an end."""

    def send(self, request: Any, **kwargs: Any) -> Any:
        if self.silence is not None:
            kwargs["timeout"] = self.silence
        return super().send(request, **kwargs)

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        asked = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, asked, cert)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answered, and how it was found."""

    url: str
    how: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    info: Mapping[str, Any] = field(repr=False)
    """What it says of itself (`docker info`)."""
    version: Mapping[str, Any] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    """What leads the 'docker' command to this same engine."""

    def client(self) -> Client:
        """Give a client of its own to whoever asks."""
        return connect(self.url)


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Find the caller's engine; EngineError where none answers, or it cannot carry the gate."""
    endpoint = locate(environ)
    client = _connect(endpoint)
    try:
        engine = Engine(
            url=endpoint.url,
            how=endpoint.how,
            info=client.info(),
            version=client.version(),
            environment=endpoint.environment,
        )
    except (DockerException, OSError) as error:
        raise EngineError(
            f"The engine at '{endpoint.url}' ({endpoint.how}) broke off: {error}.",
            "Look at its log.",
        ) from error
    refuse_unfit(engine)
    return engine


def connect(url: str) -> Client:
    """Give a client for an address; EngineError, with a remedy, where nobody answers there.

    The certificates that it takes, if any, are found as `locate` finds them: by the environment.
    """
    found = locate(os.environ)
    return _connect(found) if found.url == url else _greet(endpoint_at(url, os.environ))


@functools.cache
def shared_client(url: str) -> docker.APIClient:
    """Give this process's one client for an address: what is asked next uses its connections."""
    return connect(url)


def _connect(endpoint: Endpoint) -> Client:
    if endpoint.url.startswith("ssh://"):
        raise EngineError(
            f"The engine at '{endpoint.url}' is reached over SSH, which hardgate does not speak.",
            "Forward its socket ('ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST') and set "
            "DOCKER_HOST=unix:///tmp/engine.sock.",
        )
    if endpoint.url.startswith("unix://"):
        _knock(endpoint)
    return _greet(endpoint)


def _knock(endpoint: Endpoint) -> None:
    """See that somebody listens at a socket, and that this user may speak to it."""
    path = endpoint.url.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(GREETING_SECONDS)
            door.connect(path)
    except PermissionError as error:
        raise EngineAccessError(
            f"You may not use the engine's socket '{path}' ({endpoint.how}).",
            "Add yourself to the group 'docker' ('sudo usermod -aG docker $USER'), and log in "
            "again. That group is as good as root.",
        ) from error
    except OSError as error:
        raise _unanswered(endpoint, error) from error


def _greet(endpoint: Endpoint) -> Client:
    try:
        client = Client(
            base_url=endpoint.url, version="auto", timeout=GREETING_SECONDS, tls=_tls(endpoint)
        )
    except (DockerException, OSError) as error:
        raise _unanswered(endpoint, error) from error
    client.timeout = ANSWER_SECONDS
    return client


def _tls(endpoint: Endpoint) -> TLSConfig | bool:
    """Read the certificates; the client's own may be missing, where the engine wants none."""
    folder = endpoint.certificates
    if folder is None:
        return False
    pair = (str(folder / "cert.pem"), str(folder / "key.pem"))
    authority = folder / "ca.pem"
    return TLSConfig(
        client_cert=pair if all(map(os.path.exists, pair)) else None,
        ca_cert=str(authority) if endpoint.verified or authority.exists() else None,
        verify=endpoint.verified,
    )


def _unanswered(endpoint: Endpoint, error: Exception) -> EngineError:
    problem = f"No engine answers at '{endpoint.url}' ({endpoint.how}): {error}."
    if not endpoint.is_named:
        remedy = "Install and start one by 'pipx run nox -s engine', or 'hardgate engine'."
    elif endpoint.how == "DOCKER_HOST":
        remedy = "Start it or mend the address; without DOCKER_HOST this machine's own one is used."
    else:
        remedy = "Start it, or choose another one by 'docker context use'."
    return EngineError(problem, remedy)


def refuse_unfit(engine: Engine) -> None:
    """Raise where an engine, by what it says of itself, cannot run a tier 4 workspace."""
    for problem, remedy in _unfit(engine.info, engine.version):
        raise EngineError(f"The engine at '{engine.url}' ({engine.how}) {problem}.", remedy)


def _unfit(info: Mapping[str, Any], version: Mapping[str, Any]) -> list[tuple[str, str]]:
    options = " ".join(info.get("SecurityOptions") or ())
    names = " ".join(str(part.get("Name")) for part in version.get("Components") or ())
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
            _numbers(version.get("ApiVersion")) < OLDEST_API,
            f"speaks API {version.get('ApiVersion')}, which is too old",
            "Use Docker Engine 20.10 or newer.",
        ),
    )
    return [(problem, remedy) for holds, problem, remedy in rules if holds]


def _numbers(version: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).split(".") if part.isdigit())
