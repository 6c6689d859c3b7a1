"""What the processes of one test run share: things that are made once, and the machine."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).parents[2]


def shared_folder(own: Path) -> Path:
    """Give the folder that all processes of a run see, of the temporary one of this process."""
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


def output_of(words: Sequence[str], *, told: str = "") -> str:
    """Run a command that has to go well, and give what it said."""
    ended = subprocess.run(words, input=told, check=True, stdout=subprocess.PIPE, text=True)
    return ended.stdout


def run_in(
    folder: Path, *words: str, seconds: float, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder, this interpreter's programs first in PATH, and print what it said.

    Its errors are part of that. `variables` are set beside this process's own. Python keeps what it
    compiles, as it does where nobody says otherwise: new environments are compiled by their use.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=seconds,
    )
    print(ended.stdout)
    return ended


def copy_checkout(folder: Path) -> None:
    """Copy this checkout's files as they are now, without what git ignores."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    for name in (Path(os.fsdecode(name)) for name in listed.split(b"\0") if name):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


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
