"""Finds how this machine builds an image: by which client, and whether that is BuildKit's."""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hardgate.system import process

FIRST_CLIENT_WITH_BUILDKIT = 19
FIRST_CLIENT_WITHOUT_BUILDKIT = 23
"""From this version on the 'docker' command builds by BuildKit only with the plugin buildx:
https://docs.docker.com/engine/release-notes/23.0/"""
ANSWER_SECONDS = 20


class BuildClient(Enum):
    """Who talks to the engine about a build."""

    BUILDX = "buildx"
    BUILTIN = "the docker command's own BuildKit client"
    CLASSIC = "the classic builder"


@dataclass(frozen=True, kw_only=True)
class BuildWay:
    """One way to build."""

    client: BuildClient
    program: str = "docker"
    """The 'docker' command that takes it; of no meaning for the classic builder."""
    reason: str = ""
    """Why it is not BuildKit; empty where it is."""

    @property
    def notice(self) -> str:
        """What a reader of a report has to know of this way; empty where there is nothing."""
        if self.client is not BuildClient.CLASSIC:
            return ""
        return (
            f"The classic builder built the image, not BuildKit: {self.reason}. "
            f"{INSTALL_BUILDX_REMEDY}"
        )


INSTALL_BUILDX_REMEDY = (
    "Install 'docker-buildx' (Debian 13 and later, Ubuntu) or 'docker-buildx-plugin' (Docker's own "
    "packages)."
)


def find_build_way(environment: Mapping[str, str]) -> BuildWay:
    """Choose buildx, else a 'docker' command with a BuildKit client of its own, else the last.

    DOCKER_BUILDKIT=0 asks for the classic builder, as it does with 'docker build'.
    """
    if environment.get("DOCKER_BUILDKIT", "").lower() in {"0", "false"}:
        reason = f"DOCKER_BUILDKIT={environment['DOCKER_BUILDKIT']} asks for it"
        return BuildWay(client=BuildClient.CLASSIC, reason=reason)
    programs = list(_list_docker_programs(environment))
    for program in programs:
        if _succeeds(environment, program, "buildx", "version"):
            return BuildWay(client=BuildClient.BUILDX, program=program)
    for program in programs:
        if _has_own_buildkit(environment, program):
            return BuildWay(client=BuildClient.BUILTIN, program=program)
    reason = (
        "this machine's 'docker' command has no buildx"
        if programs
        else "this machine has no 'docker' command"
    )
    return BuildWay(client=BuildClient.CLASSIC, reason=reason)


def _list_docker_programs(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield every 'docker' command on the path, each file once."""
    seen = set()
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        found = shutil.which("docker", path=folder) if folder else None
        real = str(Path(found).resolve()) if found else ""
        if found and real not in seen:
            seen.add(real)
            yield found


def _succeeds(environment: Mapping[str, str], *argv: str) -> bool:
    try:
        return process.run_command(argv, env=environment, timeout=ANSWER_SECONDS).ok
    except process.CommandMissingError:
        return False


def _has_own_buildkit(environment: Mapping[str, str], program: str) -> bool:
    argv = (program, "version", "--format", "{{.Client.Version}}")
    try:
        asked = process.run_command(argv, env=environment, timeout=ANSWER_SECONDS)
    except process.CommandMissingError:
        return False
    # The status also tells whether an engine answered, which is not the question here.
    major = asked.stdout.strip().partition(".")[0]
    return major.isdigit() and int(major) in range(
        FIRST_CLIENT_WITH_BUILDKIT, FIRST_CLIENT_WITHOUT_BUILDKIT
    )
