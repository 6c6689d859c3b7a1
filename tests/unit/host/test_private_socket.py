"""A socket of this user's, where this machine has nothing left for who connects."""

import socket
import stat
import threading
from pathlib import Path

import pytest

from hardgate.host import private_socket
from hardgate.host.private_socket import PrivateSocket


def greet(connection: socket.socket) -> None:
    with connection:
        connection.sendall(b"here")


def connect(path: Path) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
        peer.settimeout(10)
        peer.connect(str(path))
        return peer.recv(10)


def test_each_connection_is_served_and_nobody_elses_is(tmp_path: Path) -> None:
    path = tmp_path / "some.sock"
    with PrivateSocket(path, greet):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert [connect(path), connect(path)] == [b"here", b"here"]
    assert not path.exists()


def test_a_connection_that_no_thread_can_serve_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(private_socket, "start_thread", lambda _thread: False)
    path = tmp_path / "some.sock"
    with PrivateSocket(path, greet):
        for _ in range(2):  # it goes on: there may be memory for the next one
            assert connect(path) == b""


def test_without_memory_for_its_own_thread_it_leaves_no_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    path = tmp_path / "some.sock"
    with pytest.raises(RuntimeError), PrivateSocket(path, greet):
        pass
    assert not path.exists()
