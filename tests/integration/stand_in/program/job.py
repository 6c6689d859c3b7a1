"""Running a job, as in host mode: a script in a folder of its own, as the runner's user."""

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .refusal import Refusal
from .wire import Unregistered, Wire

LOG_SECONDS = 0.2


@dataclass(frozen=True)
class Place:
    """Where a job runs, and in which environment."""

    folder: Path
    environment: Mapping[str, str]
    command: Sequence[str]
    """Started with the script's path as its last word."""


def run(wire: Wire, task: Mapping[str, Any], place: Place, *, cancelled: threading.Event) -> None:
    """Run a job to its end, or until it is cancelled, and report."""
    place.folder.mkdir(parents=True, exist_ok=True)
    script = place.folder / "script.sh"
    script.write_text(str(task["script"]))
    process = subprocess.Popen(
        [*place.command, str(script)],
        cwd=place.folder,
        env=dict(place.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    lines: list[str] = []
    reader = threading.Thread(target=_read, args=(process, lines))
    reader.start()
    told = 0
    while reader.is_alive() or told < len(lines):
        if cancelled.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        told += _tell(wire, task, lines[told:], told)
        reader.join(LOG_SECONDS)
    code = process.wait()
    result = "CANCELLED" if cancelled.is_set() else "FAILURE" if code else "SUCCESS"
    shutil.rmtree(place.folder, ignore_errors=True)
    state = {"id": task["id"], "result": f"RESULT_{result}"}
    wire.call("UpdateTask", {"state": state, "outputs": {"exit_code": str(code)}})


def poll(
    wire: Wire, interval: float, stopping: threading.Event, *, gives_up: bool
) -> Mapping[str, Any] | None:
    """Ask for a job until there is one; None once the runner is to stop."""
    while not stopping.wait(interval):
        try:
            task: Mapping[str, Any] | None = wire.call("FetchTask", {"tasksVersion": 0}).get("task")
        except Refusal as error:
            if gives_up and isinstance(error, Unregistered):
                raise
            print(f"failed to fetch task: {error}", flush=True)
            continue
        if task:
            return task
    return None


def _read(process: "subprocess.Popen[str]", lines: list[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line.rstrip("\n"))  # noqa: PERF401 - told while it comes


def _tell(wire: Wire, task: Mapping[str, Any], lines: Sequence[str], index: int) -> int:
    if lines:
        rows = [{"time": time.time(), "content": line} for line in lines]
        wire.call("UpdateLog", {"taskId": task["id"], "index": index, "rows": rows})
    return len(lines)
