"""A private folder for the length of a `with`, which `hardgate reap` finds after a SIGKILL."""

import contextlib
import json
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from hardgate.ownership import Owner, ProcessIdentity

FOLDER_PREFIX = "hardgate-"
OWNER_FILE = "owner.json"
LONGEST_SECONDS = 24 * 3600


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Give an empty folder (0700) that lies in one which says whose it is; both go at the end."""
    with contextlib.ExitStack() as cleanup:
        marked = Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX))
        cleanup.callback(shutil.rmtree, marked, ignore_errors=True)
        owner = Owner(
            run=secrets.token_hex(4),
            process=ProcessIdentity.of_current_process(),
            deadline=int(time.time()) + LONGEST_SECONDS,
        )
        (marked / OWNER_FILE).write_text(json.dumps(owner.labels))
        folder = marked / "files"
        folder.mkdir(mode=0o700)
        yield folder
