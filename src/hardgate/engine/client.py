"""The caller's engine: found as the 'docker' command finds it, and fit for the gate or refused."""

import functools
import os
import socket
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import DockerException
from docker.tls import TLSConfig
from requests.exceptions import RequestException

from hardgate.engine.endpoint import Endpoint, locate_endpoint, make_endpoint
from hardgate.errors import EngineError
from hardgate.text.plain import one_line

OLDEST_API = (1, 41)
ANSWER_SECONDS = 120
"""How long one answer of an engine may take."""
GREETING_SECONDS = 30
"""How long the first one may take, which is asked of whoever is there."""


class EngineAccessError(EngineError):
    """There is an engine, and this user may not speak to it."""


class EngineClient(docker.APIClient):
    """The SDK's client, which trusts the engine's authority and not the machine's others.

    REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE would take its place: requests lets them overrule what a
    session was told (https://github.com/psf/requests/issues/3829).
    """

    silence_seconds: float | None = None
    """Seconds without a word after which any answer is given up. The SDK waits for a pull, and
    for some more, without an end."""

    streamed_answer: weakref.ref[Any] | None = None
    """The last answer that is read piece by piece, for `hang_up`."""

    def _retrieve_server_version(self) -> str:
        """Read the API's version off the answer to a ping, as the 'docker' command does.

        The SDK asks for all versions there are, which takes the engine 6 ms: it starts its parts'
        programs for them. Every task of a play has a client of its own.
        """
        try:
            answer = self.get(f"{self.base_url}/_ping", timeout=self.timeout)
        except RequestException as error:
            raise DockerException(f"Error while asking for the API's version: {error}") from error
        version = answer.headers.get("Api-Version")
        return str(version or super()._retrieve_server_version())  # type: ignore[misc]

    def send(self, request: Any, **kwargs: Any) -> Any:
        if self.silence_seconds is not None:
            kwargs["timeout"] = self.silence_seconds
        answer = super().send(request, **kwargs)
        if kwargs.get("stream"):
            self.streamed_answer = weakref.ref(answer)
        return answer

    def merge_environment_settings(
        self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any
    ) -> Any:
        effective_verify = self.verify if verify is None else verify
        return super().merge_environment_settings(url, proxies, stream, effective_verify, cert)


def hang_up(client: docker.APIClient) -> None:
    """End the answer that another thread reads by this client: it hears of a broken connection.

    The engine hears of it at once, and ends what it does for that answer, such as a build.
    """
    find_answer = client.streamed_answer if isinstance(client, EngineClient) else None
    answer = find_answer() if find_answer else None
    if answer is not None:
        with suppress(AttributeError, OSError):  # it has ended
            answer.raw._fp.fp.raw._sock.shutdown(socket.SHUT_RDWR)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answered, and how it was found."""

    url: str
    found_by: str
    """`DOCKER_HOST`, `context NAME` or `default socket`."""
    info: Mapping[str, Any] = field(repr=False)
    """What it says of itself (`docker info`)."""
    version: Mapping[str, Any] = field(repr=False)
    environment: Mapping[str, str] = field(repr=False)
    """What leads the 'docker' command to this same engine."""

    def open_client(self) -> EngineClient:
        """Give a client of its own to whoever asks."""
        return connect_engine(self.url)


def find_engine(environ: Mapping[str, str] = os.environ) -> Engine:
    """Find the caller's engine; EngineError where none answers, or it cannot carry the gate."""
    endpoint = locate_endpoint(environ)
    client = _connect_endpoint(endpoint)
    try:
        engine = Engine(
            url=endpoint.url,
            found_by=endpoint.found_by,
            info=client.info(),
            version=client.version(),
            environment=endpoint.environment,
        )
    except (DockerException, OSError) as error:
        raise EngineError(
            f"The engine at '{endpoint.url}' ({endpoint.found_by}) broke off: {error}.",
            "Look at its log.",
        ) from error
    refuse_unfit_engine(engine)
    return engine


def connect_engine(url: str) -> EngineClient:
    """Give a client for an address; EngineError, with a remedy, where nobody answers there.

    Its certificates, if any, are found as `locate_endpoint` finds them: by the environment.
    """
    endpoint = locate_endpoint(os.environ)
    return (
        _connect_endpoint(endpoint)
        if endpoint.url == url
        else _create_client(make_endpoint(url, os.environ))
    )


@functools.cache
def get_shared_client(url: str) -> docker.APIClient:
    """Give this process's one client for an address: what is asked next uses its connections."""
    return connect_engine(url)


def _connect_endpoint(endpoint: Endpoint) -> EngineClient:
    if endpoint.url.startswith("ssh://"):
        raise EngineError(
            f"The engine at '{endpoint.url}' is reached over SSH, which hardgate does not speak.",
            "Forward its socket ('ssh -NL /tmp/engine.sock:/var/run/docker.sock HOST') and set "
            "DOCKER_HOST=unix:///tmp/engine.sock.",
        )
    if endpoint.url.startswith("unix://"):
        _refuse_closed_socket(endpoint)
    return _create_client(endpoint)


def _refuse_closed_socket(endpoint: Endpoint) -> None:
    """See that somebody listens at a socket, and that this user may speak to it."""
    path = endpoint.url.removeprefix("unix://")
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(GREETING_SECONDS)
            connection.connect(path)
    except PermissionError as error:
        raise EngineAccessError(
            f"You may not use the engine's socket '{path}' ({endpoint.found_by}).",
            "Add yourself to the group 'docker' ('sudo usermod -aG docker $USER'), and log in "
            "again. That group is as good as root.",
        ) from error
    except OSError as error:
        raise _make_unanswered_error(endpoint, error) from error


def _create_client(endpoint: Endpoint) -> EngineClient:
    try:
        client = EngineClient(
            base_url=endpoint.url,
            version="auto",
            timeout=GREETING_SECONDS,
            tls=_make_tls_config(endpoint),
        )
    except (DockerException, OSError) as error:
        raise _make_unanswered_error(endpoint, error) from error
    client.timeout = ANSWER_SECONDS
    return client


def _make_tls_config(endpoint: Endpoint) -> TLSConfig | bool:
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


def _make_unanswered_error(endpoint: Endpoint, error: Exception) -> EngineError:
    problem = (
        f"No engine answers at '{endpoint.url}' ({endpoint.found_by}): {describe_cause(error)}."
    )
    if not endpoint.is_named:
        remedy = "Install and start one by 'pipx run nox -s engine', or 'hardgate engine'."
    elif endpoint.found_by == "DOCKER_HOST":
        remedy = (
            "Start it or correct the address; without DOCKER_HOST this machine's own one is used."
        )
    else:
        remedy = "Start it, or choose another one by 'docker context use'."
    return EngineError(problem, remedy)


def describe_cause(error: BaseException) -> str:
    """Say in a few words what an exception of requests or urllib3 goes back to."""
    seen: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        one = queue.pop(0)
        if one is None or one in seen:
            continue
        seen.append(one)
        if isinstance(one, OSError) and one.errno and one.strerror:
            return one.strerror
        nested = [part for part in one.args if isinstance(part, BaseException)]
        queue += [one.__cause__, one.__context__, getattr(one, "reason", None), *nested]
    return one_line(str(error)).rstrip(".")


def refuse_unfit_engine(engine: Engine) -> None:
    """Raise where an engine, by what it says of itself, cannot run a tier 4 workspace."""
    for problem, remedy in _find_unfit_reasons(engine.info, engine.version):
        raise EngineError(f"The engine at '{engine.url}' ({engine.found_by}) {problem}.", remedy)


def _find_unfit_reasons(
    info: Mapping[str, Any], version: Mapping[str, Any]
) -> list[tuple[str, str]]:
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
            _parse_api_version(version.get("ApiVersion")) < OLDEST_API,
            f"speaks API {version.get('ApiVersion')}, which is too old",
            "Use Docker Engine 20.10 or newer.",
        ),
    )
    return [(problem, remedy) for holds, problem, remedy in rules if holds]


def _parse_api_version(version: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in str(version).split(".") if part.isdigit())
