"""The image under test: built on the caller's own engine, or found there; known by its digest."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from hardgate.engine.build_failure import BuildFailure, explain_build_failure
from hardgate.engine.build_request import HOLD_REPOSITORY, BuildRequest
from hardgate.engine.build_run import BuildLog, WriteLine, build_with_command, build_with_engine
from hardgate.engine.build_way import INSTALL_BUILDX_REMEDY, BuildClient, BuildWay
from hardgate.engine.client import Engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import BuildError, UsageError
from hardgate.model.run import Image
from hardgate.system.git import UNKNOWN_COMMIT, GitRefusedError, read_commit


def build_image(
    client: docker.APIClient,
    request: BuildRequest,
    *,
    way: BuildWay,
    engine_version: str = "",
    write: WriteLine,
) -> Image:
    """Build, on the caller's engine; a failure brings the end of the builder's words.

    The digest is the builder's own word of what it built: another job's build may move
    `request.tag` at any time. `release_image` lets the image go.
    """
    if request.secrets and way.client is BuildClient.CLASSIC:
        raise UsageError(
            f"'--secret' needs BuildKit, and {way.reason}.",
            f"{INSTALL_BUILDX_REMEDY} Or leave it out.",
        )
    held = replace(request, tag=request.hold_tag)
    log = BuildLog(write)
    try:
        if way.client is BuildClient.CLASSIC:
            names = [build_with_engine(client, held, log)]
        else:
            names = build_with_command(way, held, log)
    except BuildError as error:
        raise _explain_error(error, request, way, engine_version) from error
    # An engine with containerd's store may know an image by another digest than its builder gives.
    found = (find_image_digest(client, name) for name in (*names, request.hold_tag) if name)
    digest = next(filter(None, found), None)
    if digest is None:
        raise BuildError(
            f"The build ended well, and the engine has no image '{' or '.join(names)}'.",
            "Is another builder chosen (BUILDX_BUILDER), which keeps its images to itself?",
        )
    _keep_as_cache(client, request.tag, digest)
    return Image(
        reference=name_context(request.copied_from or request.context),
        digest=digest,
        source_commit=_read_source_commit(request.context, write)
        if request.source_commit is None
        else request.source_commit,
    )


def _explain_error(
    error: BuildError, request: BuildRequest, way: BuildWay, engine_version: str
) -> BuildError:
    """Say what the engine or its client lacks, where that is why; else give the error itself."""
    explained = explain_build_failure(
        BuildFailure(
            output=error.evidence,
            dockerfile=request.dockerfile.read_text(errors="replace"),
            engine_version=engine_version,
            client=way.client,
        )
    )
    if explained is None:
        return error
    return BuildError(explained.problem, explained.remedy, evidence=error.evidence)


def name_context(context: Path) -> str:
    """Name a context in reports: as it was given, the working folder by its own name."""
    return str(context) if context.name else context.resolve().name or str(context.resolve())


def _keep_as_cache(client: docker.APIClient, tag: str, digest: str) -> None:
    """Let the context's tag name this image, and let go of what it named before."""
    before = find_image_digest(client, tag)
    with suppress(APIError):  # without the tag the next build is slower, and no other
        repository, _, name = tag.rpartition(":")
        client.tag(digest, repository, name)
        remove_replaced_image(client, before, digest)


def release_image(client: docker.APIClient, request: BuildRequest) -> None:
    """Take the run's own tag away, and those that killed runs left too long ago."""
    for tag in (request.hold_tag, *_list_expired_holds(client)):
        with suppress(DockerException):  # an engine that is away is told elsewhere
            client.remove_image(tag)


@contextmanager
def hold_image(engine: Engine, request: BuildRequest | None) -> Iterator[None]:
    """Release what a build makes at the end, however that comes."""
    try:
        yield
    finally:
        if request is not None:
            with suppress(DockerException):
                release_image(engine.open_client(), request)


def _list_expired_holds(client: docker.APIClient) -> Iterator[str]:
    try:
        images = client.images(name=HOLD_REPOSITORY)
    except DockerException:
        return
    for tag in (tag for image in images for tag in image["RepoTags"] or ()):
        repository, _, name = str(tag).rpartition(":")
        until = name.rpartition("-")[2]
        if repository == HOLD_REPOSITORY and until.isdigit() and int(until) < time.time():
            yield str(tag)


def _read_source_commit(context: Path, write: WriteLine) -> str:
    """Read the commit for the report; a refusal of git's stops no build."""
    try:
        return read_commit(context)
    except GitRefusedError as error:
        write(f"The commit is not known. {error}")
        return UNKNOWN_COMMIT


def build_for_engine(
    engine: Engine, request: BuildRequest, *, way: BuildWay, write: WriteLine
) -> Image:
    """Build on the caller's engine, with its proxies."""
    request = replace(
        request,
        arguments={**read_proxy_environment(), **request.arguments},
        environment={**request.environment, **engine.environment},
    )
    return build_image(
        engine.open_client(),
        request,
        way=way,
        engine_version=str(engine.version["Version"]),
        write=write,
    )


def find_image_digest(client: docker.APIClient, reference: str) -> str | None:
    """Give the id of an image that the engine has; None where it has none.

    Raises UsageError where no image can be called so.
    """
    try:
        return str(client.inspect_image(reference)["Id"])
    except ImageNotFound:
        return None
    except APIError as error:
        if error.status_code != HTTPStatus.BAD_REQUEST:
            raise
        raise UsageError(
            f"'{reference}' is not a name that an image can have: {error.explanation}.",
            "Write it as 'NAME:TAG', with small letters, or as 'sha256:' and its digits.",
        ) from error


def remove_replaced_image(client: docker.APIClient, before: str | None, now: str) -> None:
    """Remove the image that this one replaced, where nobody else has a name or a use for it."""
    if before in {None, now}:
        return
    try:
        if not client.inspect_image(before)["RepoTags"]:
            client.remove_image(before)
    except APIError:
        # In use, or gone already: somebody else's, either way.
        return


def build_with_classic(
    client: docker.APIClient,
    request: BuildRequest,
    write: WriteLine,
    is_over: Callable[[], bool] = lambda: False,
) -> str:
    """Build what hardgate makes for itself, for which no client is needed; give its digest."""
    return build_with_engine(client, request, BuildLog(write), is_over)


def find_image(client: docker.APIClient, reference: str) -> Image:
    """Find an image that the caller's engine has, or can pull."""
    digest = find_image_digest(client, reference)
    if digest is None:
        try:
            client.pull(reference)
        except APIError as error:
            raise BuildError(
                f"The engine has no image '{reference}', and could not pull it.",
                "Build it first, or name another by --image.",
                evidence=str(error.explanation or error),
            ) from error
        digest = find_image_digest(client, reference)
    if digest is None:
        raise BuildError(f"The engine pulled '{reference}', and has no such image.")
    return Image(reference=reference, digest=digest)


def list_layers(client: docker.APIClient, digest: str) -> tuple[str, ...]:
    """Give the image's layers by their diff ids, the lowest first."""
    return tuple(client.inspect_image(digest)["RootFS"].get("Layers") or ())
