"""What a file given as a base is: a root file system or a saved image, packed in which way."""

import bz2
import gzip
import lzma
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from io import BufferedIOBase
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.system import process
from hardgate.system.temporary_folder import temporary_folder

_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_OPENERS_BY_MAGIC: dict[bytes, Callable[[Path], BufferedIOBase]] = {
    b"\x1f\x8b": gzip.GzipFile,
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}
"""How to read on, by a file's first bytes."""

_SAVED_IMAGE_ENTRY = re.compile(
    r"manifest\.json|index\.json|oci-layout|repositories|blobs|[0-9a-f]{64}(\.json|\.tar)?"
)
_ROOT_FOLDERS = frozenset(
    "bin boot dev etc home lib lib64 opt proc root run sbin srv sys usr var".split()
)


class BaseFileKind(Enum):
    """What an engine has to be told to do with it."""

    ROOT = "a root file system"
    """To be imported."""
    SAVED_IMAGE = "a saved image"
    """To be loaded: what `docker save` writes."""


def detect_base_file_kind(file: Path) -> BaseFileKind:
    """Tell by the first name that belongs to one of the two; UsageError for neither."""
    try:
        with open_unpacked(file) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                top = member.name.removeprefix("./").partition("/")[0]
                if _SAVED_IMAGE_ENTRY.fullmatch(top):
                    return BaseFileKind.SAVED_IMAGE
                if top in _ROOT_FOLDERS:
                    return BaseFileKind.ROOT
    except (tarfile.TarError, EOFError, OSError, lzma.LZMAError) as error:
        raise _make_base_file_error(file, str(error)) from error
    raise _make_base_file_error(
        file, "It holds neither folders like 'usr' and 'etc', nor a manifest."
    )


def _make_base_file_error(file: Path, evidence: str) -> UsageError:
    return UsageError(
        f"'{file}' is not a base.",
        "Give a root file system, or what 'docker save' writes, as a tar archive "
        "(plain, .gz, .bz2, .xz or .zst).",
        evidence=evidence,
    )


@contextmanager
def open_unpacked(file: Path) -> Iterator[BufferedIOBase]:
    """Open a file for reading, whatever it was packed with.

    Unpacked here and not by the engine, which needs programs of its machine for some of these.
    """
    with file.open("rb") as stream:
        start = stream.read(6)
    if start.startswith(_ZSTD_MAGIC):
        with _open_zstd(file) as stream:
            yield stream
        return
    for magic, opener in _OPENERS_BY_MAGIC.items():
        if start.startswith(magic):
            with opener(file) as stream:
                yield stream
            return
    with file.open("rb") as stream:
        yield stream


@contextmanager
def _open_zstd(file: Path) -> Iterator[BufferedIOBase]:
    with temporary_folder() as folder:
        plain = folder / "plain.tar"
        try:
            finished = process.run_command(["zstd", "-d", "-q", "-o", plain, file])
        except process.CommandMissingError as error:
            raise UsageError(
                f"'{file}' is packed by zstd, and there is no such program here.",
                "Install 'zstd', or unpack it first.",
            ) from error
        if not finished.ok:
            raise _make_base_file_error(file, finished.stderr)
        with plain.open("rb") as stream:
            yield stream
