"""Explains a build that failed for what the engine's Dockerfile frontend, or its client, lacks."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from hardgate.engine.build_way import INSTALL_BUILDX_REMEDY, BuildClient

HEREDOC_ENGINE = "23.0"
_FLAG_ENGINES = {"link": "23.0", "checksum": "25.0"}
"""Since which Docker Engine its own frontend knows a flag of COPY and ADD (Dockerfile 1.4 and 1.6:
https://docs.docker.com/build/buildkit/dockerfile-release-notes/)."""
_HEREDOC_IN_DOCKERFILE = re.compile(
    r"^[^\S\n]*+(?:RUN|COPY|ADD)\b.*<<-?\s*+[\"']?[A-Za-z_]", re.M | re.I
)


@dataclass(frozen=True, kw_only=True)
class BuildFailure:
    """A failed build, as far as its reason is to be found in it."""

    output: str
    """The end of the builder's output."""
    dockerfile: str
    engine_version: str
    client: BuildClient


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """What is wrong, and what to do."""

    problem: str
    remedy: str


def explain_build_failure(failure: BuildFailure) -> Explanation | None:
    """Say what is lacking, and which version has it; None where that is not the reason."""
    explanations = (rule(failure) for rule in _RULES)
    return next((found for found in explanations if found), None)


def _explain_buildkit_option(failure: BuildFailure) -> Explanation | None:
    found = re.search(r"the (--[\w-]+) option requires BuildKit", failure.output)
    if not found:
        return None
    return Explanation(
        problem=f"The Dockerfile uses '{found[1]}', which needs BuildKit, and the classic builder "
        "built.",
        remedy=INSTALL_BUILDX_REMEDY,
    )


def _explain_heredoc(failure: BuildFailure) -> Explanation | None:
    unknown = re.search(r"unknown instruction: \S+", failure.output, re.I)
    if not unknown or not _HEREDOC_IN_DOCKERFILE.search(failure.dockerfile):
        return None
    return Explanation(
        problem="The Dockerfile uses a here-document, which "
        f"{_describe_frontend(failure)} does not know.",
        remedy=_remedy_for_version(failure, HEREDOC_ENGINE),
    )


def _explain_unknown_flag(failure: BuildFailure) -> Explanation | None:
    found = re.search(r"unknown flag: (?:--)?([\w-]+)", failure.output, re.I)
    if not found:
        return None
    return Explanation(
        problem=f"The Dockerfile uses the flag '--{found[1]}', which "
        f"{_describe_frontend(failure)} does not know.",
        remedy=_remedy_for_version(failure, _FLAG_ENGINES.get(found[1].lower(), "")),
    )


def _explain_syntax_image(failure: BuildFailure) -> Explanation | None:
    found = re.search(r"^\s*#\s*syntax\s*=\s*(\S+)", failure.dockerfile, re.M | re.I)
    frontend = r"resolve image config for|frontend gateway\.v0"
    if not found or not re.search(frontend, failure.output):
        return None
    return Explanation(
        problem=f"The first line asks a registry for the frontend '{found[1]}', and the engine "
        "does not get it.",
        remedy="Leave the line '# syntax=…' out: the engine's own frontend builds then. Or let "
        "the engine reach that registry, or load the image into it.",
    )


def _describe_frontend(failure: BuildFailure) -> str:
    if failure.client is BuildClient.CLASSIC:
        return "the classic builder"
    return f"the frontend of Docker Engine {failure.engine_version}"


def _remedy_for_version(failure: BuildFailure, version: str) -> str:
    has_it = (
        f"Docker Engine {version} and later have" if version else "a newer Docker Engine may have"
    )
    frontend = (
        "or name a newer frontend in its first line ('# syntax=docker/dockerfile:1'), where the "
        "engine reaches a registry"
    )
    if failure.client is BuildClient.CLASSIC:
        return f"BuildKit on {has_it} it. {INSTALL_BUILDX_REMEDY}"
    return f"{has_it[0].upper()}{has_it[1:]} it: use one, {frontend}."


_RULES: tuple[Callable[[BuildFailure], Explanation | None], ...] = (
    _explain_buildkit_option,
    _explain_syntax_image,
    _explain_heredoc,
    _explain_unknown_flag,
)
