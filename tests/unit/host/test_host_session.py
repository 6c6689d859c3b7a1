"""Commands on the host's side by one exec: as an exec of its own would run each.

The exec is a process of this machine here, with the very program that runs on the host.
"""

import subprocess
import threading
import time
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from hardgate.engine.exec import MAX_EXEC_OUTPUT_BYTES
from hardgate.host import host_session
from hardgate.host.host_session import HostSession
from hardgate.host.observer import Observer
from tests.unit.host.local_exec import LocalExec, run_in_session


def test_outputs_and_statuses_of_many_commands_come_by_one_exec(
    session: HostSession, execs: list[LocalExec]
) -> None:
    for status in (0, 7, 255):
        execution = run_in_session(session, "sh", "-c", f"echo out; echo err >&2; exit {status}")
        assert (execution.exit_status, execution.problem) == (status, "")
        assert (execution.stdout, execution.stderr) == ("out\n", "err\n")
    assert len(execs) == 1


def test_words_reach_a_command_unchanged(session: HostSession) -> None:
    words = ("", "a b", "ä\n\t'\"$x", "{}", "-n")
    assert run_in_session(session, "printf", "<%s>", *words).stdout == "".join(
        f"<{word}>" for word in words
    )


def test_a_command_that_is_not_there_has_the_status_of_one(session: HostSession) -> None:
    assert run_in_session(session, "/no/such/program").exit_status == 127
    assert run_in_session(session, "/").exit_status == 126
    assert run_in_session(session, "true").exit_status == 0


def test_a_command_that_a_signal_ended_has_the_shells_status(session: HostSession) -> None:
    assert run_in_session(session, "sh", "-c", "kill -KILL $$").exit_status == 137


def test_output_is_bounded_and_the_next_answer_is_whole(session: HostSession) -> None:
    execution = run_in_session(session, "head", "-c", "300000", "/dev/zero")
    assert len(execution.stdout) == MAX_EXEC_OUTPUT_BYTES
    assert execution.truncated
    assert run_in_session(session, "echo", "next").stdout == "next\n"


def test_bytes_that_are_no_text_are_replaced(session: HostSession) -> None:
    assert run_in_session(session, "printf", r"a\377b\n").stdout == "a\ufffdb\n"


def test_a_command_gets_no_input_of_the_session(session: HostSession) -> None:
    assert run_in_session(session, "cat").stdout == ""
    assert run_in_session(session, "echo", "next").stdout == "next\n"


def test_a_command_over_its_time_is_ended_with_what_it_started(session: HostSession) -> None:
    begun = time.monotonic()
    execution = run_in_session(session, "sh", "-c", "echo begun; sleep 87.25 & wait", seconds=0.5)
    assert time.monotonic() - begun < 10
    assert execution.timed_out
    assert execution.stdout == "begun\n"
    assert subprocess.run(["pgrep", "-fx", "sleep 87.25"], check=False).returncode == 1
    assert run_in_session(session, "echo", "next").stdout == "next\n"


def test_a_command_that_closed_its_output_is_waited_for(session: HostSession) -> None:
    execution = run_in_session(session, "sh", "-c", "exec >&- 2>&-; sleep 0.3; exit 5")
    assert execution.exit_status == 5


def test_a_session_that_ended_between_two_commands_is_opened_anew(
    session: HostSession, execs: list[LocalExec]
) -> None:
    run_in_session(session, "true")
    execs[0].process.kill()
    execs[0].process.wait()
    assert run_in_session(session, "echo", "again").stdout == "again\n"
    assert len(execs) == 2


def test_a_session_that_ends_in_a_command_is_trouble_and_no_exit_status(
    session: HostSession, execs: list[LocalExec]
) -> None:
    execution = run_in_session(session, "sh", "-c", "kill -KILL $PPID; sleep 1")
    assert execution.exit_status is None
    assert execution.problem == f"{host_session.BROKEN_OFF}: it ended."
    assert run_in_session(session, "true").exit_status == 0
    assert len(execs) == 2


@pytest.mark.parametrize(
    "answer",
    [
        b"no answer\n",
        b"[]\n",
        b'{"id": 99, "status": 0, "sizes": [0, 0], "truncated": false, "timed_out": false}\n',
        b'{"id": 1, "status": 0, "sizes": [-1, 0], "truncated": false, "timed_out": false}\n',
        b'{"id": 1, "status": 0, "sizes": [99999999, 0], "truncated": 0, "timed_out": 0}\n',
        b'{"id": 1, "status": null, "sizes": [0, 0], "truncated": false, "timed_out": false}\n',
        b"x" * 100_000,
    ],
    ids=range(7),
)
def test_whatever_else_is_answered_is_trouble(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "answer").write_bytes(answer)
    script = f"read -r line; cat {tmp_path}/answer; sleep 60"
    opened = LocalExec("sh", "-c", script)
    monkeypatch.setattr(host_session, "open_exec", lambda *_where, **_options: opened)
    execution = HostSession(cast(docker.APIClient, None), "host").run(("true",), 20.0)
    assert execution is not None
    assert execution.exit_status is None
    assert execution.problem.startswith(host_session.BROKEN_OFF)


def test_a_second_thread_is_told_that_the_session_is_busy(session: HostSession) -> None:
    running = threading.Thread(target=run_in_session, args=(session, "sleep", "1"))
    running.start()
    while not session._lock.locked():
        time.sleep(0.001)
    assert session.run(("true",), 5.0) is None
    running.join()
    assert run_in_session(session, "true").exit_status == 0


def test_an_engine_that_refuses_leaves_the_command_to_an_exec(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_where: Any, **_options: Any) -> None:
        raise OSError("there is no engine")

    monkeypatch.setattr(host_session, "open_exec", refuse)
    assert HostSession(cast(docker.APIClient, None), "host").run(("true",), 5.0) is None


def test_an_observer_with_a_session_runs_commands_by_it(
    session: HostSession, execs: list[LocalExec]
) -> None:
    observer = Observer(client=cast(docker.APIClient, None), container="host", session=session)
    assert observer.run_checked("echo", "here") == "here"
    assert observer.read_file("/proc/no/such/file") is None
    assert len(execs) == 1
