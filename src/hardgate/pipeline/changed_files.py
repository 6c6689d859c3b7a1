"""Reads the files of a change: blobs by git, a bounded number of bytes at a time, or the tree's."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from hardgate.pipeline.archive_members import MAX_BYTES
from hardgate.pipeline.git_change import FileChange
from hardgate.system.git import GitRefusedError, Repository, remedy_for_cut_clone

GROUP_BYTES = 64 * 1024 * 1024
"""Bytes of blobs that are read at once, where one alone is not larger."""
GROUP_FILES = 2000


@dataclass(frozen=True, kw_only=True)
class ChangedFile:
    """A file that was made or altered, with its bytes."""

    path: str
    commit: str
    """Empty for what is not committed."""
    new: bytes
    old: tuple[bytes, ...] = ()
    """What it was before; in each of a merge's parents."""


@dataclass(frozen=True, kw_only=True)
class UnreadFile:
    """A file, or a part of one, that was not looked into."""

    path: str
    reason: str
    """What it is, such as 'binary'."""


def read_changed_files(
    repository: Repository, changes: Iterable[FileChange], folder: Path
) -> Iterator[ChangedFile | UnreadFile]:
    """Yield each changed file with its bytes; `folder` takes what git writes."""
    pending = iter(changes)
    while some := list(islice(pending, GROUP_FILES)):
        sizes = _read_sizes(repository, _list_ids(some))
        for group in _split_into_groups(some, sizes):
            blobs = _read_blobs(repository, _list_wanted(group, sizes), folder)
            for change in group:
                yield from _read_change(repository.tree, change, sizes, blobs)


def _list_ids(changes: Iterable[FileChange]) -> list[str]:
    ids = (
        number
        for change in changes
        if not change.is_submodule
        for number in (change.new_id, *change.old_ids)
    )
    return list(dict.fromkeys(number for number in ids if number))


def _list_wanted(changes: Iterable[FileChange], sizes: Mapping[str, int]) -> list[str]:
    return [number for number in _list_ids(changes) if sizes[number] <= MAX_BYTES]


def _read_sizes(repository: Repository, ids: Sequence[str]) -> dict[str, int]:
    if not ids:
        return {}
    asked = repository.ask("cat-file", "--batch-check", input="\n".join([*ids, ""]).encode())
    rows = [line.split() for line in asked.stdout.splitlines()]
    missing = [row[0] for row in rows if row[-1] == "missing"]
    if missing or len(rows) != len(ids):
        raise _missing_objects(repository, missing)
    return {number: int(size) for number, _, size in rows}


def _missing_objects(repository: Repository, missing: Sequence[str]) -> GitRefusedError:
    cut = repository.is_partial or repository.shallow_commits
    root = repository.root
    return GitRefusedError(
        f"Git has not all files of the change in '{root}': {len(missing)} are missing, "
        f"such as {(missing or ['all'])[0]}.",
        remedy_for_cut_clone(repository)
        if cut
        else f"Run 'git fsck' in '{root}', and clone the repository again.",
    )


def _split_into_groups(
    changes: Iterable[FileChange], sizes: Mapping[str, int]
) -> Iterator[list[FileChange]]:
    group: list[FileChange] = []
    total = 0
    for change in changes:
        size = sum(sizes[number] for number in _list_wanted([change], sizes))
        if group and total + size > GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(change)
        total += size
    if group:
        yield group


def _read_blobs(repository: Repository, ids: Sequence[str], folder: Path) -> dict[str, bytes]:
    if not ids:
        return {}
    listing = folder / "blobs"
    wanted = "\n".join([*ids, ""]).encode()
    repository.ask("cat-file", "--batch", input=wanted, output_file=listing)
    blobs = {}
    with listing.open("rb") as file:
        for _ in ids:
            number, _, size = file.readline().decode().split()
            blobs[number] = file.read(int(size))
            file.read(1)
    listing.unlink()
    return blobs


def _read_change(
    root: Path, change: FileChange, sizes: Mapping[str, int], blobs: Mapping[str, bytes]
) -> Iterator[ChangedFile | UnreadFile]:
    if change.is_submodule:
        yield UnreadFile(path=change.path, reason="a submodule")
        return
    if sizes.get(change.new_id, 0) > MAX_BYTES:
        yield UnreadFile(path=change.path, reason=f"over {MAX_BYTES >> 20} MiB")
        return
    old = tuple(blobs[number] for number in change.old_ids if number in blobs)
    if change.new_id:
        new = blobs[change.new_id]
        yield ChangedFile(path=change.path, commit=change.commit, new=new, old=old)
        return
    file = read_tree_file(root, change.path)
    if file is not None:
        yield replace(file, old=old) if isinstance(file, ChangedFile) else file


def read_tree_file(root: Path, path: str) -> ChangedFile | UnreadFile | None:
    """Read a file as it lies in a folder, of a link only where it leads; None: it is gone."""
    file = root / path
    if path.endswith("/"):
        return UnreadFile(path=path, reason="another repository")
    try:
        if file.is_symlink():
            return ChangedFile(path=path, commit="", new=os.fsencode(file.readlink()))
        data = _read_regular(root, file)
    except FileNotFoundError:
        return None
    except OSError as error:
        return UnreadFile(path=path, reason=str(error.strerror).lower())
    return ChangedFile(path=path, commit="", new=data)


def _read_regular(root: Path, file: Path) -> bytes:
    """Read a file that is one, and neither a link, a pipe nor a device."""
    if not file.parent.resolve().is_relative_to(root.resolve()):
        raise OSError(errno.EXDEV, "behind a link that leads elsewhere")
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "no regular file")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"over {MAX_BYTES >> 20} MiB")
    return data
