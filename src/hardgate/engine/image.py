"""The image under test: built on the caller's own engine, or found there; known by its digest."""

import hashlib
import re
import secrets as random_names
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import docker
from docker.errors import APIError, DockerException, ImageNotFound

from hardgate import process
from hardgate.engine.client import Engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import BuildError, UsageError
from hardgate.git import UNKNOWN_COMMIT, GitRefusedError, read_commit
from hardgate.model.run import Image

BASE_ARGUMENT = "BASE_IMAGE"
BUILD_EVIDENCE_LINES = 20
HOLD_REPOSITORY = "hardgate/hold"
HOLD_SECONDS = 24 * 3600
"""After which a tag that a killed run left no longer holds its image."""
WriteLine = Callable[[str], None]


def make_hold_tag() -> str:
    """Name a tag that no other run knows; its name says until when it counts."""
    return f"{HOLD_REPOSITORY}:{random_names.token_hex(8)}-{int(time.time()) + HOLD_SECONDS}"


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to build, and from what."""

    context: Path
    dockerfile: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    """As `docker buildx build --secret` takes them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For the build's own processes: where the engine is, and proxies."""
    tag: str
    """Holds this context's last image, and so its build cache; other jobs may move it."""
    hold_tag: str = field(default_factory=make_hold_tag)
    """Holds the image that this build makes, and is known to nobody else."""

    def wants_base(self) -> bool:
        """Tell whether the Dockerfile leaves its base to the builder, and the caller does too."""
        if BASE_ARGUMENT in self.arguments:
            return False
        text = self.dockerfile.read_text(errors="replace")
        return re.search(rf"^\s*ARG\s+{BASE_ARGUMENT}\b", text, re.MULTILINE | re.I) is not None


def make_build_request(
    context: str,
    dockerfile: str | None,
    arguments: Iterable[str],
    secrets: Sequence[str],
    environment: Mapping[str, str],
) -> BuildRequest:
    """Read the command line's words; a missing file or a bad pair is a UsageError."""
    folder = Path(context)
    if not folder.is_dir():
        raise UsageError(f"There is no folder '{context}'.", "Name a build context by --context.")
    file = Path(dockerfile) if dockerfile else folder / "Dockerfile"
    if dockerfile and not file.is_file() and (folder / dockerfile).is_file():
        file = folder / dockerfile
    if not file.is_file():
        raise UsageError(
            f"There is no file '{file}'.",
            "Name the folder that holds it by --context, or the file itself by --dockerfile.",
        )
    return BuildRequest(
        context=folder,
        dockerfile=file,
        arguments=dict(_parse_build_argument(argument, environment) for argument in arguments),
        secrets=secrets,
        environment=environment,
        tag=_make_workspace_tag(folder, file),
    )


def _make_workspace_tag(context: Path, dockerfile: Path) -> str:
    paths = f"{context.resolve()}\0{dockerfile.resolve()}"
    return f"hardgate/workspace:{hashlib.sha256(paths.encode()).hexdigest()[:16]}"


def _parse_build_argument(argument: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Split K=V; a bare K takes its value from the environment, as Docker does."""
    key, equals, value = argument.partition("=")
    if not key or not (equals or key in environment):
        raise UsageError(f"'--build-arg {argument}' is no pair.", "Write it as KEY=VALUE.")
    return key, value if equals else environment[key]


def has_buildx(environment: Mapping[str, str]) -> bool:
    """Tell whether the machine's 'docker' command can build with buildx."""
    try:
        return (
            process.run_command(["docker", "buildx", "version"], env=environment, timeout=20).status
            == 0
        )
    except process.CommandMissingError:
        return False


def build_image(
    client: docker.APIClient, request: BuildRequest, *, buildx: bool, write: WriteLine
) -> Image:
    """Build, on the caller's engine; a failure brings the end of the builder's words.

    The digest is the builder's own word of what it built: another job's build may move
    `request.tag` at any time. `release_image` lets the image go.
    """
    if request.secrets and not buildx:
        raise UsageError(
            "'--secret' needs buildx, and this machine's 'docker' command has none.",
            "Install the package 'docker-buildx' (or docker-buildx-plugin), or leave it out.",
        )
    held = replace(request, tag=request.hold_tag)
    reported = (_build_with_buildx if buildx else build_with_classic)(client, held, write)
    # An engine with containerd's store knows an image by another digest than its builder gives.
    digest = find_image_digest(client, reported or request.hold_tag)
    digest = digest or find_image_digest(client, request.hold_tag)
    if digest is None:
        raise BuildError(f"The build ended well, and the engine has no image '{reported}'.")
    _keep_as_cache(client, request.tag, digest)
    return Image(
        reference=str(request.context),
        digest=digest,
        source_commit=_read_source_commit(request.context, write),
    )


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
    engine: Engine, request: BuildRequest, base: str, *, buildx: bool, write: WriteLine
) -> Image:
    """Build on the caller's engine, with its proxies, and from `base` where that is left open."""
    arguments = {**read_proxy_environment(), **request.arguments}
    if request.wants_base():
        arguments[BASE_ARGUMENT] = base
    environment = {**request.environment, **engine.environment}
    request = replace(request, arguments=arguments, environment=environment)
    return build_image(engine.open_client(), request, buildx=buildx, write=write)


def find_image_digest(client: docker.APIClient, reference: str) -> str | None:
    """Give the id of an image that the engine has; None where it has none."""
    try:
        return str(client.inspect_image(reference)["Id"])
    except ImageNotFound:
        return None


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


class _BuildLog:
    """Hands a builder's words on, and keeps their end for whoever has to understand a failure."""

    def __init__(self, write: WriteLine) -> None:
        self._write = write
        self._end: deque[str] = deque(maxlen=BUILD_EVIDENCE_LINES)

    def add_text(self, text: str) -> None:
        for line in text.splitlines():
            self._end.append(line)
            self._write(line)

    def make_build_error(self, problem: str) -> BuildError:
        return BuildError(
            problem, "The end of the build's log is below.", evidence="\n".join(self._end)
        )


def build_with_classic(client: docker.APIClient, request: BuildRequest, write: WriteLine) -> str:
    """Build with the engine's own builder; give the digest that it reports."""
    log, digest = _BuildLog(write), ""
    try:
        events = client.build(
            path=str(request.context),
            dockerfile=str(request.dockerfile.resolve()),
            tag=request.tag,
            buildargs=dict(request.arguments),
            rm=True,
            forcerm=True,  # without it a failed RUN leaves its container behind
            decode=True,
        )
        for event in events:
            log.add_text(str(event.get("stream", "")))
            digest = str((event.get("aux") or {}).get("ID", digest))
            if "error" in event:
                log.add_text(str(event["error"]))
                raise log.make_build_error("The image could not be built.")
    except (DockerException, OSError, ValueError) as error:
        log.add_text(str(error.explanation if isinstance(error, APIError) else error))
        raise log.make_build_error("The build could not go on.") from error
    return digest


def _build_with_buildx(client: docker.APIClient, request: BuildRequest, write: WriteLine) -> str:
    del client  # the command finds the same engine by request.environment
    with tempfile.TemporaryDirectory(prefix="hardgate-build-") as folder:
        digest_file = Path(folder) / "digest"
        _run_buildx(request, digest_file, write)
        return digest_file.read_text().strip() if digest_file.is_file() else ""


def _run_buildx(request: BuildRequest, digest_file: Path, write: WriteLine) -> None:
    log = _BuildLog(write)
    arguments = [f"--build-arg={key}" for key in request.arguments]
    finished = process.run_command(
        [
            *("docker", "buildx", "build", "--load", "--progress=plain"),
            f"--tag={request.tag}",
            f"--iidfile={digest_file}",
            f"--file={request.dockerfile}",
            *arguments,
            *(f"--secret={secret}" for secret in request.secrets),
            str(request.context),
        ],
        # A bare --build-arg takes its value from here: the value is in no process list.
        env={**request.environment, **request.arguments},
        on_line=log.add_text,
    )
    if finished.status != 0:
        raise log.make_build_error("The image could not be built.")


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
