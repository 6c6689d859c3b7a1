"""One exec's hijacked connection: frames in, bytes out, with a deadline.

The SDK hands out the raw socket below a buffered reader that has already read the answer's
header, and perhaps the first frames after it. So what that reader holds is taken first.
See D4 in ARCHITECTURE.md.
"""

import contextlib
import select
import socket
import ssl
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import docker

FRAME_HEADER = struct.Struct(">BxxxL")


class ExecStream:
    """Both directions of an exec that was started attached, without a terminal."""

    STDOUT: ClassVar[int] = 1
    STDERR: ClassVar[int] = 2

    def __init__(self, exec_id: str, hijacked: Any) -> None:
        """Take what `APIClient.exec_start(socket=True)` or `attach_socket` gives."""
        self.exec_id = exec_id
        self._hijacked = hijacked
        self._socket: socket.socket = getattr(hijacked, "_sock", hijacked)
        self._ahead = _take_read_ahead(hijacked, self._socket)

    def read_frames(self, deadline: float | None = None) -> Iterator[tuple[int, bytes]]:
        """Yield channel and bytes until the stream ends; TimeoutError at the deadline.

        `deadline` is of the monotonic clock, in seconds.
        """
        while len(header := self._read_bytes(FRAME_HEADER.size, deadline)) == FRAME_HEADER.size:
            channel, size = FRAME_HEADER.unpack(header)
            data = self._read_bytes(size, deadline)
            yield channel, data
            if len(data) < size:
                return

    def _read_bytes(self, size: int, deadline: float | None) -> bytes:
        """Read so many bytes; fewer where the stream ends in them."""
        data = b""
        while len(data) < size:
            part = self._receive_chunk(size - len(data), deadline)
            if not part:
                break
            data += part
        return data

    def _receive_chunk(self, size: int, deadline: float | None) -> bytes:
        if self._ahead:
            part, self._ahead = self._ahead[:size], self._ahead[size:]
            return part
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket.recv(size)

    def send_input(self, data: bytes) -> None:
        """Write to the exec's standard input."""
        self._socket.sendall(data)

    def is_idle(self) -> bool:
        """Tell whether nothing has come, not even the end."""
        # What TLS has decrypted already is no longer in the socket.
        decrypted = getattr(self._socket, "pending", int)()
        return not (self._ahead or decrypted or select.select([self._socket], [], [], 0)[0])

    def end_input(self) -> None:
        """Say that no more input comes; TLS has no way to say so, and closes later."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the connection; what runs goes on until its own streams break."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(OSError, ValueError):
            self._hijacked._response.close()


def _take_read_ahead(hijacked: Any, raw: socket.socket) -> bytes:
    """Take what the SDK's reader holds beyond the answer's header, without waiting for more."""
    reader = hijacked._response.raw._fp.fp
    raw.setblocking(False)
    try:
        ahead = reader.peek()
        return bytes(reader.read(len(ahead))) if ahead else b""
    except ssl.SSLWantReadError:
        return b""
    finally:
        raw.setblocking(True)


def open_exec(
    client: docker.APIClient,
    container: str,
    command: Sequence[str],
    *,
    user: str = "",
    environment: Mapping[str, str] | None = None,
    stdin: bool = False,
) -> ExecStream:
    """Start a command in a running container, attached and without a terminal."""
    exec_id: str = client.exec_create(
        container,
        list(command),
        user=user,
        environment=dict(environment or {}),
        stdin=stdin,
    )["Id"]
    return ExecStream(exec_id, client.exec_start(exec_id, socket=True))
