"""A private folder that says whose it is, so that it is found after a SIGKILL."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from hardgate.engine.reaper import FOLDER_PREFIX, OWNER_FILE
from hardgate.ownership import Owner
from hardgate.temporary_folder import temporary_folder

PROGRAM = (
    "import os, signal; from hardgate.temporary_folder import temporary_folder\n"
    "with temporary_folder() as folder:\n"
    "    (folder / 'secret').write_text('x'); print(folder, flush=True)\n"
    "    os.kill(os.getpid(), signal.SIGKILL)\n"
)


def test_it_is_private_and_goes_at_the_end() -> None:
    with temporary_folder() as folder:
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        assert not any(folder.iterdir())
        owner = Owner.from_labels(json.loads((folder.parent / "owner.json").read_text()))
        assert owner is not None
        assert owner.process.pid == os.getpid()
    assert not folder.parent.exists()


def test_a_killed_process_leaves_one_that_is_reaped(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    (marker,) = tmp_path.glob(f"{FOLDER_PREFIX}*/{OWNER_FILE}")
    assert Path(ended.stdout.strip()).parent == marker.parent
    owner = Owner.from_labels(json.loads(marker.read_text()))
    assert owner is not None
    assert owner.is_dead()
