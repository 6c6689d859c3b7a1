"""One at a time: two that would make the same thing at once, and the second finds it made."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardgate.system.interruption import raise_in_thread

POLL_SECONDS = 0.05


@contextmanager
def hold_folder_lock(folder: Path) -> Iterator[None]:
    """Wait until nobody else is at it, and keep others waiting as long as the `with` lasts.

    The lock is on a folder that is there anyway, so that no file is left; it ends with its process.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _await_lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _await_lock(descriptor: int) -> None:
    """Ask again and again: a thread that waited in the kernel would hear of no signal."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise_in_thread()
            time.sleep(POLL_SECONDS)
        else:
            return
