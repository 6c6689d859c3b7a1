"""What a killed gate left running is ended, also what it starts while somebody looks for it."""

import os
import subprocess
import sys
import time
from pathlib import Path

from hardgate.engine import watchdog
from hardgate.system import process

STARTS_OTHERS = """
import os, time
while True:
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
    time.sleep(0.002)
"""


def list_processes(folder: Path) -> list[int]:
    return list(process._find_processes_of(folder))


def test_no_process_is_left_that_was_started_during_the_look(tmp_path: Path) -> None:
    folder = tmp_path / "hardgate-x"
    folder.mkdir()
    environment = {**os.environ, "ANSIBLE_HOME": str(folder)}
    keeper = watchdog.start_watchdog(folder, "0123abcd", "")
    starter = subprocess.Popen([sys.executable, "-c", STARTS_OTHERS], env=environment)
    try:
        deadline = time.monotonic() + 20
        while len(list_processes(folder)) < 5:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert keeper.stdin is not None
        keeper.stdin.close()  # as it closes with a gate that is killed
        keeper.wait(timeout=60)
        assert list_processes(folder) == []
        assert not folder.exists()
    finally:
        starter.kill()
        starter.wait()
        process.end_processes_of(folder)
