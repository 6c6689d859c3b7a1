"""What of a checkout is given to a host."""

import tarfile
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.remote.source_archive import ARCHIVE_FOLDER, ARCHIVED_PATHS, pack_source


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "a checkout"
    root.mkdir()
    for part in ARCHIVED_PATHS:
        if part.islower() and "." not in part:
            (root / part).mkdir()
        else:
            (root / part).write_text(part)
    (root / "src" / "__pycache__").mkdir()
    (root / "src" / "__pycache__" / "old.pyc").write_text("")
    (root / ".git").mkdir()
    (root / "reports").mkdir()
    return root


def test_the_archive_holds_the_parts_and_nothing_else(checkout: Path, tmp_path: Path) -> None:
    pack_source(tmp_path / "source.tar", checkout)
    with tarfile.open(tmp_path / "source.tar") as archive:
        assert set(archive.getnames()) == {f"{ARCHIVE_FOLDER}/{part}" for part in ARCHIVED_PATHS}
        assert {(member.uid, member.uname) for member in archive} == {(0, "root")}


def test_what_is_no_checkout_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "noxfile.py").unlink()
    with pytest.raises(UsageError, match=r"lacks 'noxfile\.py'"):
        pack_source(tmp_path / "source.tar", checkout)


def test_this_checkout_is_one(tmp_path: Path) -> None:
    pack_source(tmp_path / "source.tar")
    with tarfile.open(tmp_path / "source.tar") as archive:
        assert f"{ARCHIVE_FOLDER}/image/Dockerfile" in archive.getnames()
