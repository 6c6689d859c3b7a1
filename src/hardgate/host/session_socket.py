"""A host's session, shared with the tasks of the play by a private Unix socket.

Each task is a process of its own. With a session of its own, each would start one more exec on the
host, and wait for it: 35 ms, and 70 ms of CPU. The gate starts one while the host's engine boots,
and runs in it what the tasks ask for, one line of JSON for each command and for each answer.
See D93 in ARCHITECTURE.md.
"""

import contextlib
import functools
import json
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

from hardgate.host.host_session import (
    ANSWER_SECONDS,
    CommandRunner,
    HostSession,
    describe_broken_off,
)
from hardgate.host.private_socket import PrivateSocket
from hardgate.model.observation import Execution

SESSION_FILE = "session.sock"
GREETING = b"served\n"
"""Where there is no memory for a thread, a connection ends without it, and no command was taken."""
CONNECT_SECONDS = 5.0


def serve_session(session: HostSession, path: Path) -> PrivateSocket:
    """Give a socket at `path` that answers for a session."""

    def serve_connection(connection: socket.socket) -> None:
        """Answer until the task has asked for all it wants."""
        with connection, contextlib.suppress(OSError, ValueError):
            connection.sendall(GREETING)
            for line in connection.makefile("rb"):
                words, seconds = json.loads(line)
                execution = session.run(words, seconds)
                answer = None if execution is None else asdict(execution)
                connection.sendall(json.dumps(answer).encode() + b"\n")

    return PrivateSocket(path, serve_connection)


class SessionClient(CommandRunner):
    """Has commands run by the process that serves the session."""

    def __init__(self, path: str) -> None:
        """Connect with the first command."""
        super().__init__()
        self._path = path
        self._connection: socket.socket | None = None
        self._answers: BinaryIO | None = None

    def close(self) -> None:
        """Let go of the connection; the next command makes another."""
        for one in (self._answers, self._connection):
            if one is not None:
                one.close()
        self._connection = self._answers = None

    def _run_alone(self, words: Sequence[str], seconds: float) -> Execution | None:
        begun = time.monotonic()
        try:
            connection, answers = self._connect()
            connection.settimeout(seconds + 2 * ANSWER_SECONDS)
            connection.sendall(json.dumps([list(words), seconds]).encode() + b"\n")
        except OSError:
            self.close()
            return None
        try:
            answer = json.loads(answers.readline())
        except (OSError, ValueError) as error:
            self.close()
            return describe_broken_off(begun, error)
        return None if answer is None else Execution.from_json(answer)

    def _connect(self) -> tuple[socket.socket, BinaryIO]:
        if self._connection is None or self._answers is None:
            self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._connection.settimeout(CONNECT_SECONDS)
            self._connection.connect(self._path)
            self._answers = self._connection.makefile("rb")
            if self._answers.readline() != GREETING:
                raise OSError("nobody serves this connection")
        return self._connection, self._answers


@functools.cache
def get_session_client(path: str) -> SessionClient | None:
    """Give this process's one way to a session; None where nobody serves it (any more)."""
    return SessionClient(path) if os.path.exists(path) else None  # noqa: PTH110 - it may be empty
