"""The gate again on each change: what changed is told, and nothing else."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from hardgate.cli.watch import FileStates, describe_changes, read_file_states, watch_context
from hardgate.errors import ExitCode
from hardgate.model.run import Run
from hardgate.system.interruption import Interrupted
from tests.unit import runs

HOME = "agent_home_writable"


def one_miss() -> Run:
    miss = runs.failed(HOME, "mkdir: no\n::error::x")
    verdicts = tuple(miss if one.name == HOME else one for one in runs.green().verdicts)
    return runs.green(verdicts=verdicts, exit_code=ExitCode.BROKEN)


def test_only_changed_verdicts_and_the_headline_are_told() -> None:
    lines = list(describe_changes(one_miss(), runs.green()))
    assert lines == [f"  fixed          {HOME}: it was missed", *list(describe_last(runs.green()))]
    assert list(describe_changes(runs.green(), runs.green())) == list(describe_last(runs.green()))


def describe_last(run: Run) -> list[str]:
    return [list(describe_changes(run, run))[-1]]


def script(*told: Run) -> Callable[[TextIO], Run]:
    rest = iter(told)

    def run_gate(stream: TextIO) -> Run:
        stream.write("the whole run\n")
        return next(rest)

    return run_gate


def test_the_first_run_is_shown_whole_and_the_others_as_changes(tmp_path: Path) -> None:
    stream = io.StringIO()
    interrupted = runs.interrupted()
    gate = script(runs.green(), one_miss(), runs.green(), interrupted)
    code = watch_context(tmp_path, gate, stream, wait=lambda *_: None)
    told = stream.getvalue()
    assert code is ExitCode.INTERRUPTED
    assert told.count("the whole run") == 1
    assert told.index("newly failing") < told.index("fixed")


@pytest.mark.parametrize("signal", [KeyboardInterrupt(), Interrupted(2), Interrupted(15)])
def test_an_interrupt_while_it_waits_gives_the_last_exit_code(
    signal: BaseException, tmp_path: Path
) -> None:
    def stop(_context: Path, _before: FileStates) -> None:
        raise signal

    assert watch_context(tmp_path, script(one_miss()), io.StringIO(), wait=stop) is ExitCode.BROKEN


@pytest.mark.parametrize("name", [".git/index", "reports/x", "node_modules/y"])
def test_what_no_image_is_built_of_is_no_change(name: str, tmp_path: Path) -> None:
    before = read_file_states(tmp_path)
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("x")
    assert read_file_states(tmp_path) == before


def test_a_new_a_changed_and_a_removed_file_are_changes(tmp_path: Path) -> None:
    states = [read_file_states(tmp_path)]
    for content in ("a", "ab"):
        (tmp_path / "Dockerfile").write_text(content)
        states.append(read_file_states(tmp_path))
    (tmp_path / "Dockerfile").unlink()
    assert states[0] != states[1] != states[2] != read_file_states(tmp_path) == states[0]
