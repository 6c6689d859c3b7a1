"""One at a time: two that would make the same thing at once, and the second finds it made."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold_folder_lock(folder: Path) -> Iterator[None]:
    """Wait until nobody else is at it, and keep others waiting as long as the `with` lasts.

    The lock is on a folder that is there anyway, so that no file is left; it ends with its process.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
