"""A marker that anybody may have put into /tmp is never waited for, and never read without end."""

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardgate.engine import reaper
from hardgate.system.ownership import Owner, ProcessIdentity


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    """A read that waits is a failure, and not a test without end."""

    def too_long(_number: int, _frame: object) -> None:
        raise AssertionError("the marker was waited for")

    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(5)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def marked(tmp_path: Path) -> Path:
    folder = tmp_path / "hardgate-x"
    folder.mkdir()
    return folder / reaper.OWNER_FILE


def reap_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    return tuple(line for line in reaper._remove_private_folders() if str(tmp_path) in line)


def dead_owner() -> Owner:
    here = ProcessIdentity.of_current_process()
    gone = ProcessIdentity(boot=here.boot, namespace=here.namespace, pid=here.pid, started=1)
    return Owner(run="1234abcd", process=gone, deadline=1)


def test_a_pipe_in_a_markers_place_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(marked(tmp_path))

    assert reap_folders(tmp_path, monkeypatch) == ()
    assert (tmp_path / "hardgate-x").is_dir()


def test_a_link_to_a_device_without_end_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked(tmp_path).symlink_to("/dev/zero")

    assert reap_folders(tmp_path, monkeypatch) == ()


def test_a_link_to_a_dead_runs_marker_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    true_marker = tmp_path / "elsewhere.json"
    true_marker.write_text(json.dumps(dead_owner().labels))
    marked(tmp_path).symlink_to(true_marker)

    assert reap_folders(tmp_path, monkeypatch) == ()


def test_no_more_of_a_marker_is_read_than_a_run_writes(tmp_path: Path) -> None:
    marker = marked(tmp_path)
    with marker.open("wb") as file:
        file.truncate(2**33)

    assert len(reaper.read_owner_file(marker)) == reaper.MAX_OWNER_CHARS


def test_a_folder_of_another_user_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = marked(tmp_path)
    marker.write_text(json.dumps(dead_owner().labels))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)

    assert reap_folders(tmp_path, monkeypatch) == ()


def test_a_dead_runs_own_folder_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    marker = marked(tmp_path)
    marker.write_text(json.dumps(dead_owner().labels))

    assert len(reap_folders(tmp_path, monkeypatch)) == 1
    assert not marker.parent.exists()


def test_an_old_empty_folder_without_an_owner_goes_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run was killed before it could write whose it is."""
    old, young, full, other = (
        tmp_path / name for name in ("hardgate-old", "hardgate-young", "hardgate-full", "theirs")
    )
    for folder in (old, young, full, other):
        folder.mkdir()
    (full / "file").write_text("x")
    for folder in (old, full, other):
        os.utime(folder, (1, 1))
    removed = reap_folders(tmp_path, monkeypatch)
    assert removed == (f"empty folder {old}",)
    assert not old.exists()
    assert young.exists()
    assert full.exists()
    assert other.exists()
