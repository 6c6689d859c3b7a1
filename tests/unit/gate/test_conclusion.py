"""A gate whose report cannot be written is green nowhere (M11)."""

import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from hardgate.errors import ExitCode
from hardgate.gate.conclusion import begin_run, open_event_stream, write_reports
from hardgate.gate.state import RunState
from hardgate.report.console import Console
from hardgate.report.folder import open_report_folder
from tests.unit import runs


@pytest.mark.parametrize("name", ["junit.xml", "summary.json", "report.html"])
def test_a_report_that_cannot_be_written_makes_green_unknown_everywhere(
    tmp_path: Path, name: str
) -> None:
    folder = open_report_folder(tmp_path, "1")
    (tmp_path / name).mkdir()
    spoken = StringIO()
    run = write_reports(runs.green(), folder, Console(spoken), ())
    assert run.exit_code is ExitCode.UNKNOWN
    assert "could not be written" in run.problem
    for other in {"junit.xml", "summary.json"} - {name}:
        assert "HARDGATE GREEN" not in (tmp_path / other).read_text()
    if name != "summary.json":
        assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 3


def test_a_red_run_stays_red_without_a_report(tmp_path: Path) -> None:
    folder = open_report_folder(tmp_path, "1")
    (tmp_path / "junit.xml").mkdir()
    assert write_reports(runs.red(), folder, Console(StringIO()), ()).exit_code is ExitCode.BROKEN


def test_steps_and_verdicts_are_in_the_events_file_before_the_run_has_ended(tmp_path: Path) -> None:
    run, state, console = runs.red(), RunState(), Console(StringIO(), verbosity=-1)
    folder = open_report_folder(tmp_path, run.id)
    began = begin_run(run.plan, run.id, run.started_at)
    stream = open_event_stream(began, folder, console, state, time.monotonic())
    with console.step("Build the image"):
        pass
    state.on_verdict(run.verdicts[0])

    def read_events() -> list[dict[str, Any]]:
        lines = (tmp_path / "events.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]

    assert [one["event"] for one in read_events()] == ["started", "step", "verdict"]
    write_reports(run, folder, console, ("jsonl",), stream)
    events = read_events()
    assert [one["event"] for one in events[:3]] == ["started", "step", "verdict"]
    assert events[-1]["headline"] == json.loads((tmp_path / "summary.json").read_text())["headline"]
    assert not (tmp_path / "junit.xml").exists()


def test_an_events_file_that_cannot_be_finished_makes_green_unknown(tmp_path: Path) -> None:
    run, state, console = runs.green(), RunState(), Console(StringIO())
    folder = open_report_folder(tmp_path, run.id)
    began = begin_run(run.plan, run.id, run.started_at)
    stream = open_event_stream(began, folder, console, state, time.monotonic())
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").mkdir()
    state.on_verdict(run.verdicts[0])
    assert write_reports(run, folder, console, ("jsonl",), stream).exit_code is ExitCode.UNKNOWN
    assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 3
