"""What of a checkout is given to a host."""

import tarfile
from pathlib import Path

import pytest

from hardgate.cli import fleet  # noqa: F401 - is patched by its name
from hardgate.cli.main import main
from hardgate.errors import UsageError
from hardgate.remote.source_archive import (
    ARCHIVE_FOLDER,
    ARCHIVED_PATHS,
    pack_source,
    require_checkout,
)


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


@pytest.mark.parametrize("command", ["fleet"])
def test_an_installed_hardgate_refuses_before_any_host_is_asked(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is a wrong command, with what to do instead, and no image is called stale."""
    monkeypatch.setattr(
        f"hardgate.cli.{command}.require_checkout", lambda: require_checkout(tmp_path)
    )
    words = [command, "-i", str(tmp_path / "none"), "--images", str(tmp_path / "none")]
    assert main(words) == 2
    told = capsys.readouterr()
    assert "pipx run nox -s fleet" in told.err
    assert "tale" not in told.out + told.err
