"""What to build, and from what: read from the command line, before any engine is touched."""

import hashlib
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardgate.errors import UsageError

BUILD_SECONDS = 3600.0
"""Seconds after which a build is ended."""

HOLD_REPOSITORY = "hardgate/hold"
HOLD_SECONDS = 24 * 3600
"""After which a tag that a killed run left no longer holds its image."""


def make_hold_tag() -> str:
    """Name a tag that no other run knows; its name says until when it counts."""
    return f"{HOLD_REPOSITORY}:{secrets.token_hex(8)}-{int(time.time()) + HOLD_SECONDS}"


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What to build, and from what."""

    context: Path
    dockerfile: Path
    arguments: Mapping[str, str] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    """As `docker build --secret` takes them."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """For the build's own processes: where the engine is, and proxies."""
    tag: str
    """Holds this context's last image, and so its build cache; other jobs may move it."""
    hold_tag: str = field(default_factory=make_hold_tag)
    """Holds the image that this build makes, and is known to nobody else."""
    target: str | None = None
    """The stage to build; None for the last."""
    platform: str | None = None
    """Such as `linux/arm64`; None for the engine's own."""
    seconds: float = BUILD_SECONDS
    """After which it is ended."""
    copied_from: Path | None = None
    """The context itself, as its user named it, where `context` is a copy of it."""
    source_commit: str | None = None
    """The commit of what was copied; None where it has to be asked for."""


def make_build_request(
    context: str,
    dockerfile: str | None,
    arguments: Iterable[str],
    secrets: Sequence[str],
    environment: Mapping[str, str],
    *,
    target: str | None = None,
    platform: str | None = None,
    seconds: float = BUILD_SECONDS,
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
        target=target,
        platform=platform,
        seconds=seconds,
    )


def _make_workspace_tag(context: Path, dockerfile: Path) -> str:
    paths = f"{context.resolve()}\0{dockerfile.resolve()}"
    return f"hardgate/workspace:{hashlib.sha256(paths.encode()).hexdigest()[:16]}"


def _parse_build_argument(argument: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Split K=V; a bare K takes its value from the environment, as Docker does."""
    key, equals, value = argument.partition("=")
    if not key or not (equals or key in environment):
        raise UsageError(f"'--build-arg {argument}' is not a pair.", "Write it as KEY=VALUE.")
    return key, value if equals else environment[key]
