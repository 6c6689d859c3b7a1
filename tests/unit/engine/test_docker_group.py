"""A group that the user is in, and this process is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardgate.engine import docker_group
from hardgate.engine.client import find_engine
from hardgate.engine.docker_group import (
    JOINED_GROUP_VARIABLE,
    find_missing_group,
    join_engine_group,
)
from hardgate.errors import EngineError


def test_a_socket_that_may_be_used_needs_no_group(tmp_path: Path) -> None:
    (tmp_path / "sock").touch()
    assert find_missing_group(tmp_path / "sock") is None


def test_a_socket_that_is_not_there_needs_no_group(tmp_path: Path) -> None:
    assert find_missing_group(tmp_path / "sock") is None


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Note what would take this process's place; whatever the socket, a group would be missing."""
    begun: list[list[str]] = []
    monkeypatch.setattr(docker_group, "find_missing_group", lambda _: "docker")
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/sg")
    monkeypatch.setattr(os, "execvpe", lambda _, words, __: begun.append(words))
    return begun


def test_a_group_that_is_missing_is_joined_by_a_second_start(started: list[list[str]]) -> None:
    join_engine_group(["engine", "--base", "a b"], {"DOCKER_HOST": "unix:///run/docker.sock"})
    ((program, name, option, again),) = started
    assert (program, name, option) == ("sg", "docker", "-c")
    assert again.endswith("-m hardgate engine --base 'a b'")


def test_an_engine_on_a_network_needs_no_group(started: list[list[str]]) -> None:
    join_engine_group(["engine"], {"DOCKER_HOST": "tcp://127.0.0.1:1"})
    assert started == []


def test_settings_that_cannot_be_read_are_told_by_whoever_needs_the_engine(
    tmp_path: Path, started: list[list[str]]
) -> None:
    (tmp_path / "config.json").write_text("{")
    ensure_test_environment = {"DOCKER_CONFIG": str(tmp_path)}
    join_engine_group(["engine"], ensure_test_environment)
    assert started == []
    with pytest.raises(EngineError, match=r"config\.json"):
        find_engine(ensure_test_environment)


def test_a_second_start_is_never_followed_by_a_third() -> None:
    script = (
        "import sys; from hardgate.engine.docker_group import join_engine_group; "
        "join_engine_group(sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "engine"],
        env={**os.environ, JOINED_GROUP_VARIABLE: "docker"},
        stderr=subprocess.PIPE,
        check=True,
    )
    assert ended.stderr == b""
