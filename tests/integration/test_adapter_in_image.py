"""A template's tests in its image: as the agent, with nothing of the machine's, and counted."""

import json
import subprocess
import sys
from pathlib import Path

import docker

ABOUT_THE_PLACE = """
import os
import socket
from pathlib import Path

import pytest


def test_it_is_the_agent_and_has_no_rights() -> None:
    status = Path("/proc/self/status").read_text()
    assert os.getuid() == 1000
    assert "CapEff:\\t0000000000000000" in status
    assert "NoNewPrivs:\\t1" in status


def test_there_is_no_network_and_no_engine() -> None:
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    assert not Path("/var/run/docker.sock").exists()
    assert "HARDGATE_CANARY" not in os.environ


def test_it_may_write_beside_itself(tmp_path: Path) -> None:
    Path("written").write_text("x")
    (tmp_path / "written").write_text("x")


@pytest.mark.skipif(True, reason="not here")
def test_another_day() -> None: ...
"""


def run_adapter(folder: Path, tests: str, image: str) -> tuple[int, dict[str, str], str]:
    """Give the exit code, the reason of each point, and what was printed."""
    (folder / "tests").mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "tests" / "test_place.py").write_text(tests)
    words = ["--in-image", "--image", image, "--context", str(folder), "--out", f"{folder}/out"]
    ended = subprocess.run(
        [sys.executable, "-m", "hardgate", "adapter", *words],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HARDGATE_CANARY": "1"},
        timeout=600,
        check=False,
    )
    answer = json.loads((folder / "out" / "answer.json").read_text())
    reasons = {point["name"]: point["reason"] for point in answer["points"]}
    return ended.returncode, reasons, ended.stdout


def list_sealed(client: docker.APIClient) -> list[str]:
    names = [name for container in client.containers(all=True) for name in container["Names"]]
    return [name for name in names if "sealed" in name]


def test_they_run_as_the_agent_in_a_container_that_may_nothing(
    tmp_path: Path, reference: str, client: docker.APIClient
) -> None:
    code, reasons, text = run_adapter(tmp_path, ABOUT_THE_PLACE, reference)
    assert code == 0, text
    assert reasons["some-were-executed"] == "3 executed, 1 skipped."
    assert not list_sealed(client)


def test_one_that_fails_is_red_with_its_own_words(tmp_path: Path, reference: str) -> None:
    tests = "def test_it() -> None:\n    assert 1 == 2\n"
    code, reasons, text = run_adapter(tmp_path, tests, reference)
    assert code == 1, text
    assert reasons["tests.test_place.test_it"] == "assert 1 == 2"


def test_an_image_without_python_executes_none(tmp_path: Path, base: str) -> None:
    code, reasons, text = run_adapter(tmp_path, "def test_it() -> None: ...\n", base)
    assert code == 1, text
    assert "No Python runs in the image" in reasons["some-were-executed"]
