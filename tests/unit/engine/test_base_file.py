"""A file given as a base is told by what it holds, however it is packed."""

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hardgate.engine.base_file import BaseFileKind, detect_base_file_kind, open_unpacked
from hardgate.errors import UsageError
from hardgate.system.process import run_command

HEX = "0" * 64


def archive(names: Sequence[str]) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as file:
        for name in names:
            file.addfile(tarfile.TarInfo(name))
    return written.getvalue()


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["./", "./bin", "./etc/passwd"], BaseFileKind.ROOT),
        (["usr/bin/env"], BaseFileKind.ROOT),
        (["unusual", "etc"], BaseFileKind.ROOT),
        ([f"{HEX}/VERSION", "manifest.json"], BaseFileKind.SAVED_IMAGE),
        ([f"{HEX}.json"], BaseFileKind.SAVED_IMAGE),
        (["blobs/", f"blobs/sha256/{HEX}", "manifest.json"], BaseFileKind.SAVED_IMAGE),
        (["oci-layout", "index.json"], BaseFileKind.SAVED_IMAGE),
    ],
)
def test_what_lies_at_the_top_decides(names: list[str], kind: BaseFileKind, tmp_path: Path) -> None:
    file = tmp_path / "base.tar"
    file.write_bytes(archive(names))
    assert detect_base_file_kind(file) is kind


@pytest.mark.parametrize("content", [b"", b"no archive", archive(["readme"]), b"\x1f\x8bbroken"])
def test_what_is_neither_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "base.tar"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is not a base"):
        detect_base_file_kind(file)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_packing_is_undone(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = archive(["etc"])
    file = tmp_path / "base"
    file.write_bytes(pack(plain))
    assert detect_base_file_kind(file) is BaseFileKind.ROOT
    with open_unpacked(file) as stream:
        assert stream.read() == plain


def test_zstd_is_undone_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = archive(["etc"])
    (tmp_path / "base.tar").write_bytes(plain)
    if shutil.which("zstd"):
        assert run_command(["zstd", "-q", tmp_path / "base.tar"]).ok
        assert detect_base_file_kind(tmp_path / "base.tar.zst") is BaseFileKind.ROOT
    (tmp_path / "other.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"\0" * 20)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="packed by zstd, and there is no such program"):
        detect_base_file_kind(tmp_path / "other.zst")
