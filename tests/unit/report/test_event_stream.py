"""`events.jsonl` while its run goes on: whole lines at any moment, and no secret in any."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.errors import HardgateError
from hardgate.model.run import Run, StepSpan
from hardgate.redaction import MASK, Redactor
from hardgate.report.event_stream import EVENTS_FILE, EventStream
from hardgate.report.jsonl import list_run_events
from hardgate.report.summary_json import summarize_run
from tests.unit import runs

BEGUN = replace(runs.red(), verdicts=(), timeline=(), seconds=0.0)
SPAN = StepSpan(name="Build the image", began=0.5, seconds=1.25, held=True)


def read_events(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / EVENTS_FILE).read_text().splitlines()]


def open_stream(folder: Path, *redactors: Redactor) -> EventStream:
    known = [Redactor(), *redactors]
    return EventStream(folder, BEGUN, lambda: known[-1])


def test_each_event_is_in_the_file_when_it_has_fallen(tmp_path: Path) -> None:
    stream = open_stream(tmp_path)
    assert [event["event"] for event in read_events(tmp_path)] == ["started"]
    stream.write_step(SPAN)
    assert read_events(tmp_path)[-1] == {
        "event": "step", "name": "Build the image", "began": 0.5, "seconds": 1.25, "held": True
    }  # fmt: skip
    verdict = runs.red().verdicts[0]
    stream.write_verdict(verdict)
    assert read_events(tmp_path)[-1]["name"] == verdict.name


def last_word(events: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {event["name"]: event for event in events if event["event"] == "verdict"}


@pytest.mark.parametrize("name", runs.ALL)
def test_a_finished_file_ends_in_the_same_words_as_the_report(tmp_path: Path, name: str) -> None:
    run: Run = runs.ALL[name]()
    stream = EventStream(tmp_path, replace(run, verdicts=()), Redactor)
    for verdict in run.verdicts[: len(run.verdicts) // 2]:
        stream.write_verdict(replace(verdict, diagnosis=None))
    stream.finish(run)
    events, expected = read_events(tmp_path), list_run_events(summarize_run(run))
    plain = json.loads(json.dumps(Redactor().redact_value(list(expected)), default=str))
    assert events[0] == plain[0]
    assert events[-1] == plain[-1]
    assert last_word(events) == last_word(plain)


def test_what_did_not_change_is_not_told_twice(tmp_path: Path) -> None:
    run = runs.green()
    stream = EventStream(tmp_path, replace(run, verdicts=()), Redactor)
    for verdict in run.verdicts:
        stream.write_verdict(verdict)
    stream.finish(run)
    told = [event["name"] for event in read_events(tmp_path) if event["event"] == "verdict"]
    assert told == [verdict.name for verdict in run.verdicts]


def test_a_secret_that_is_known_late_is_taken_out_at_the_end(tmp_path: Path) -> None:
    known = [Redactor()]
    run = runs.red(verdicts=(runs.failed("agent_uid_1000", "why", stdout=f"a {runs.TOKEN} b"),))
    stream = EventStream(tmp_path, replace(run, verdicts=()), lambda: known[-1])
    stream.write_verdict(run.verdicts[0])
    assert runs.TOKEN in read_events(tmp_path)[-1]["stdout"]
    known.append(Redactor().with_values([runs.TOKEN]))
    stream.finish(run)
    events = read_events(tmp_path)
    assert runs.TOKEN not in json.dumps(events, ensure_ascii=False)
    assert last_word(events)["agent_uid_1000"]["stdout"] == f"a {MASK} b"
    assert events[-1]["event"] == "finished"


def test_a_file_that_cannot_be_written_stops_no_run_and_is_told_at_the_end(tmp_path: Path) -> None:
    stream = open_stream(tmp_path)
    (tmp_path / EVENTS_FILE).unlink()
    (tmp_path / EVENTS_FILE).mkdir()
    stream.write_step(SPAN)
    with pytest.raises(HardgateError, match="could not be written"):
        stream.finish(runs.red())
    (tmp_path / EVENTS_FILE).rmdir()
    stream.finish(runs.red())
    assert read_events(tmp_path)[-1]["event"] == "finished"


KILLED = """
import sys
from dataclasses import replace
from pathlib import Path
from hardgate.model.run import StepSpan
from hardgate.redaction import Redactor
from hardgate.report.event_stream import EventStream
from tests.unit import runs
run = runs.red()
stream = EventStream(Path(sys.argv[1]), replace(run, verdicts=()), Redactor)
print("begun", flush=True)
for number in range(1_000_000):
    stream.write_step(StepSpan(name="x" * 5000, began=number, seconds=1, held=True))
"""


def test_a_run_that_is_killed_leaves_whole_lines(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        while (tmp_path / EVENTS_FILE).stat().st_size < 200_000:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    *whole, _cut = (tmp_path / EVENTS_FILE).read_text().split("\n")
    assert {json.loads(line)["event"] for line in whole} == {"started", "step"}
