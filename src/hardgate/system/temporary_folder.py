"""A private folder for the length of a `with`, which goes with its process, however that ends.

A shell of a session of its own holds a pipe's end whose other one only this process has: where the
process was killed, the shell removes the folder. Where the shell is gone as well, 'hardgate reap'
and the next gate find the folder by what it says of its owner.
"""

import contextlib
import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hardgate.system.interruption import defer_signals
from hardgate.system.ownership import Owner, ProcessIdentity
from hardgate.system.process import dismiss_remover, start_remover

FOLDER_PREFIX = "hardgate-"
OWNER_FILE = "owner.json"
LONGEST_SECONDS = 24 * 3600


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give an empty folder (0700) that lies in one which says whose it is; both go at the end."""
    with contextlib.ExitStack() as cleanup:
        with defer_signals():  # one between two of these lines would leave the folder
            marked = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
            cleanup.callback(_remove_folder, marked, start_remover(marked))
        owner = Owner(
            run=secrets.token_hex(4),
            process=ProcessIdentity.of_current_process(),
            deadline=int(time.time()) + LONGEST_SECONDS,
        )
        (marked / OWNER_FILE).write_text(json.dumps(owner.labels))
        folder = marked / "files"
        folder.mkdir(mode=0o700)
        yield folder


def _remove_folder(folder: Path, remover: "subprocess.Popen[bytes]") -> None:
    with defer_signals():
        shutil.rmtree(folder, ignore_errors=True)
        dismiss_remover(remover)
