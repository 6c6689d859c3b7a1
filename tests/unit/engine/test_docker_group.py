"""A group that the user is in, and this process is not."""

import os
import subprocess
import sys
from pathlib import Path

from hardgate.engine.docker_group import MARK, join_group, missing_group


def test_a_socket_that_may_be_used_needs_no_group(tmp_path: Path) -> None:
    (tmp_path / "sock").touch()
    assert missing_group(tmp_path / "sock") is None


def test_a_socket_that_is_not_there_needs_no_group(tmp_path: Path) -> None:
    assert missing_group(tmp_path / "sock") is None


def test_an_engine_on_a_network_needs_no_group() -> None:
    join_group(["engine"], {"DOCKER_HOST": "tcp://127.0.0.1:1"})


def test_settings_that_cannot_be_read_are_told_by_whoever_needs_the_engine(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    join_group(["engine"], {"DOCKER_CONFIG": str(tmp_path)})


def test_a_second_start_is_never_followed_by_a_third() -> None:
    script = (
        "import sys; from hardgate.engine.docker_group import join_group; join_group(sys.argv[1:])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "engine"],
        env={**os.environ, MARK: "docker"},
        stderr=subprocess.PIPE,
        check=True,
    )
    assert ended.stderr == b""
