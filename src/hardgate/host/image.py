"""The test host's own image: built once on the caller's engine, and known by what went into it."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import docker

from hardgate.engine.build_request import BuildRequest
from hardgate.engine.build_run import WriteLine
from hardgate.engine.dockerfile_base import BASE_ARGUMENT
from hardgate.engine.image import (
    build_with_classic,
    find_image_digest,
)
from hardgate.errors import BuildError, HostError
from hardgate.resources import ROLES

HOST_IMAGE_FOLDER = ROLES / "test_host" / "files"
HOST_IMAGE_REPOSITORY = "hardgate/test-host"


def ensure_host_image(
    client: docker.APIClient,
    base: str,
    proxies: Mapping[str, str],
    write: WriteLine,
    is_over: Callable[[], bool] = lambda: False,
) -> str:
    """Give the image's tag; build it where this engine has none from this base and these files.

    `is_over` tells whether the build is to be broken off.
    """
    tag = name_host_image(client, base)
    if find_image_digest(client, tag) is not None:
        return tag
    request = BuildRequest(
        context=HOST_IMAGE_FOLDER,
        dockerfile=HOST_IMAGE_FOLDER / "Dockerfile",
        arguments={BASE_ARGUMENT: base, **proxies},
        tag=tag,
    )
    try:
        build_with_classic(client, request, write, is_over)
    except BuildError as error:
        raise HostError(
            f"The test host's own image could not be built: {error.problem}",
            "It needs the distribution's packages: look at the network and the proxies.",
            evidence=error.evidence,
        ) from error
    return tag


def name_host_image(client: docker.APIClient, base: str) -> str:
    """Name the image by what goes into it: the base, as this engine knows it, and the files."""
    under = find_image_digest(client, base) or base
    return f"{HOST_IMAGE_REPOSITORY}:{_fingerprint_files(HOST_IMAGE_FOLDER, under)}"


def _fingerprint_files(folder: Path, base: str) -> str:
    digest = hashlib.sha256(base.encode())
    for file in sorted(filter(Path.is_file, folder.iterdir())):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
