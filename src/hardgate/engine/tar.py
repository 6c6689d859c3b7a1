"""Tar archives, as the engine takes them: everything root's."""

import io
import tarfile
from pathlib import Path


def archive_file(name: str, data: bytes, *, mode: int) -> bytes:
    """Pack one file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(data), mode
        archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def archive_folder(folder: Path) -> bytes:
    """Pack what is in a folder, without the folder."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for entry in sorted(folder.iterdir()):
            archive.add(entry, arcname=entry.name, filter=_set_root_owner)
    return buffer.getvalue()


def _set_root_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry
