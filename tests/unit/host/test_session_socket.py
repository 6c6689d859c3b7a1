"""A session that other processes share by a socket."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.host import private_socket
from hardgate.host.host_session import BROKEN_OFF, HostSession
from hardgate.host.session_socket import (
    SESSION_FILE,
    SessionClient,
    get_session_client,
    serve_session,
)
from tests.unit.host.local_exec import LocalExec, run_in_session


@pytest.fixture
def path(session: HostSession, tmp_path: Path) -> Iterator[Path]:
    """Serve a session there, until the test is over."""
    path = tmp_path / SESSION_FILE
    with serve_session(session, path):
        yield path


def connect(path: Path) -> "closing[SessionClient]":
    return closing(SessionClient(str(path)))


def test_whoever_connects_has_commands_run_by_one_exec(
    path: Path, session: HostSession, execs: list[LocalExec]
) -> None:
    script = "echo 'a\nb'; printf 'c\\377' >&2; exit 7"
    own = run_in_session(session, "sh", "-c", script)
    with connect(path) as one, connect(path) as other:
        for client in (one, other, one):
            execution = client.run(("sh", "-c", script), 20.0)
            assert execution is not None
            assert replace(execution, seconds=own.seconds) == own
    assert len(execs) == 1


def test_a_session_that_is_busy_leaves_the_command_to_an_exec(
    path: Path, session: HostSession
) -> None:
    running = threading.Thread(target=run_in_session, args=(session, "sleep", "1"))
    running.start()
    while not session._lock.locked():
        time.sleep(0.001)
    with connect(path) as client:
        assert client.run(("true",), 5.0) is None
        running.join()
        execution = client.run(("true",), 5.0)
    assert execution is not None
    assert execution.exit_status == 0


def test_where_nobody_serves_a_session_there_is_none(tmp_path: Path) -> None:
    assert get_session_client(str(tmp_path / SESSION_FILE)) is None
    assert get_session_client("") is None
    assert SessionClient(str(tmp_path / SESSION_FILE)).run(("true",), 5.0) is None


def test_without_memory_to_serve_it_the_command_is_left_to_an_exec(
    path: Path, execs: list[LocalExec], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_socket, "start_thread", lambda _thread: False)
    assert SessionClient(str(path)).run(("true",), 5.0) is None
    assert execs == []


def test_a_command_whose_session_ended_is_told_as_broken_off(
    path: Path, session: HostSession, execs: list[LocalExec]
) -> None:
    session.open()
    ending = threading.Timer(0.3, execs[0].process.kill)
    ending.start()
    with connect(path) as client:
        execution = client.run(("sleep", "20"), 30.0)
    ending.join()
    assert execution is not None
    assert execution.exit_status is None
    assert execution.problem.startswith(BROKEN_OFF)
