"""A host takes orders on its standard input: the real host-init, as a process of this machine."""

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from hardgate.engine.exec_stream import ExecStream
from hardgate.errors import HostError
from hardgate.host.lifeline import READY_PROGRAM, Lifeline, OrderResult
from hardgate.resources import ROLES
from tests.unit.host.local_exec import LocalExec

FILES = ROLES / "test_host" / "files"
HostMaker = Callable[..., LocalExec]


@pytest.fixture
def make_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HostMaker]:
    """Give what starts a host-init that has the given programs beside it."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    hosts: list[LocalExec] = []

    def start(**programs: str) -> LocalExec:
        shutil.copy(FILES / "host-init", tmp_path)
        # A lookout's farewell asks the engine what is left of its workspace.
        for name, script in {"docker": "", **programs}.items():
            program = tmp_path / (name if name.endswith(".py") else name.replace("_", "-"))
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
        host = LocalExec("setsid", "sh", f"{tmp_path}/host-init", "direct", "60", "60", "run")
        hosts.append(host)
        return host

    yield start
    for host in hosts:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(host.process.pid, signal.SIGKILL)
        host.close()


def hold(host: LocalExec, is_over: Callable[[], bool] = lambda: False) -> Lifeline:
    return Lifeline(cast("ExecStream", host), is_over)


def test_a_host_tells_when_it_is_ready_for_orders(make_host: HostMaker) -> None:
    assert hold(make_host()).await_result(READY_PROGRAM, 20).status == 0


@pytest.mark.parametrize(
    ("script", "status", "answer"),
    [
        ('echo "$#: $*"', 0, "2: sha256:1 base=10.0.0.0/8,size=28"),
        ("exit 3", 3, ""),
        ("echo half; exit 99", 99, "half"),
        ("echo on stderr >&2; echo on stdout", 0, "on stdout"),
        ("cat; echo read nothing", 0, "read nothing"),
    ],
)
def test_an_orders_status_and_answer_come_back(
    make_host: HostMaker, script: str, status: int, answer: str
) -> None:
    lifeline = hold(make_host(take_image=script))
    words = ("sha256:1", "base=10.0.0.0/8,size=28")
    result = lifeline.run_order("take-image", *words, seconds=20)
    assert result == OrderResult(program="take-image", status=status, answer=answer)


def test_an_order_for_a_program_that_is_not_there_fails(make_host: HostMaker) -> None:
    assert hold(make_host()).run_order("nothing", seconds=20).status == 127


def test_a_host_that_works_on_an_order_still_ends_with_its_input(make_host: HostMaker) -> None:
    """The gate may be killed at any time; nobody must have to wait for an engine's start."""
    host = make_host(host_engine="sleep 50")
    lifeline = hold(host)
    lifeline.await_result(READY_PROGRAM, 20)
    host.send_input(b"run host-engine\n")
    time.sleep(0.2)
    assert host.process.stdin is not None
    host.process.stdin.close()
    assert host.process.wait(timeout=20) == 0


def test_a_result_is_not_waited_for_when_the_run_is_over(make_host: HostMaker) -> None:
    host, over = make_host(host_engine="sleep 50"), [False]
    lifeline = hold(host, lambda: over[0])
    lifeline.await_result(READY_PROGRAM, 20)
    over[0] = True
    with pytest.raises(HostError, match="The run ended"):
        lifeline.run_order("host-engine", seconds=20)


def test_a_result_that_does_not_come_in_time_is_an_error(make_host: HostMaker) -> None:
    lifeline = hold(make_host(host_engine="sleep 50"))
    with pytest.raises(HostError, match="did not answer in time"):
        lifeline.run_order("host-engine", seconds=0.3)


def test_a_host_that_ends_is_an_error_at_once(make_host: HostMaker) -> None:
    lifeline = hold(make_host(host_engine='kill -KILL "$PPID"; kill -KILL -0'))
    with pytest.raises(HostError, match="The test host ended"):
        lifeline.run_order("host-engine", seconds=20)


@pytest.mark.parametrize(
    "line",
    ["", "hardgate", "hardgate host-engine", "hardgate host-engine no", "other host-engine 0 a"],
)
def test_a_line_of_something_else_is_no_result(line: str) -> None:
    assert OrderResult.from_line(line) is None


@pytest.mark.parametrize(
    ("show", "adopt", "close", "result"),
    [
        ("echo sha256:2", 0, 0, (0, "sha256:2")),
        ("echo sha256:2", 1, 0, (1, "")),
        ("echo sha256:2", 3, 0, (3, "")),
        ("exit 3", 0, 0, (3, "")),
        ("exit 1", 0, 0, (1, "")),
        ("echo sha256:2", 0, 1, (99, "sha256:2")),
        ("exit 3", 0, 1, (99, "")),
    ],
)
def test_what_an_image_is_taken_by_exits_as_the_taking_does(
    make_host: HostMaker,
    tmp_path: Path,
    show: str,
    adopt: int,
    close: int,
    result: tuple[int, str],
) -> None:
    """3 leads to a copy, and all else but 0 is trouble. There is no engine's store here."""
    programs = {
        "show_snapshots.py": f'[ "$3 $4 $5" = "sha256:1 a b" ] && {show}',
        "adopt_image.py": f'[ "$*" = "sha256:2 a b" ] && exit {adopt}',
        "close_shelf": f"exit {close}",
    }
    host = make_host(**programs)
    for name in ("take-image", "adopt-shown-image"):
        shutil.copy(FILES / name, tmp_path)
    taken = hold(host).run_order("take-image", "sha256:1", "a", "b", seconds=20)
    assert (taken.status, taken.answer) == result
