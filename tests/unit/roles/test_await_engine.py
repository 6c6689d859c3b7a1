"""The test host waits for its engine beside it, and says at once that it ended."""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hardgate.resources import ROLES

PROGRAM = ROLES / "test_host" / "files" / "await_engine.py"
INFO = {"Driver": "overlay2", "ServerVersion": "26.1.5", "KernelVersion": "6.1.0"}
READY = b"HTTP/1.0 200 OK\r\n\r\n" + json.dumps(INFO).encode()
NOT_READY = b"HTTP/1.0 503 Service Unavailable\r\n\r\nwait"


@contextmanager
def serve_answers(path: Path, *answers: bytes, silence: float = 0.0) -> Iterator[None]:
    """Answer one request after the other, each after a silence."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def answer_requests() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                time.sleep(silence)
                connection.sendall(answer)

    thread = threading.Thread(target=answer_requests, daemon=True)
    thread.start()
    with listener:
        yield


def wait(path: Path, engine: str, seconds: float) -> "subprocess.CompletedProcess[str]":
    """Wait as the host does, as the parent of a process that stands for the engine."""
    script = f'{engine} & exec "$0" "$1" "$2" "$!" {seconds}'
    return subprocess.run(
        ["sh", "-c", script, sys.executable, str(PROGRAM), str(path)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("before", [(), (NOT_READY,), (b"", b"HTTP/1.0 200 OK\r\n\r\n{")])
def test_it_prints_what_the_engine_is(before: tuple[bytes, ...], tmp_path: Path) -> None:
    with serve_answers(tmp_path / "s", *before, READY, silence=0.1):
        ended = wait(tmp_path / "s", "sleep 3 >/dev/null 2>&1", 20)
    assert (ended.returncode, ended.stdout) == (0, "overlay2 26.1.5 6.1.0\n"), ended.stderr


def test_an_engine_that_ended_is_not_waited_for(tmp_path: Path) -> None:
    begun = time.monotonic()
    assert wait(tmp_path / "s", "false", 60).returncode == 1
    assert time.monotonic() - begun < 30


def test_an_engine_that_does_not_answer_in_time_is_late(tmp_path: Path) -> None:
    assert wait(tmp_path / "s", "sleep 3 >/dev/null 2>&1", 0.3).returncode == 2
