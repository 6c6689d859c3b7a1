"""The way to a test host's engine, where this machine has nothing left for it."""

import socket
from pathlib import Path
from typing import Any, cast

import pytest

from hardgate.host import engine_relay
from hardgate.host.engine_relay import Relay


def test_a_connection_that_no_thread_can_serve_ends_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_relay, "_start_thread", lambda _thread: False)
    path = tmp_path / "engine.sock"
    with Relay(cast("Any", None), "host", path):
        for _ in range(2):  # the relay goes on: there may be memory for the next one
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
                peer.settimeout(10)
                peer.connect(str(path))
                assert peer.recv(1) == b""
