"""Runs a build: by the 'docker' command's BuildKit, or by the engine's classic builder."""

import json
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, cast

import docker
from docker.errors import APIError, DockerException
from docker.utils.build import tar
from urllib3.exceptions import HTTPError

from hardgate.engine.awaited_events import Event, await_events
from hardgate.engine.build_request import BuildRequest
from hardgate.engine.build_way import BuildClient, BuildWay
from hardgate.errors import BuildError
from hardgate.system import process
from hardgate.system.temporary_folder import temporary_folder
from hardgate.text.bounded import bound_lines

BUILD_EVIDENCE_LINES = 20
WriteLine = Callable[[str], None]


class BuildLog:
    """Hands a builder's words on, and keeps their end for whoever has to understand a failure."""

    def __init__(self, write: WriteLine) -> None:
        """Hand each line to `write`."""
        self._write = write
        self._end: deque[str] = deque(maxlen=BUILD_EVIDENCE_LINES)

    def add_text(self, text: str) -> None:
        """Add what the builder printed."""
        for line in bound_lines(text).splitlines():
            self._end.append(line)
            self._write(line)

    def make_build_error(self, problem: str) -> BuildError:
        """Make an error that shows the end of it."""
        return BuildError(
            problem,
            "Read the end of the build's log.",
            evidence="\n".join(self._end),
        )

    def make_timeout_error(self, seconds: float) -> BuildError:
        """Make the error of a build that came to no end."""
        return self.make_build_error(
            f"The build was still running after {seconds:g} s, and was ended."
        )


def build_with_engine(
    client: docker.APIClient,
    request: BuildRequest,
    log: BuildLog,
    is_over: Callable[[], bool] = lambda: False,
) -> str:
    """Build with the classic builder; give the image's id, from the builder's own answer.

    `is_over` tells whether the build is to be broken off.
    """
    digest, failed, deadline = "", False, time.monotonic() + request.seconds

    def raise_if_over() -> None:
        if is_over():
            raise log.make_build_error("The build was broken off, because the run ended.")
        if time.monotonic() > deadline:
            raise log.make_timeout_error(request.seconds)

    try:
        with (
            _pack_context(request) as (context, dockerfile),
            closing(
                await_events(
                    client,
                    lambda: _request_build(client, request, context, dockerfile),
                    raise_if_over,
                )
            ) as events,
        ):
            for event in events:
                log.add_text(str(event.get("stream", "")))
                digest = str((event.get("aux") or {}).get("ID", digest))
                if "error" in event:
                    failed = True  # and read on: the answer ends here
                    log.add_text(str(event["error"]))
    except (DockerException, HTTPError, OSError, ValueError) as error:
        log.add_text(str(error.explanation if isinstance(error, APIError) else error))
        raise log.make_build_error("The build could not go on.") from error
    if failed:
        raise log.make_build_error("The image could not be built.")
    return digest


def _request_build(
    client: docker.APIClient, request: BuildRequest, context: IO[bytes], dockerfile: str
) -> Iterator[Event]:
    events: Iterator[Event] = client.build(
        fileobj=context,
        custom_context=True,
        dockerfile=dockerfile,
        tag=request.tag,
        buildargs=dict(request.arguments),
        target=request.target,
        platform=request.platform,
        rm=True,
        forcerm=True,  # without it a failed RUN leaves its container behind
        decode=True,
    )
    return events


@contextmanager
def _pack_context(request: BuildRequest) -> Iterator[tuple[IO[bytes], str]]:
    """Pack what a build is given, without what is ignored; give it, and its Dockerfile's name."""
    name = f".hardgate-dockerfile-{secrets.token_hex(8)}"
    packed = tar(
        request.context,
        exclude=_read_ignored_patterns(request),
        dockerfile=(name, request.dockerfile.read_text()),
    )
    try:
        yield cast("IO[bytes]", packed), name
    finally:
        packed.close()


def _read_ignored_patterns(request: BuildRequest) -> list[str]:
    """Read the Dockerfile's own ignore file, else the context's, as BuildKit's clients do."""
    beside = request.dockerfile.with_name(f"{request.dockerfile.name}.dockerignore")
    for file in (beside, request.context / ".dockerignore"):
        if file.is_file():
            lines = (line.strip() for line in file.read_text().splitlines())
            return [line for line in lines if line and not line.startswith("#")]
    return []


def build_with_command(way: BuildWay, request: BuildRequest, log: BuildLog) -> list[str]:
    """Build with BuildKit by the 'docker' command; give the names of the image that it wrote."""
    buildx = way.client is BuildClient.BUILDX
    with temporary_folder() as folder:
        id_file, metadata_file = folder / "image-id", folder / "metadata.json"
        finished = process.run_command(
            [
                *(way.program, *(["buildx"] if buildx else []), "build", "--progress=plain"),
                *(["--load", f"--metadata-file={metadata_file}"] if buildx else []),
                f"--iidfile={id_file}",
                f"--tag={request.tag}",
                f"--file={request.dockerfile}",
                *([f"--target={request.target}"] if request.target else []),
                *([f"--platform={request.platform}"] if request.platform else []),
                *(f"--build-arg={key}" for key in request.arguments),
                *(f"--secret={secret}" for secret in request.secrets),
                str(request.context),
            ],
            # A bare --build-arg takes its value from here: the value is in no process list.
            env={**_name_builder(request), **request.arguments, "DOCKER_BUILDKIT": "1"},
            on_line=log.add_text,
            timeout=request.seconds,
        )
        if finished.timed_out:
            raise log.make_timeout_error(request.seconds)
        if not finished.ok:
            raise log.make_build_error("The image could not be built.")
        return [*_read_image_id(id_file), *_read_metadata_digests(metadata_file)]


def _name_builder(request: BuildRequest) -> dict[str, str]:
    """Choose the engine's own builder where the caller names none, as 'docker build' does.

    'docker buildx use' chooses for 'docker buildx build' alone, and such a builder knows none of
    the engine's images (https://docs.docker.com/build/builders/#difference-between-docker-build-and-docker-buildx-build).
    """
    return {"BUILDX_BUILDER": "default", **request.environment}


def _read_image_id(file: Path) -> list[str]:
    return file.read_text().split() if file.is_file() else []


def _read_metadata_digests(file: Path) -> list[str]:
    """Read what buildx wrote of the image: an engine with a containerd store knows its manifest."""
    if not file.is_file():
        return []
    metadata = json.loads(file.read_text())
    keys = ("containerimage.digest", "containerimage.config.digest")
    return [metadata[key] for key in keys if key in metadata]
