"""How an image is built here: by what the machine's 'docker' commands can do, asked for real."""

from pathlib import Path

import pytest

from hardgate.engine.build_way import BuildClient, find_build_way


def add_docker(folder: Path, version: str, *, buildx: bool) -> str:
    """Put a 'docker' command into a folder of its own, and give the folder."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(
        "#!/bin/sh\n"
        f'case "$1" in buildx) exit {0 if buildx else 1} ;;\n'
        # As the real one does where no engine answers: the client's version, and a failure.
        f"version) echo {version}; exit 1 ;; esac\n"
    )
    program.chmod(0o755)
    return str(folder)


@pytest.mark.parametrize(
    ("version", "buildx", "client"),
    [
        ("28.2.2", True, BuildClient.BUILDX),
        ("20.10.24+dfsg1", True, BuildClient.BUILDX),
        ("20.10.24+dfsg1", False, BuildClient.BUILTIN),
        ("19.03.15", False, BuildClient.BUILTIN),
        ("18.06.3", False, BuildClient.CLASSIC),
        ("23.0.0", False, BuildClient.CLASSIC),
        ("28.2.2", False, BuildClient.CLASSIC),
        ("", False, BuildClient.CLASSIC),
    ],
)
def test_buildkit_builds_where_the_command_can_ask_for_it(
    tmp_path: Path, version: str, buildx: bool, client: BuildClient
) -> None:
    path = add_docker(tmp_path / "bin", version, buildx=buildx)
    way = find_build_way({"PATH": path})
    assert way.client is client
    assert bool(way.notice) == (client is BuildClient.CLASSIC)


def test_a_command_further_down_the_path_serves_where_the_first_cannot(tmp_path: Path) -> None:
    first = add_docker(tmp_path / "a", "28.2.2", buildx=False)
    second = add_docker(tmp_path / "b", "20.10.24", buildx=False)
    way = find_build_way({"PATH": f"{first}:{second}"})
    assert (way.client, way.program) == (BuildClient.BUILTIN, f"{second}/docker")


def test_buildx_goes_before_a_client_of_its_own(tmp_path: Path) -> None:
    first = add_docker(tmp_path / "a", "20.10.24", buildx=False)
    second = add_docker(tmp_path / "b", "28.2.2", buildx=True)
    way = find_build_way({"PATH": f"{first}:{second}"})
    assert (way.client, way.program) == (BuildClient.BUILDX, f"{second}/docker")


@pytest.mark.parametrize("asked", ["0", "false"])
def test_the_caller_may_ask_for_the_classic_builder(tmp_path: Path, asked: str) -> None:
    path = add_docker(tmp_path / "a", "28.2.2", buildx=True)
    way = find_build_way({"PATH": path, "DOCKER_BUILDKIT": asked})
    assert way.client is BuildClient.CLASSIC
    assert f"DOCKER_BUILDKIT={asked} asks for it" in way.notice


def test_the_notice_says_what_is_lacking_and_what_to_install(tmp_path: Path) -> None:
    assert "has no 'docker' command" in find_build_way({"PATH": str(tmp_path)}).notice
    path = add_docker(tmp_path / "a", "28.2.2", buildx=False)
    notice = find_build_way({"PATH": path}).notice
    assert "'docker' command has no buildx" in notice
    assert "Install 'docker-buildx'" in notice
