"""One image, one build: what another job does to a context's tag changes no digest (H8)."""

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
import requests
from docker.errors import APIError, ImageNotFound

from hardgate.engine.build_request import HOLD_REPOSITORY, BuildRequest, make_hold_tag
from hardgate.engine.build_way import BuildClient, BuildWay
from hardgate.engine.image import build_image, find_image_digest, release_image
from hardgate.errors import BuildError, UsageError

CLASSIC = BuildWay(client=BuildClient.CLASSIC, reason="the test has no other")
SHARED = "hardgate/workspace:0123456789abcdef"


class Engine:
    """An engine's images and tags, and its builder, as far as a build asks for them."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.stored: set[str] = set()
        self.content = "a"
        self.meanwhile: Callable[[], object] = lambda: None
        """Runs between a build's end and its answer."""
        self.answers = True

    def build(self, *, tag: str, **_: Any) -> Iterator[dict[str, Any]]:
        digest = digest_of(self.content)
        self.stored.add(digest)
        self.tags[tag] = digest
        happens, self.meanwhile = self.meanwhile, lambda: None
        happens()
        yield {"aux": {"ID": digest}} if self.answers else {"stream": "built"}

    def lose_all(self) -> None:
        self.tags.clear()
        self.stored.clear()

    def inspect_image(self, name: str) -> dict[str, Any]:
        digest = self.tags.get(name, name)
        if digest not in self.stored:
            raise ImageNotFound("No such image")
        return {"Id": digest, "RepoTags": [tag for tag, one in self.tags.items() if one == digest]}

    def tag(self, digest: str, repository: str, tag: str) -> None:
        self.tags[f"{repository}:{tag}"] = digest

    def images(self, name: str) -> list[dict[str, Any]]:
        return [{"RepoTags": [tag]} for tag in self.tags if tag.startswith(f"{name}:")]

    def remove_image(self, name: str) -> None:
        digest = self.tags.pop(name, name)
        if digest not in self.stored:
            raise APIError("No such image")
        if digest not in self.tags.values():
            self.stored.discard(digest)


def digest_of(content: str) -> str:
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def build(engine: Engine, folder: Path, content: str) -> tuple[str, BuildRequest]:
    """Build in a checkout whose path, and so whose tag, another job's is as well."""
    engine.content = content
    (folder / "Dockerfile").write_text("FROM scratch\n")
    request = BuildRequest(context=folder, dockerfile=folder / "Dockerfile", tag=SHARED)
    built = build_image(engine, request, way=CLASSIC, write=lambda _: None)  # type: ignore[arg-type]
    return built.digest, request


def test_a_build_of_the_same_tag_that_ends_meanwhile_changes_no_digest(tmp_path: Path) -> None:
    engine = Engine()
    other: list[str] = []
    engine.meanwhile = lambda: other.append(build(engine, tmp_path, "b")[0])
    assert build(engine, tmp_path, "a")[0] == digest_of("a")
    assert other == [digest_of("b")]


def test_a_later_build_removes_no_image_that_a_run_still_holds(tmp_path: Path) -> None:
    engine = Engine()
    digest, request = build(engine, tmp_path, "a")
    _, second = build(engine, tmp_path, "b")
    assert engine.inspect_image(digest)["RepoTags"] == [request.hold_tag]
    release_image(engine, request)  # type: ignore[arg-type]
    assert digest not in engine.stored
    release_image(engine, second)  # type: ignore[arg-type]
    assert engine.tags == {SHARED: digest_of("b")}, "the cache stays"


def test_a_builder_that_names_no_digest_is_asked_by_a_tag_that_nobody_else_knows(
    tmp_path: Path,
) -> None:
    engine = Engine()
    engine.answers = False
    engine.meanwhile = lambda: engine.tags.update({SHARED: "sha256:other"})
    assert build(engine, tmp_path, "a")[0] == digest_of("a")


def test_a_build_that_leaves_nothing_is_an_error(tmp_path: Path) -> None:
    engine = Engine()
    engine.meanwhile = engine.lose_all
    with pytest.raises(BuildError, match="has no image"):
        build(engine, tmp_path, "a")


def test_a_killed_runs_hold_ends_and_a_living_ones_does_not(tmp_path: Path) -> None:
    engine = Engine()
    _, request = build(engine, tmp_path, "a")
    living = make_hold_tag()
    dead = f"{HOLD_REPOSITORY}:0011-{int(time.time()) - 1}"
    engine.tags |= {living: digest_of("a"), dead: digest_of("a"), "hardgate/holder:x-1": "x"}
    release_image(engine, request)  # type: ignore[arg-type]
    assert set(engine.tags) == {SHARED, living, "hardgate/holder:x-1"}


def test_buildx_names_the_digest_in_a_file_of_the_builds_own(tmp_path: Path) -> None:
    """The command is a script that does of buildx what is asked of it here."""
    engine = Engine()
    engine.stored |= {"sha256:mine", "sha256:other"}
    engine.tags[SHARED] = "sha256:other"
    script = tmp_path / "docker"
    script.write_text(
        '#!/bin/sh\nfor word in "$@"; do case $word in --iidfile=*)'
        ' printf sha256:mine >"${word#*=}";; esac; done\n'
    )
    script.chmod(0o755)
    request = BuildRequest(
        context=tmp_path,
        dockerfile=tmp_path / "Dockerfile",
        tag=SHARED,
        environment={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    way = BuildWay(client=BuildClient.BUILDX, program=str(script))
    built = build_image(engine, request, way=way, write=lambda _: None)  # type: ignore[arg-type]
    assert built.digest == "sha256:mine"


@pytest.mark.parametrize(("status", "raised"), [(400, UsageError), (500, APIError)])
def test_a_name_that_no_image_can_have_is_a_wrong_command(
    status: int, raised: type[Exception]
) -> None:
    """The engine answers 'invalid reference format'; any other trouble of its own is none."""

    class Refusing:
        def inspect_image(self, _: str) -> dict[str, Any]:
            answer = requests.Response()
            answer.status_code = status
            raise APIError("no", response=answer, explanation="invalid reference format")

    with pytest.raises(raised, match="invalid reference format"):
        find_image_digest(cast("Any", Refusing()), "FOO:bar")
