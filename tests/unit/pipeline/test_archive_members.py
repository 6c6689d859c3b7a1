"""Members of archives: to two levels, told by their first bytes, and within bounds."""

import bz2
import gzip
import io
import lzma
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterable

import pytest

from hardgate.pipeline.archive_members import (
    MAX_BYTES,
    MAX_MEMBERS,
    Member,
    UnreadMember,
    read_members,
)

SECRET = b"TOKEN=value\n"


def make_tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def make_zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return held.getvalue()


def read(data: bytes) -> dict[str, bytes]:
    """Give what is not an archive itself."""
    parts = read_members(data)
    return {one.path: one.data for one in parts if isinstance(one, Member) and not one.is_archive}


def unread(data: bytes) -> dict[str, str]:
    return {one.path: one.reason for one in read_members(data) if isinstance(one, UnreadMember)}


def test_what_is_no_archive_is_itself() -> None:
    assert list(read_members(SECRET)) == [Member(path="", data=SECRET)]
    assert list(read_members(b"")) == [Member(path="", data=b"")]


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "tar": make_tar,
    "tar.gz": lambda files: make_tar(files, "w:gz"),
    "tar.bz2": lambda files: make_tar(files, "w:bz2"),
    "tar.xz": lambda files: make_tar(files, "w:xz"),
    "zip": make_zip,
    "stored zip": lambda files: make_zip(files, zipfile.ZIP_STORED),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_members_are_read(kind: str) -> None:
    data = ARCHIVES[kind]({"a/.env": SECRET, "b": b"x"})
    assert read(data) == {"a/.env": SECRET, "b": b"x"}
    assert not unread(data)


@pytest.mark.parametrize("outer", ARCHIVES)
@pytest.mark.parametrize("inner", ARCHIVES)
def test_members_of_a_second_level_are_read(outer: str, inner: str) -> None:
    data = ARCHIVES[outer]({"in": ARCHIVES[inner]({".env": SECRET})})
    assert read(data) == {"in!.env": SECRET}


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_a_third_level_is_told_and_not_read(kind: str) -> None:
    data = SECRET
    for name in ("c", "b", "a"):
        data = ARCHIVES[kind]({name: data})
    assert not read(data)
    assert unread(data) == {"a!b": "an archive in 2 archives"}


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_file_is_read(pack: Callable[[bytes], bytes]) -> None:
    assert read(pack(SECRET)) == {"": SECRET}


def test_compressed_files_that_follow_each_other_are_read() -> None:
    assert read(gzip.compress(b"one\n") + gzip.compress(SECRET)) == {"": b"one\n" + SECRET}


def test_a_zip_behind_something_else_is_read() -> None:
    assert read(b"#!/bin/sh\nexit\n" + make_zip({".env": SECRET})) == {".env": SECRET}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_is_given_as_it_is_too(kind: str) -> None:
    """A tar's reader stops at what is not a header; text behind it is found in the whole."""
    data = ARCHIVES[kind]({"a": b"x"})
    whole = [one for one in read_members(data) if isinstance(one, Member) and one.is_archive]
    assert whole == [Member(path="", data=data, is_archive=True)]


def test_what_can_be_unpacked_of_a_damaged_file_is_read() -> None:
    text = SECRET + bytes(range(256)) * 40_000
    data = gzip.compress(text)
    cut = data[: len(data) - 8]
    assert read(cut)[""].startswith(SECRET)
    assert "damaged" in unread(cut)[""]
    trailed = gzip.compress(SECRET) + b"no gzip"
    assert read(trailed) == {"": SECRET}
    assert "damaged" in unread(trailed)[""]


@pytest.mark.parametrize("kind", ARCHIVES)
def test_no_cut_or_changed_archive_raises(kind: str) -> None:
    data = ARCHIVES[kind]({"a": SECRET * 50, "b": SECRET})
    for size in range(0, len(data), 37):
        list(read_members(data[:size]))
        list(read_members(data[:size] + b"\xff" + data[size + 1 :]))


def test_an_encrypted_member_is_told() -> None:
    data = bytearray(make_zip({"a": SECRET}, zipfile.ZIP_STORED))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    assert unread(bytes(data)) == {"a": "encrypted"}


def bomb(levels: int) -> bytes:
    data = bytes(MAX_BYTES)
    for _ in range(levels):
        data = make_zip({f"{number}": data for number in range(4)})
    return data


BOMBS: dict[str, Callable[[], bytes]] = {
    "zip": lambda: bomb(1),
    "zip of zips": lambda: bomb(2),
    "gzip": lambda: gzip.compress(bytes(2 * MAX_BYTES)),
    "gzip of gzip": lambda: gzip.compress(gzip.compress(bytes(2 * MAX_BYTES))),
    "xz": lambda: lzma.compress(bytes(2 * MAX_BYTES), preset=0),
    "many in a zip": lambda: make_zip(dict.fromkeys(map(str, range(MAX_MEMBERS + 1)), b"")),
    "many in a tar": lambda: make_tar(dict.fromkeys(map(str, range(MAX_MEMBERS + 1)), b"")),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_told_and_bounded(kind: str) -> None:
    data = BOMBS[kind]()
    begun = time.process_time()
    total = sum(len(one.data) for one in read_members(data) if isinstance(one, Member))
    assert total <= len(data) + 2 * MAX_BYTES
    assert time.process_time() - begun < 30
    assert unread(data)


def test_a_sparse_member_does_not_fill_the_memory() -> None:
    info = tarfile.TarInfo("sparse")
    info.size = 1 << 40
    header = info.tobuf(tarfile.GNU_FORMAT)
    assert sum(map(len, _contents(read_members(header + bytes(1024))))) < MAX_BYTES


def _contents(parts: Iterable[Member | UnreadMember]) -> Iterable[bytes]:
    return (one.data for one in parts if isinstance(one, Member))
