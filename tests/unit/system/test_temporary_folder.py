"""A private folder that says whose it is, so that it is found after a SIGKILL."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hardgate.engine.reaper import FOLDER_PREFIX, OWNER_FILE
from hardgate.system.interruption import Interrupted, raise_on_signals
from hardgate.system.ownership import Owner
from hardgate.system.temporary_folder import run_in_temporary_folder, temporary_folder

PROGRAM = """
import os, signal, sys
from hardgate.system import temporary_folder
begin = temporary_folder.start_remover
def begin_and_end(folder):
    remover = begin(folder)
    if sys.argv[1:] == ["alone"]:
        remover.kill()
        remover.wait()
    return remover
temporary_folder.start_remover = begin_and_end
with temporary_folder.temporary_folder() as folder:
    (folder / "secret").write_text("x")
    print(folder, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run_until_killed(folder: Path, *words: str) -> Path:
    """Run the program, and give the folder that it had."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    return Path(ended.stdout.strip()).parent


def test_it_is_private_and_goes_at_the_end() -> None:
    with temporary_folder() as folder:
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert not any(folder.iterdir())
        owner = Owner.from_labels(json.loads((folder.parent / "owner.json").read_text()))
        assert owner is not None
        assert owner.process.pid == os.getpid()
    assert not folder.parent.exists()


def test_it_goes_with_a_killed_process(tmp_path: Path) -> None:
    folder = run_until_killed(tmp_path)
    deadline = time.monotonic() + 30
    while folder.exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)


def test_a_program_that_works_in_it_ends_with_a_killed_process(tmp_path: Path) -> None:
    script = (
        "import os, signal, subprocess, sys\n"
        "from hardgate.system.temporary_folder import temporary_folder\n"
        "with temporary_folder() as folder:\n"
        "    env = {**os.environ, 'TMPDIR': str(folder)}\n"
        "    first = subprocess.Popen(['sleep', '600'], env=env, stdout=subprocess.DEVNULL)\n"
        "    other = subprocess.Popen(['sleep', '600'], stdout=subprocess.DEVNULL)\n"
        "    print(folder.parent, first.pid, other.pid, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    folder, inside, beside = ended.stdout.split()
    try:
        deadline = time.monotonic() + 30
        while Path(folder).exists() or is_running(int(inside)):
            assert time.monotonic() < deadline, "it is still there"
            time.sleep(0.05)
        assert is_running(int(beside))
    finally:
        os.kill(int(beside), signal.SIGKILL)


def is_running(pid: int) -> bool:
    """Tell whether a process is there that has not ended."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_where_its_remover_was_killed_as_well_it_is_reaped(tmp_path: Path) -> None:
    folder = run_until_killed(tmp_path, "alone")
    (marker,) = tmp_path.glob(f"{FOLDER_PREFIX}*/{OWNER_FILE}")
    assert marker.parent == folder
    owner = Owner.from_labels(json.loads(marker.read_text()))
    assert owner is not None
    assert owner.is_dead()


def test_a_signal_while_it_is_removed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    remove = shutil.rmtree

    def remove_slowly(folder: Path, *, ignore_errors: bool) -> None:
        signal.raise_signal(signal.SIGTERM)
        remove(folder, ignore_errors=ignore_errors)

    monkeypatch.setattr("shutil.rmtree", remove_slowly)
    with pytest.raises(Interrupted), raise_on_signals(), temporary_folder() as folder:
        (folder / "file").write_text("x")
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("end", ["exit 0", "kill -KILL $$", "sleep 60"])
def test_what_a_program_leaves_in_its_temporary_folder_goes_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen = run_in_temporary_folder(
        ["sh", "-c", f'echo "$TMPDIR"; mkdir "$TMPDIR/half-unpacked"; {end}'],
        env={**os.environ, "TMPDIR": "/nowhere"},
        timeout=1,
    )
    assert seen.stdout.startswith(str(tmp_path))
    assert not any(tmp_path.iterdir())
