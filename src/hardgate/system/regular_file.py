"""Reads a file that somebody else may have put there: no pipe is waited for, no device read."""

import os
import stat
from pathlib import Path


def read_regular_file(path: Path, max_bytes: int, *, follow_link: bool = False) -> bytes:
    """Read a file; raises OSError for a pipe, a device, a link, and for one that is too large.

    `follow_link`: a link in the last place may lead to it, as where secrets are mounted.
    """
    no_link = 0 if follow_link else os.O_NOFOLLOW
    handle = os.open(path, os.O_RDONLY | no_link | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:  # noqa: PTH123 - of a handle
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("it is not a regular file")
        data = file.read(max_bytes + 1)
    if len(data) > max_bytes:
        raise OSError(f"it is larger than {max_bytes} bytes")
    return data
