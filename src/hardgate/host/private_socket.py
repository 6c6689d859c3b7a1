"""A Unix socket of this user's alone, each of whose connections has a thread."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path


class PrivateSocket:
    """Listens at `path`, and has each connection served, as long as the `with` lasts."""

    def __init__(self, path: Path, serve: Callable[[socket.socket], None]) -> None:
        """`serve` closes the connection that it is given."""
        self.path = path
        self._serve = serve
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def __enter__(self) -> "PrivateSocket":
        """Listen; RuntimeError where there is no memory for a thread."""
        accepting = threading.Thread(target=self._accept, daemon=True, name="private_socket")
        try:
            self._listener.bind(str(self.path))
            self.path.chmod(0o600)
            self._listener.listen()
            accepting.start()
        except (OSError, RuntimeError):
            self.__exit__()
            raise
        return self

    def __exit__(self, *_ended: object) -> None:
        """Accept no more, and take the socket away."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            serving = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            if not start_thread(serving):
                connection.close()


def start_thread(thread: threading.Thread) -> bool:
    """Start it; False where there is no memory for it. A peer that nobody serves waits for long."""
    try:
        thread.start()
    except RuntimeError:
        return False
    return True
