"""What a play's events come to: the token is known, or it is said that it is not (L7)."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from io import StringIO
from typing import Any, cast

import pytest

from hardgate.ansible.events import Task, TaskOk
from hardgate.errors import HostError
from hardgate.gate import environment
from hardgate.gate.events import GateEventHandler, take_token
from hardgate.gate.state import RunState
from hardgate.host.observer import Observer
from hardgate.host.step_result import StepResult
from hardgate.host.workspace import UNREADABLE_NOTICE, Workspace
from hardgate.model.observation import Execution, LookKind, LookRecorder, Observation
from hardgate.report.console import Console
from tests.unit import runs


class Host:
    """Answers as a host's disk does."""

    root = ""

    def __init__(self, answer: Callable[[], str]) -> None:
        self._answer = answer

    def run_checked(self, *_command: str) -> str:
        return self._answer()


def workspace() -> Workspace:
    return cast("Workspace", type("W", (), {"volumes": {"/configs": "/volumes/configs"}}))


def gone() -> str:
    raise HostError("'sh' failed on the test host's side.", "Look.")


def take(answer: Callable[[], str], state: RunState) -> Console:
    console = Console(StringIO())
    take_token(cast("Observer", Host(answer)), workspace(), console, state)
    return console


def test_a_token_that_was_read_is_masked_from_then_on() -> None:
    state = RunState()
    console = take(lambda: "tok-1f2e3d4c5b6a", state)
    assert console.redactor.redact_text("a tok-1f2e3d4c5b6a b") == "a [redacted] b"
    assert state.notices == []


@pytest.mark.parametrize("failure", [gone, lambda: (_ for _ in ()).throw(OSError("broken pipe"))])
def test_a_token_that_cannot_be_read_is_told_once(failure: Callable[[], Any]) -> None:
    state = RunState()
    take(failure, state)
    take(failure, state)
    assert state.notices == [UNREADABLE_NOTICE]


def test_a_host_that_is_gone_at_the_end_takes_no_known_token_away() -> None:
    state = RunState()
    take(lambda: "tok-1f2e3d4c5b6a", state)
    take(gone, state)
    assert state.notices == []


def test_a_workspace_without_a_token_is_none_that_cannot_be_read() -> None:
    state = RunState()
    take(lambda: "", state)
    assert (state.notices, state.knows_token) == ([], True)


def test_the_times_of_looks_are_counted_from_the_runs_start() -> None:
    state, recorder = RunState(began=100.0), LookRecorder()
    with recorder.record_look(LookKind.RUN):
        pass
    taken = recorder.looks[0].began
    observation = Observation(
        name=runs.NAMES[0], execution=Execution(exit_status=0), looks=tuple(recorder.looks)
    )
    answer = json.loads(json.dumps(StepResult(observation=observation).to_json()))
    handler = GateEventHandler(
        runs.PLAN,
        cast("environment.TestEnvironment", None),
        Console(StringIO()),
        state,
        ExitStack(),
    )
    handler.handle_play_event(
        TaskOk(host="localhost", task=Task(title="", action=""), result=answer)
    )
    [kept] = state.observations
    assert [(look.kind, look.began) for look in kept.looks] == [(LookKind.RUN, taken - 100.0)]
