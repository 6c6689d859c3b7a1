"""The outer engine's store is put away, whatever mounts of others come and go in it meanwhile."""

import os
import subprocess
from pathlib import Path

import pytest

from hardgate.resources import ROLES

SCRIPT = ROLES / "test_host" / "files" / "close-shelf"
FINDMNT = '#!/bin/sh\ncat "$TABLE"\n'
# As umount does: what is below goes along, and what is not mounted is an error.
UMOUNT = """#!/bin/sh
case $2 in */stays) echo "umount: $2: target is busy." >&2; exit 32 ;; esac
grep -qx "$2" "$TABLE" || { echo "umount: $2: no mount point specified." >&2; exit 32; }
grep -v "^$2" "$TABLE" >"$TABLE.new"
mv "$TABLE.new" "$TABLE"
"""


@pytest.mark.parametrize(
    ("mounts", "status", "left"),
    [
        (["/run/shelf/overlay2", "/run/shelf/image"], 0, []),
        (["/run/shelf/overlay2", "/run/shelf/overlay2/f/merged"], 0, []),
        (["/run/shelf/overlay2/f/merged", "/run/shelf/overlay2"], 0, []),
        (["/run/shelf/image", "/run/shelf/stays"], 1, ["/run/shelf/stays"]),
        ([], 0, []),
    ],
    ids=["folders", "one goes with another", "one below goes first", "one stays", "none"],
)
def test_nothing_is_shown_any_more(
    mounts: list[str], status: int, left: list[str], tmp_path: Path
) -> None:
    table = tmp_path / "table"
    table.write_text("".join(f"{place}\n" for place in ["/", "/run", *mounts]))
    for name, text in (("findmnt", FINDMNT), ("umount", UMOUNT)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    ended = subprocess.run(
        ["sh", str(SCRIPT)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "TABLE": str(table)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status
    assert table.read_text().split() == ["/", "/run", *left]
    assert ("target is busy" in ended.stderr) == bool(left)
