"""A file or a folder with an owner and a mode: seen, and made so in one step."""

import grp
import os
import pwd
import stat
import tempfile
from pathlib import Path


def look_up_ids(owner: str, group: str) -> tuple[int, int]:
    """Give the numbers of a user and a group."""
    return pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid


def set_owner_and_mode(path: Path, owner: tuple[int, int], mode: int) -> bool:
    """Give a file or a folder to its owner, with its mode; tell whether that changed it.

    Raises OSError for a link: the path may lie in a user's folder, and this runs as root.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(handle)
        if (status.st_uid, status.st_gid) == owner and stat.S_IMODE(status.st_mode) == mode:
            return False
        os.fchown(handle, *owner)
        os.fchmod(handle, mode)
    finally:
        os.close(handle)
    return True


def is_plain_file(path: Path) -> bool:
    """Tell whether there is a plain file: a link would be somebody else's content."""
    return path.is_file() and not path.is_symlink()


def write_file(path: Path, content: bytes, owner: tuple[int, int], mode: int) -> bool:
    """Have a file there with this content, all at once or not at all; tell what it changed."""
    if is_plain_file(path) and path.read_bytes() == content:
        return set_owner_and_mode(path, owner, mode)
    handle, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        set_owner_and_mode(Path(draft), owner, mode)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink()
        raise
    return True
