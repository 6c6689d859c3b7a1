"""Programs of Python's in a session: run in its own child, and as an interpreter would run them."""

from pathlib import Path

import pytest

from hardgate.engine.exec import MAX_EXEC_OUTPUT_BYTES
from hardgate.host.host_session import HostSession
from tests.unit.host.local_exec import LocalExec, run_in_session

PYTHON = ("python3", "-I", "-S", "-B")
UNREADABLE_STATUS = 2
"""The interpreter's own, where there is no such file."""


def write_program(folder: Path, text: str) -> str:
    path = folder / "program.py"
    path.write_text(text)
    return str(path)


def test_a_program_is_run_without_an_interpreter_of_its_own(
    session: HostSession, execs: list[LocalExec], tmp_path: Path
) -> None:
    text = (
        "import os, sys\nprint(*sys.argv[1:], os.getppid(), __name__)\nsys.stderr.write('beside')"
    )
    program = write_program(tmp_path, text)
    execution = run_in_session(session, *PYTHON, program, "a word", "'quoted'")
    assert execution.stdout == f"a word 'quoted' {execs[0].process.pid} __main__\n"
    assert (execution.exit_status, execution.stderr) == (0, "beside")


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("import sys\nsys.exit(7)\n", 7, ""),
        ("raise SystemExit('no')\n", 1, "no\n"),
        ("print('said before')\nraise SystemExit(4)\n", 4, "said before"),
        ("raise ValueError('broken')\n", 1, "ValueError: broken"),
        ("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n", 137, ""),
        ("print('(' * 3\n", 1, "SyntaxError"),
    ],
)
def test_a_program_ends_as_an_interpreter_would_end_it(
    session: HostSession, tmp_path: Path, text: str, status: int, told: str
) -> None:
    execution = run_in_session(session, *PYTHON, write_program(tmp_path, text))
    assert execution.exit_status == status
    assert told in execution.stdout + execution.stderr
    assert run_in_session(session, "echo", "next").stdout == "next\n"


def test_a_program_that_is_not_there_is_told_by_the_interpreter(
    session: HostSession, tmp_path: Path
) -> None:
    execution = run_in_session(session, *PYTHON, str(tmp_path / "none.py"))
    assert execution.exit_status == UNREADABLE_STATUS
    assert "No such file" in execution.stderr


def test_a_program_over_its_time_is_ended(session: HostSession, tmp_path: Path) -> None:
    slow = write_program(tmp_path, "import time\ntime.sleep(60)\n")
    assert run_in_session(session, *PYTHON, slow, seconds=0.3).timed_out
    assert run_in_session(session, "echo", "next").stdout == "next\n"


def test_a_loud_program_is_cut(session: HostSession, tmp_path: Path) -> None:
    text = f"import sys\nsys.stdout.write('x' * {2 * MAX_EXEC_OUTPUT_BYTES})\n"
    execution = run_in_session(session, *PYTHON, write_program(tmp_path, text))
    assert (execution.truncated, len(execution.stdout)) == (True, MAX_EXEC_OUTPUT_BYTES)
    assert run_in_session(session, "echo", "next").stdout == "next\n"
