"""The test host's engine, reached through the caller's: a private Unix socket, relayed.

Each connection becomes `docker system dial-stdio`, run in the host by an exec of the outer
engine. That works wherever the outer engine's API is reached: in a CI job's container, with a
remote DOCKER_HOST, on a desktop. A spare stream is dialled ahead, so that a caller seldom waits.
See D5 in ARCHITECTURE.md.
"""

import contextlib
import socket
import threading
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from hardgate.engine.exec_stream import ExecStream, open_exec
from hardgate.host.private_socket import PrivateSocket, start_thread

DIAL_COMMAND = ("docker", "system", "dial-stdio")
CHUNK_BYTES = 65536


class Relay:
    """A Unix socket at `path`, as long as the `with` lasts."""

    def __init__(self, client: docker.APIClient, host: str, path: Path) -> None:
        """Relay to the engine inside the container `host`, over the outer engine's `client`."""
        self._client = client
        self._host = host
        self._socket = PrivateSocket(path, self._relay_connection)
        self._spare: list[ExecStream] = []
        self._wanted = threading.Event()
        self._open: set[ExecStream] = set()
        self._closed = threading.Event()

    @property
    def url(self) -> str:
        """Give the address for a client of the test host's engine."""
        return f"unix://{self._socket.path}"

    def __enter__(self) -> "Relay":
        """Listen."""
        dialling = threading.Thread(target=self._open_spare_streams, daemon=True, name="relay")
        self._socket.__enter__()
        if not start_thread(dialling):
            self.__exit__()
            raise RuntimeError("There is no memory for the relay's thread.")
        return self

    def __exit__(self, *_ended: object) -> None:
        """Close every connection, and take the socket away."""
        self._closed.set()
        self._wanted.set()
        self._socket.__exit__()
        for stream in tuple(self._open):
            stream.close()

    def _open_spare_streams(self) -> None:
        """Keep one stream in store, from the first connection on: the engine answers by then."""
        while self._wanted.wait() and not self._closed.is_set():
            self._wanted.clear()
            # Without one in store, the next connection dials for itself, and is told what is wrong.
            with contextlib.suppress(DockerException, RequestException, OSError):
                self._spare.append(self._open_stream())

    def _open_stream(self) -> ExecStream:
        stream = open_exec(self._client, self._host, DIAL_COMMAND, stdin=True)
        self._open.add(stream)
        if self._closed.is_set():  # it came too late to be closed with the others
            self._drop_stream(stream)
        return stream

    def _take_stream(self) -> ExecStream:
        """Take the one in store, unless it has come to its end meanwhile."""
        with contextlib.suppress(IndexError):
            stream = self._spare.pop()
            if stream.is_idle():
                return stream
            self._drop_stream(stream)
        return self._open_stream()

    def _drop_stream(self, stream: ExecStream) -> None:
        stream.close()
        self._open.discard(stream)

    def _relay_connection(self, connection: socket.socket) -> None:
        try:
            stream = self._take_stream()
        except (DockerException, RequestException, OSError):
            connection.close()
            return
        self._wanted.set()
        forward = threading.Thread(target=_forward_input, args=(connection, stream), daemon=True)
        if not start_thread(forward):
            connection.close()
            self._drop_stream(stream)
            return
        with connection, contextlib.suppress(OSError):
            for channel, data in stream.read_frames():
                if channel == ExecStream.STDOUT:
                    connection.sendall(data)
            # Closing alone says nothing to the peer while the other thread reads here.
            connection.shutdown(socket.SHUT_RDWR)
        self._drop_stream(stream)


def _forward_input(connection: socket.socket, stream: ExecStream) -> None:
    with contextlib.suppress(OSError, ValueError):
        while data := connection.recv(CHUNK_BYTES):
            stream.send_input(data)
    with contextlib.suppress(OSError, ValueError):
        stream.end_input()
