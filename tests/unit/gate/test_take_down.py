"""A run comes down whole, also where its engine does not answer any more."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import cast

import docker
import pytest
from docker.errors import APIError

from hardgate.engine import watchdog
from hardgate.gate import environment as gate_environment
from hardgate.system.ownership import Owner, ProcessIdentity


class Gone:
    """An engine that has gone away."""

    def containers(self, **_filters: object) -> list[object]:
        raise APIError("it is being restarted")


def make_environment(
    monkeypatch: pytest.MonkeyPatch, base: Path
) -> gate_environment.TestEnvironment:
    monkeypatch.setattr("tempfile.tempdir", str(base))
    owner = Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=2**31)
    environment = gate_environment.TestEnvironment(
        cast("docker.APIClient", Gone()), "unix:///nonexistent/engine.sock", owner
    )
    environment.set_up()
    return environment


@pytest.mark.fault(
    fault="The engine does not answer while a run is taken down",
    injected="an engine that refuses every request",
    verdict="as without it, with a notice",
    exit_code="as without it",
    left="nothing, as soon as the engine answers within some minutes",
)
def test_an_engine_that_is_gone_at_the_end_is_told_and_the_watchdog_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = make_environment(monkeypatch, tmp_path)
    assert "it is being restarted" in environment.take_down()
    process = environment._warden
    try:
        time.sleep(0.5)
        assert process.poll() is None
        assert environment.folder.is_dir()
    finally:
        process.kill()
        process.wait()
        # Where tmp_path is too long for a socket, it lies below /tmp.
        shutil.rmtree(environment.folder)


def test_a_watchdog_that_never_gets_an_answer_removes_the_folder_in_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "hardgate-x"
    folder.mkdir()
    script = (
        "import sys; from pathlib import Path; from hardgate.engine import watchdog as w; "
        "w.MAX_REMOVAL_TRIES = 2; w.REMOVAL_PAUSE_SECONDS = 0.1; "
        "w.main(Path(sys.argv[1]), 'run', 'unix:///nonexistent/engine.sock')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        stdin=subprocess.DEVNULL,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0
    assert not folder.exists()


def test_a_watchdog_ignores_what_ends_its_gate(tmp_path: Path) -> None:
    folder = tmp_path / "hardgate-x"
    folder.mkdir()
    process = watchdog.start_watchdog(folder, "run", "")
    time.sleep(1.5)
    os.kill(process.pid, signal.SIGTERM)
    time.sleep(0.2)
    assert process.poll() is None
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    assert not folder.exists()
