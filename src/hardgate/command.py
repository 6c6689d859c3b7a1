"""The one door to subprocess. Not found, killed by a signal, and exit status are three things."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

KEPT_CHARACTERS = 1 << 20
"""Of each stream; a program that writes more is heard to the end all the same."""


class NotFoundError(Exception):
    """There is no such program here, or it may not be run."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a program ended."""

    status: int | None
    """Its exit status; None where a signal ended it."""
    signal: int | None
    timed_out: bool
    stdout: str
    """With standard error in it, where lines were followed."""
    stderr: str


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Finished:
    """Run a program to its end, without a shell and without input.

    `on_line` hears each line of both streams as it comes. At `timeout` (seconds), and when an
    exception such as KeyboardInterrupt passes through, its whole process group is killed.
    """
    try:
        process = subprocess.Popen(
            argv,
            env=None if env is None else dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if on_line else subprocess.PIPE,
            text=True,
            errors="replace",
            process_group=0,
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        raise NotFoundError(f"'{argv[0]}' cannot be run: {error.strerror}") from error
    late = threading.Event()
    timer = threading.Timer(timeout or threading.TIMEOUT_MAX, _give_up, (process, late))
    timer.daemon = True
    if timeout is not None:
        timer.start()
    try:
        stdout, stderr = _follow(process, on_line) if on_line else process.communicate()
        process.wait()
    except BaseException:
        _kill(process)
        raise
    finally:
        timer.cancel()
    code = process.returncode
    return Finished(
        status=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        timed_out=late.is_set(),
        stdout=stdout,
        stderr=stderr,
    )


def _follow(process: "subprocess.Popen[str]", on_line: Callable[[str], None]) -> tuple[str, str]:
    kept: list[str] = []
    size = 0
    for line in process.stdout or ():
        on_line(line.rstrip("\n"))
        if size < KEPT_CHARACTERS:
            kept.append(line)
            size += len(line)
    return "".join(kept), ""


def _give_up(process: "subprocess.Popen[str]", late: threading.Event) -> None:
    late.set()
    _kill(process)


def _kill(process: "subprocess.Popen[str]") -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
