"""A run's private folder, for runs that hold nothing else on this machine."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardgate.engine import watchdog
from hardgate.engine.reaper import make_private_folder
from hardgate.system.ownership import Owner


@contextmanager
def open_guarded_folder(owner: Owner) -> Iterator[Path]:
    """Give the folder (0700); it goes with the run, also where that is killed."""
    folder = make_private_folder(owner)
    process = watchdog.start_watchdog(folder, owner.run, "")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        process.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
        process.wait()
