"""A build is settled before it begins: its base, its client, and what a reader has to know."""

from pathlib import Path
from typing import cast

import pytest

from hardgate.engine.build_request import BuildRequest, make_build_request
from hardgate.engine.build_way import BuildClient
from hardgate.engine.client import Engine, EngineClient
from hardgate.engine.settled_build import SettledBuild, settle_build

OWN_BASE = "hardgate-base:1"


class UnaskedEngine(Engine):
    """An engine that need not be asked: its client is none."""

    def open_client(self) -> EngineClient:
        return cast(EngineClient, None)


ENGINE = UnaskedEngine(url="unix:///none", found_by="test", info={}, version={}, environment={})


def make_request(folder: Path, *arguments: str) -> BuildRequest:
    """Make a request that the classic builder carries out, so that no program is looked for."""
    (folder / "Dockerfile").write_text("ARG BASE_IMAGE\nFROM ${BASE_IMAGE}\n")
    return make_build_request(str(folder), None, arguments, (), {"DOCKER_BUILDKIT": "0"})


def settle(request: BuildRequest, *, base_given: bool = False) -> tuple[SettledBuild, list[str]]:
    """Settle a build, and give what is noted, each base that is provided among it."""
    noted: list[str] = []

    def provide_base() -> str:
        noted.append("provided")
        return OWN_BASE

    settled = settle_build(
        ENGINE, request, base_given=base_given, provide_base=provide_base, note=noted.append
    )
    return settled, noted


@pytest.mark.parametrize(
    ("base_given", "why"), [(True, "'--base' gives it"), (False, "gives BASE_IMAGE no value")]
)
def test_hardgates_base_steps_in_once_and_is_noted(
    tmp_path: Path, base_given: bool, why: str
) -> None:
    settled, noted = settle(make_request(tmp_path), base_given=base_given)
    assert settled.request.arguments == {"BASE_IMAGE": OWN_BASE}
    assert noted[0] == "provided"
    assert OWN_BASE in noted[1]
    assert why in noted[1]


def test_a_base_of_the_callers_is_left_alone_and_none_is_made(tmp_path: Path) -> None:
    settled, noted = settle(make_request(tmp_path, "BASE_IMAGE=mine"), base_given=True)
    assert settled.request.arguments == {"BASE_IMAGE": "mine"}
    assert "provided" not in noted


def test_the_classic_builder_is_noted(tmp_path: Path) -> None:
    settled, noted = settle(make_request(tmp_path, "BASE_IMAGE=mine"))
    assert settled.way.client is BuildClient.CLASSIC
    assert noted == [settled.way.notice]
    assert "DOCKER_BUILDKIT=0 asks for it" in noted[0]
