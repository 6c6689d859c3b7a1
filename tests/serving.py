"""Servers of tests, each in a thread that ends with it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import BaseServer
from typing import TypeVar

Server = TypeVar("Server", bound=BaseServer)


@contextmanager
def serve(server: Server) -> Iterator[Server]:
    """Let it answer until the block ends.

    A socket that is closed under `serve_forever` leaves a thread that never waits again: it takes a
    core from all tests after it. So the thread is stopped first.
    """
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
