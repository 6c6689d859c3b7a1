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

from hardgate.engine.base_file import Kind, kind_of, unpacked
from hardgate.errors import UsageError
from hardgate.process import run

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
        (["./", "./bin", "./etc/passwd"], Kind.ROOT),
        (["usr/bin/env"], Kind.ROOT),
        (["unusual", "etc"], Kind.ROOT),
        ([f"{HEX}/VERSION", "manifest.json"], Kind.SAVED_IMAGE),
        ([f"{HEX}.json"], Kind.SAVED_IMAGE),
        (["blobs/", f"blobs/sha256/{HEX}", "manifest.json"], Kind.SAVED_IMAGE),
        (["oci-layout", "index.json"], Kind.SAVED_IMAGE),
    ],
)
def test_what_lies_at_the_top_decides(names: list[str], kind: Kind, tmp_path: Path) -> None:
    file = tmp_path / "base.tar"
    file.write_bytes(archive(names))
    assert kind_of(file) is kind


@pytest.mark.parametrize("content", [b"", b"no archive", archive(["readme"]), b"\x1f\x8bbroken"])
def test_what_is_neither_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "base.tar"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="is no base"):
        kind_of(file)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_packing_is_undone(pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    plain = archive(["etc"])
    file = tmp_path / "base"
    file.write_bytes(pack(plain))
    assert kind_of(file) is Kind.ROOT
    with unpacked(file) as stream:
        assert stream.read() == plain


def test_zstd_is_undone_by_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = archive(["etc"])
    (tmp_path / "base.tar").write_bytes(plain)
    if shutil.which("zstd"):
        assert run(["zstd", "-q", tmp_path / "base.tar"]).ok
        assert kind_of(tmp_path / "base.tar.zst") is Kind.ROOT
    (tmp_path / "other.zst").write_bytes(b"\x28\xb5\x2f\xfd" + b"\0" * 20)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="packed by zstd, and there is no such program"):
        kind_of(tmp_path / "other.zst")
