"""Removes images that builds left: by name of hardgate's own, age and size."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import APIError, ImageNotFound

IMAGE_REPOSITORY = "hardgate/workspace"
"""What builds of contexts are tagged as; hosts and bases are not meant."""
DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, kw_only=True)
class BuiltImage:
    """One tag that a build left."""

    tag: str
    id: str
    created: float
    """Seconds since the epoch."""
    size: int
    """Bytes, of all its layers; layers that images share are counted for each."""


def list_built_images(client: docker.APIClient) -> list[BuiltImage]:
    """List the tags that builds left, the oldest first."""
    images: Sequence[Mapping[str, Any]] = client.images(name=IMAGE_REPOSITORY)
    return sorted(
        (
            BuiltImage(tag=tag, id=image["Id"], created=image["Created"], size=image["Size"])
            for image in images
            for tag in image.get("RepoTags") or ()
            if tag.startswith(f"{IMAGE_REPOSITORY}:")
        ),
        key=lambda image: image.created,
    )


def choose_images(
    images: Sequence[BuiltImage], *, older_days: float, keep_mib: float | None, now: float
) -> list[BuiltImage]:
    """Choose those that are older than `older_days`, and the oldest until the rest fits."""
    chosen = [image for image in images if now - image.created > older_days * DAY_SECONDS]
    kept = [image for image in images if image not in chosen]
    while keep_mib is not None and kept and sum_sizes(kept) > keep_mib * 1024 * 1024:
        chosen.append(kept.pop(0))
    return chosen


def sum_sizes(images: Sequence[BuiltImage]) -> int:
    """Add up bytes; an image of several tags counts once."""
    return sum({image.id: image.size for image in images}.values())


def reap_images(
    client: docker.APIClient, *, older_days: float, keep_mib: float | None
) -> Iterator[str]:
    """Remove images, and yield a phrase for each; one that a container uses stays."""
    chosen = choose_images(
        list_built_images(client), older_days=older_days, keep_mib=keep_mib, now=time.time()
    )
    for image in chosen:
        try:
            client.remove_image(image.tag)
        except ImageNotFound:
            continue
        except APIError as error:
            if error.status_code != 409:  # noqa: PLR2004 - a container uses it
                raise
            continue
        yield f"image {image.tag} ({image.size / 1024 / 1024:.0f} MiB)"
