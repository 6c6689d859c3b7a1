"""The role engine's script that removes what an engine made, in a mount namespace of its own."""

import os
import subprocess
from pathlib import Path

import pytest

from hardgate.resources import ROLES

DROP_PLACES = ROLES / "engine" / "files" / "drop-places"
UNSHARE = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "an engine's data"


def drop(place: Path, *, before: str, prepare: str = "") -> str:
    """Fill a place as an engine does, remove it, and return what was said."""
    record = place.parent / "record"
    record.mkdir()
    (record / "before").write_text(f"{before} {place}\n")
    steps = f"""
    set -e
    mkdir -p "$2"
    {prepare}
    mkdir -p "$2/overlay2/merged"
    mount -t tmpfs none "$2/overlay2/merged"
    touch "$2/overlay2/merged/file" "$2/a file" "$2/.hidden"
    sh "$0" "$1"
    if [ -e "$2" ]; then find -H "$2" -mindepth 1; fi
    """
    command = [*UNSHARE, "sh", "-c", steps, str(DROP_PLACES), str(record), str(place)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_a_place_that_was_not_there_goes(place: Path) -> None:
    assert drop(place, before="absent") == f"Removed {place}.\n"
    assert not place.exists()


def test_a_place_that_was_empty_is_empty_again(place: Path) -> None:
    assert drop(place, before="empty") == f"Removed what was in {place}.\n"
    assert place.is_dir()


@pytest.mark.parametrize("before", ["absent", "empty"])
def test_a_disk_that_was_mounted_there_later_is_emptied_and_stays(place: Path, before: str) -> None:
    said = drop(place, before=before, prepare='mount -t tmpfs none "$2"')
    assert said == f"Removed what was in {place}.\n"


@pytest.mark.parametrize("before", ["absent", "empty"])
def test_a_folder_that_was_bound_there_later_is_emptied_and_stays(place: Path, before: str) -> None:
    said = drop(place, before=before, prepare='mount --bind "$2" "$2"')
    assert said == f"Removed what was in {place}.\n"


@pytest.mark.parametrize("before", ["absent", "empty"])
def test_a_link_to_another_disk_is_kept_and_what_it_leads_to_is_emptied(
    place: Path, before: str
) -> None:
    prepare = 'rmdir "$2"; mkdir "$2.disk"; ln -s "$2.disk" "$2"'
    said = drop(place, before=before, prepare=prepare)
    assert said == f"Removed what was in {place}.\n"
    assert place.is_symlink()


def test_an_empty_disk_is_not_worth_a_word(place: Path) -> None:
    record = place.parent / "record"
    record.mkdir()
    (record / "before").write_text(f"absent {place}\n")
    steps = 'mkdir "$2"; mount -t tmpfs none "$2"; sh "$0" "$1"'
    command = [*UNSHARE, "sh", "-c", steps, str(DROP_PLACES), str(record), str(place)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == ""
