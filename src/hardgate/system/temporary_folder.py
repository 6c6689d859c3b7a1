"""A private folder for the length of a `with`, which goes with its process, however that ends.

A shell of a session of its own holds a pipe's end whose other one only this process has: where the
process was killed, the shell removes the folder. Where the shell is gone as well, 'hardgate reap'
and the next gate find the folder by what it says of its owner.

Programs of others leave files of their own when a signal ends them (pip its unpacked wheels): they
get such a folder as their TMPDIR.
"""

import contextlib
import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from hardgate.system.interruption import defer_signals
from hardgate.system.ownership import Owner, ProcessIdentity
from hardgate.system.process import (
    CommandResult,
    dismiss_remover,
    run_command,
    start_remover,
)

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


def run_in_temporary_folder(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    timeout: float,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    output_file: Path | None = None,
) -> CommandResult:
    """Run a program as `run_command` does, with a TMPDIR that goes when the program ends."""
    with temporary_folder() as folder:
        return run_command(
            argv,
            env={**env, "TMPDIR": str(folder)},
            timeout=timeout,
            cwd=cwd,
            on_line=on_line,
            output_file=output_file,
        )


def _remove_folder(folder: Path, remover: "subprocess.Popen[bytes]") -> None:
    with defer_signals():
        shutil.rmtree(folder, ignore_errors=True)
        dismiss_remover(remover)
