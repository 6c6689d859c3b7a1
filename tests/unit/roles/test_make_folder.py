"""A gate's folder on a host says whose it is, and goes with the next gate, or with 'reap'."""

import base64
import json
import os
import pwd
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from hardgate.engine import reaper
from hardgate.resources import ROLES
from hardgate.system.ownership import Owner, ProcessIdentity

SCRIPT = ROLES / "remote_gate" / "files" / "make-folder"
HERE = ProcessIdentity.of_current_process()
GONE = ProcessIdentity(boot=HERE.boot, namespace=HERE.namespace, pid=HERE.pid, started=1)
ELSEWHERE = ProcessIdentity(boot="another", namespace="1", pid=1, started=1)


def make_owner(process: ProcessIdentity, seconds: int = 3600) -> Owner:
    return Owner(run="1234abcd", process=process, deadline=int(time.time()) + seconds)


OWNERS = {
    "a play that runs": (make_owner(HERE), False),
    "a play that was killed": (make_owner(GONE), True),
    "another controller's": (make_owner(ELSEWHERE), False),
    "another controller's, too late": (make_owner(ELSEWHERE, -5), True),
}


def make_folder(home: Path, owner: Owner) -> Path:
    stub = home / "bin" / "getent"
    stub.parent.mkdir(exist_ok=True)
    stub.write_text(f"#!/bin/sh\necho 'user:x:0:0::{home}:/bin/sh'\n")
    stub.chmod(0o755)
    told = base64.b64encode(json.dumps(owner.labels).encode()).decode()
    words = ["sh", "-c", SCRIPT.read_text(), "make-folder", "user", "60", told]
    environment = {"PATH": f"{stub.parent}:{os.environ['PATH']}"}
    made = subprocess.run(words, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return Path(made.stdout.rstrip("\n"))


def reap_by_the_next_gate(home: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(home, make_owner(HERE))


def reap_by_hand(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    users = [SimpleNamespace(pw_dir=str(home))]
    monkeypatch.setattr(pwd, "getpwall", lambda: users)
    list(reaper.remove_gate_folders(Owner.is_dead))


@pytest.mark.parametrize("reap", [reap_by_the_next_gate, reap_by_hand])
@pytest.mark.parametrize("name", OWNERS)
def test_a_folder_goes_once_its_play_is_dead_and_not_before(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    reap: Callable[[Path, pytest.MonkeyPatch], None],
) -> None:
    owner, is_debris = OWNERS[name]
    folder = make_folder(tmp_path, owner)
    (folder / "source").mkdir()
    reap(tmp_path, monkeypatch)
    assert folder.exists() is not is_debris


def test_a_folder_says_whose_it_is_and_is_its_users_alone(tmp_path: Path) -> None:
    owner = make_owner(HERE)
    folder = make_folder(tmp_path, owner)
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert Owner.from_labels(json.loads((folder / "owner.json").read_text())) is not None


@pytest.mark.parametrize("mark", [None, "{}", "no JSON", '{"hardgate.owner": "x"}'])
def test_a_folder_that_nobody_owns_by_its_mark_stays(tmp_path: Path, mark: str | None) -> None:
    theirs = tmp_path / "hardgate-gate.theirs"
    theirs.mkdir()
    if mark is not None:
        (theirs / "owner.json").write_text(mark)
    make_folder(tmp_path, make_owner(HERE))
    assert theirs.exists()


def test_a_link_to_elsewhere_is_not_followed(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "owner.json").write_text(json.dumps(make_owner(GONE).labels))
    (tmp_path / "hardgate-gate.link").symlink_to(elsewhere)
    make_folder(tmp_path, make_owner(HERE))
    assert elsewhere.exists()
