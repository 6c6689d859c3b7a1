"""Which images `reap --images` removes: by age, then the oldest until the rest fits."""

from typing import Any, cast

import docker
import pytest

from hardgate.engine.image_reaper import (
    DAY_SECONDS,
    BuiltImage,
    choose_images,
    list_built_images,
    sum_sizes,
)

MIB = 1024 * 1024
NOW = 100 * DAY_SECONDS


def image(name: str, days: float, mib: int, identity: str = "") -> BuiltImage:
    return BuiltImage(
        tag=f"hardgate/workspace:{name}",
        id=identity or name,
        created=NOW - days * DAY_SECONDS,
        size=mib * MIB,
    )


IMAGES = [image("a", 30, 100), image("b", 10, 200), image("c", 1, 300)]


@pytest.mark.parametrize(
    ("older_days", "keep_mib", "expected"),
    [
        (14, None, "a"),
        (0.5, None, "abc"),
        (99, None, ""),
        (99, 500, "a"),
        (99, 300, "ab"),
        (99, 0, "abc"),
        (14, 600, "a"),
    ],
)
def test_by_age_and_then_by_size(older_days: float, keep_mib: float | None, expected: str) -> None:
    chosen = choose_images(IMAGES, older_days=older_days, keep_mib=keep_mib, now=NOW)
    assert "".join(one.id for one in chosen) == expected


def test_an_image_of_two_tags_counts_once() -> None:
    assert sum_sizes([image("a", 1, 100, "same"), image("b", 1, 100, "same")]) == 100 * MIB


class Engine:
    """Answers as an engine does, which takes a name as a beginning too."""

    def images(self, name: str) -> list[dict[str, Any]]:
        assert name == "hardgate/workspace"
        tags = [["hardgate/workspace:b", "mine:1"], ["hardgate/workspace-other:x"], None]
        return [
            {"Id": str(number), "RepoTags": one, "Created": number, "Size": 1}
            for number, one in enumerate(tags)
        ]


def test_only_tags_of_built_contexts_are_meant() -> None:
    found = list_built_images(cast(docker.APIClient, Engine()))
    assert [one.tag for one in found] == ["hardgate/workspace:b"]
