"""The second net: outlives a gate that was killed, and removes what it left.

A process of its own session. Its standard input is a pipe that only the gate holds: end of file
means that the gate is gone, however. A gate that ended well has removed its folder by then, and
there is nothing left to do.

    python -m hardgate.engine.watchdog FOLDER RUN ENGINE_URL

A run that has nothing on an engine of ours names none.
See D3 and D63 in ARCHITECTURE.md.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

MAX_REMOVAL_TRIES = 180
"""An engine that was restarted answers again within these."""
REMOVAL_PAUSE_SECONDS = 1.0
REMOVAL_ROUNDS = 3
"""What an engine that has just come again still uses is left out of a round."""


def start_watchdog(folder: Path, run: str, engine_url: str) -> "subprocess.Popen[bytes]":
    """Start a warden; closing its `stdin` dismisses it."""
    return subprocess.Popen(
        [sys.executable, "-m", "hardgate.engine.watchdog", str(folder), run, engine_url],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def main(folder: Path, run: str, engine_url: str) -> None:
    """Wait for the end of input, then remove what is left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.read(0, 1)
    if not folder.exists():
        return
    _end_processes(folder)
    if engine_url:
        _remove_containers(run, engine_url)
    _remove_gate_folders(run)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_gate_folders(run: str) -> None:
    """Remove the folders that a play made on this very machine, in its users' homes."""
    from hardgate.engine.reaper import remove_gate_folders  # noqa: PLC0415 - as below

    with contextlib.suppress(Exception):
        list(remove_gate_folders(lambda owner: owner.run == run))


def _end_processes(folder: Path) -> None:
    """Kill the play's processes: their environment names the run's private folder."""
    from hardgate.system.process import end_processes_of  # noqa: PLC0415 - as below

    end_processes_of(folder)


def _remove_containers(run: str, engine_url: str) -> None:
    # Only now: a warden that is never needed should cost next to nothing.
    from hardgate.engine.client import connect_engine  # noqa: PLC0415
    from hardgate.engine.reaper import remove_run_debris  # noqa: PLC0415

    done = 0
    for _ in range(MAX_REMOVAL_TRIES):
        with contextlib.suppress(Exception):
            remove_run_debris(connect_engine(engine_url), run)
            done += 1
        if done == REMOVAL_ROUNDS:
            return
        time.sleep(REMOVAL_PAUSE_SECONDS)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
