"""Opens archives in memory, by their first bytes and never by their name, and within bounds."""

import bz2
import contextlib
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, cast

MAX_BYTES = 64 * 1024 * 1024
"""Of one file: its own bytes, and what all of its members have together."""
MAX_DEPTH = 2
MAX_MEMBERS = 10_000
_CHUNK_BYTES = 1024 * 1024
_ZIP_ENTRY, _ZIP_END = b"PK\x01\x02", b"PK\x05\x06"
_MAX_ZIP_END = 66_000
"""Bytes that the last part of a zip may have, with the longest comment."""
_DAMAGED = (
    *(OSError, EOFError, ValueError, RuntimeError, NotImplementedError, OverflowError),
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
)
"""What the standard library raises for archives that are damaged, encrypted or of another kind."""


@dataclass(frozen=True, kw_only=True)
class Member:
    """A file in an archive, or the file itself."""

    path: str
    """Empty for the file itself; `a.tar!b` for `b` in the archive `a.tar` in the file."""
    data: bytes
    is_archive: bool = False
    """Its members come as well; text may lie between them, too."""


@dataclass(frozen=True, kw_only=True)
class UnreadMember:
    """What was not looked into."""

    path: str
    reason: str
    """What it is, such as 'encrypted'."""


class _Stream(Protocol):
    def read1(self, size: int, /) -> bytes: ...


@dataclass(kw_only=True)
class _Budget:
    """What may still be unpacked of one file."""

    bytes_left: int = MAX_BYTES
    members_left: int = MAX_MEMBERS

    @property
    def is_used_up(self) -> bool:
        return self.bytes_left <= 0 or self.members_left <= 0


_Parts = Iterator[Member | UnreadMember]
_Opener = Callable[[Member, _Budget], _Parts]
_COMPRESSED: tuple[tuple[bytes, Callable[[io.BytesIO], _Stream]], ...] = (
    (b"\x1f\x8b\x08", lambda file: gzip.GzipFile(fileobj=file)),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\x00", lzma.LZMAFile),
)


def read_members(data: bytes) -> _Parts:
    """Yield the file and, where it is an archive, its members, to MAX_DEPTH levels."""
    yield from _open(Member(path="", data=data), _Budget(), depth=0)


def _open(file: Member, budget: _Budget, *, depth: int) -> _Parts:
    opener = _find_opener(file.data)
    if opener is None:
        yield file
        return
    yield Member(path=file.path, data=file.data, is_archive=True)
    if depth == MAX_DEPTH:
        yield UnreadMember(path=file.path, reason=f"an archive in {MAX_DEPTH} archives")
        return
    try:
        for part in opener(file, budget):
            if isinstance(part, UnreadMember):
                yield part
            else:
                yield from _open(part, budget, depth=depth + 1)
            if budget.is_used_up:
                reason = f"beyond {MAX_BYTES >> 20} MiB or {MAX_MEMBERS} files of an archive"
                yield UnreadMember(path=file.path, reason=reason)
                return
    except _DAMAGED as error:
        reason = f"an archive that cannot be read ({type(error).__name__})"
        yield UnreadMember(path=file.path, reason=reason)


def _find_opener(data: bytes) -> _Opener | None:
    if data.startswith((b"PK\x03\x04", _ZIP_END)):
        return _open_zip
    if any(data.startswith(mark) for mark, _ in _COMPRESSED):
        return _open_compressed
    if _is_tar(data):  # before what ends as a zip: a tar's last file may be one
        return _open_tar
    return _open_zip if _ends_as_zip(data) else None


def _ends_as_zip(data: bytes) -> bool:
    """A zip may follow anything, such as a picture or a script that unpacks it."""
    return _ZIP_END in data[-_MAX_ZIP_END:] and zipfile.is_zipfile(io.BytesIO(data))


def _is_tar(data: bytes) -> bool:
    block = data[: tarfile.BLOCKSIZE]
    if len(block) < tarfile.BLOCKSIZE or not block.strip(b"\0"):
        return False
    with contextlib.suppress(tarfile.TarError, ValueError):
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        return True
    return False


def _join(outer: str, inner: str) -> str:
    return f"{outer}!{inner}" if outer else inner


def _read_stream(stream: _Stream, path: str, budget: _Budget) -> _Parts:
    """Yield what can be unpacked of a member, and why that is not all of it."""
    budget.members_left -= 1
    pieces: list[bytes] = []
    reason = ""
    try:
        while budget.bytes_left > 0 and (piece := stream.read1(_CHUNK_BYTES)):
            pieces.append(piece[: budget.bytes_left])
            budget.bytes_left -= len(piece)
    except _DAMAGED as error:
        reason = f"damaged ({type(error).__name__})"
    yield Member(path=path, data=b"".join(pieces))
    if reason:
        yield UnreadMember(path=path, reason=reason)


def _open_zip(file: Member, budget: _Budget) -> _Parts:
    if file.data.count(_ZIP_ENTRY) > MAX_MEMBERS:
        yield UnreadMember(path=file.path, reason=f"an archive of over {MAX_MEMBERS} files")
        return
    with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            path = _join(file.path, info.filename)
            try:
                stream = cast(zipfile.ZipExtFile, archive.open(info))
            except _DAMAGED as error:
                encrypted = info.flag_bits & 1
                reason = "encrypted" if encrypted else f"damaged ({type(error).__name__})"
                yield UnreadMember(path=path, reason=reason)
                continue
            with stream:
                yield from _read_stream(stream, path, budget)


def _open_tar(file: Member, budget: _Budget) -> _Parts:
    with tarfile.open(fileobj=io.BytesIO(file.data), mode="r:") as archive:
        while info := archive.next():
            archive.members = []  # type: ignore[attr-defined]  # else it keeps all that it has seen
            stream = archive.extractfile(info) if info.isreg() else None
            if stream is not None:
                reader = cast(io.BufferedReader, stream)
                yield from _read_stream(reader, _join(file.path, info.name), budget)


def _open_compressed(file: Member, budget: _Budget) -> _Parts:
    """Yield what is compressed; of a tar in it the files, for a `.tar.gz` is one archive."""
    opener = next(opener for mark, opener in _COMPRESSED if file.data.startswith(mark))
    for part in _read_stream(opener(io.BytesIO(file.data)), file.path, budget):
        if isinstance(part, Member) and _is_tar(part.data):
            yield from _open_tar(part, budget)
        else:
            yield part
