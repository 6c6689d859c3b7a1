"""A process that leaves at once has done all that it was asked for."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import atexit, sys
from hardgate.system.quick_exit import leave_process
atexit.register(lambda: print("asked for"))
print("told", end="")
sys.stderr.write("told too")
leave_process(int(sys.argv[1]))
print("never")
"""


@pytest.mark.parametrize("code", [0, 3, 130])
def test_what_was_told_and_asked_for_is_done(code: int) -> None:
    words = [sys.executable, "-c", SCRIPT, str(code)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "toldasked for\n", "told too")


@pytest.mark.parametrize("closed", ["exec >&-", "exec 2>&-", "exec >&- 2>&-"])
def test_a_closed_output_changes_no_exit_code(closed: str) -> None:
    script = "from hardgate.system.quick_exit import leave_process\nleave_process(3)"
    words = ["sh", "-c", f'{closed}; exec "$0" -c "$1"', sys.executable, script]
    assert subprocess.run(words, check=False).returncode == 3


@pytest.mark.parametrize(("code", "expected"), [(0, 120), (1, 1)])
def test_where_nobody_reads_it_is_not_said_to_have_gone_well(code: int, expected: int) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", SCRIPT, str(code)]
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    ended = subprocess.run(
        words, stdout=writer, stderr=subprocess.DEVNULL, check=False, env=buffered
    )
    os.close(writer)
    assert ended.returncode == expected
