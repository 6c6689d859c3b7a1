"""What the processes of one test run share: things that are made once, and the machine."""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock


def shared_folder(own: Path) -> Path:
    """Give the folder that all processes of a run see, of the temporary one of this process."""
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def output_of(words: Sequence[str], *, told: str = "") -> str:
    """Run a command that has to go well, and give what it said."""
    ended = subprocess.run(words, input=told, check=True, stdout=subprocess.PIPE, text=True)
    return ended.stdout


@dataclass(frozen=True, kw_only=True)
class Once:
    """Makes a thing in the first process that asks for it, and tells the others what came of it."""

    folder: Path

    def __call__(self, name: str, make: Callable[[], str]) -> str:
        """Give what `make` gave; who comes meanwhile waits."""
        made = self.folder / f"{name}.once"
        with FileLock(self.folder / f"{name}.lock"):
            if not made.is_file():
                made.write_text(make())
        return made.read_text()
