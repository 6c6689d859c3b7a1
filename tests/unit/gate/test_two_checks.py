"""Two checks on one host: each event, trouble and signal belongs to the one that it is about."""

import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest

from hardgate.ansible.events import (
    PlayEnded,
    PlayEvent,
    Task,
    TaskFailed,
    TaskMark,
    TaskOk,
    TaskStarted,
)
from hardgate.ansible.task_result import ERROR_KEY
from hardgate.errors import ExitCode, HardgateError, HostError
from hardgate.gate import run as gate_run
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.gate.events import GateEventHandler, TwoChecksEventHandler
from hardgate.gate.request import GateRequest
from hardgate.gate.run import run_two_gates
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.started import StartedGate, conclude_gate, make_owner, start_gate
from hardgate.host.step_result import StepResult
from hardgate.model.observation import Execution, Observation
from hardgate.model.run import Image, Run
from hardgate.report.console import Console
from hardgate.system.interruption import Interrupted
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.unit import runs

ENDS_FIRST = TaskStarted(
    task=Task(title="Make room", action="include_role", marks=frozenset({TaskMark.SECOND}))
)
TASK = Task(title="A task", action="workspace")
STOPPED = PlayEnded(ok=3, changed=1, failed=("localhost",))


def make_request(session: str, **changes: Any) -> GateRequest:
    request = GateRequest(
        plan=replace(runs.PLAN, session=session, guards=()),
        build=None, reference="image", host="nested", egress=(), environment={}, volumes=(),
        config="", ready_seconds=60, probe_seconds=60, out=None, keep=False, base=None,
        refresh_base=False,
    )  # fmt: skip
    return replace(request, **changes)


def answered(result: StepResult) -> TaskOk:
    """Give the event of a task that answers this."""
    return TaskOk(host="localhost", task=TASK, result=json.loads(json.dumps(result.to_json())))


def saw(name: str, status: int) -> TaskOk:
    return answered(
        StepResult(observation=Observation(name=name, execution=Execution(exit_status=status)))
    )


CLEARED = answered(StepResult(cleared=True))


def failed(problem: str) -> TaskFailed:
    error = {"problem": problem, "remedy": "", "evidence": ""}
    return TaskFailed(host="localhost", task=TASK, result={ERROR_KEY: error})


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


class Play:
    """Hands events to both checks as a play does, and says what is known of each."""

    def __init__(self) -> None:
        request, console = make_request("runtime"), Console(StringIO())
        self.first = start_gate(request, console, make_owner(request))
        later = make_request("")
        self.read: list[str] = []
        self.refusals: list[str] = []
        self.second = SecondCheck(
            request=later,
            console=Console(StringIO()),
            owner=make_owner(later),
            first=self.first,
            conclude_first=lambda: conclude_gate(self.first),
            read_first=lambda: self.read.append("the first workspace"),
            on_refused=lambda error: self.refusals.append(error.problem),
        )
        owner = Owner(run="0", process=ProcessIdentity.of_current_process(), deadline=2**40)
        self.environment = Environment(cast("Any", None), "", owner)
        step = ExitStack()
        handler = GateEventHandler(request.plan, self.environment, console, self.first.state, step)
        self._handler = TwoChecksEventHandler(handler, self.environment, self.second, step)

    def hear(self, *events: PlayEvent) -> "Play":
        for event in events:
            self._handler.handle_play_event(event)
        return self

    @property
    def started(self) -> StartedGate:
        assert self.second.started is not None
        return self.second.started


def seen_by(gate: StartedGate) -> list[tuple[str, int | None]]:
    return [
        (one.name, one.execution.exit_status if one.execution else None)
        for one in gate.state.observations
    ]


def test_what_is_seen_after_the_host_was_given_back_is_the_seconds() -> None:
    name = runs.NAMES[0]
    play = Play().hear(saw(name, 1), ENDS_FIRST, CLEARED, saw(name, 0), PlayEnded(ok=9, changed=1))
    assert seen_by(play.first) == [(name, 1)]
    assert seen_by(play.started) == [(name, 0)]
    assert play.read == ["the first workspace"]
    assert play.environment.play_ended.is_set()


def test_trouble_before_the_second_is_the_firsts_alone() -> None:
    play = Play().hear(failed("The workspace could not be created."), STOPPED)
    assert play.first.state.error is not None
    assert play.second.started is None
    assert not play.second.released.is_set()


def test_trouble_between_the_two_is_nobodys_and_the_second_never_begins() -> None:
    play = Play().hear(ENDS_FIRST, failed("The first workspace left something."), STOPPED)
    assert play.first.state.error is None
    assert play.second.started is None
    assert play.refusals == ["The first workspace left something."]
    assert not play.environment.play_ended.is_set()


def test_trouble_of_the_second_is_not_the_firsts() -> None:
    play = Play().hear(ENDS_FIRST, CLEARED, failed("The engine is gone."), STOPPED)
    assert play.first.state.error is None
    assert "The engine is gone." in str(play.started.state.error)


def test_the_second_knows_host_and_image_and_not_what_the_first_workspace_did() -> None:
    play = Play()
    known = play.first.state
    known.image = Image(reference="image", digest="sha256:" + "1" * 64)
    known.host = runs.green().host
    known.notices.append("The base was hardgate's own")
    play.second.take_build()
    known.notices.append("The workspace did not end within 10 s")
    play.second.first_adaptation = "2 CPUs instead of 4"
    known.adaptations += ["2 CPUs instead of 4", "The image was copied"]
    play.hear(ENDS_FIRST, CLEARED)
    state = play.started.state
    assert (state.image, state.host) == (known.image, known.host)
    assert state.notices == ["The base was hardgate's own"]
    assert state.adaptations == ["The image was copied"]
    assert state.workspace is None


Scene = Callable[[SecondCheck], None]


def run_both(
    monkeypatch: pytest.MonkeyPatch, scene: Scene
) -> tuple[Run, Run | None, list[ExitCode]]:
    """Run two gates whose play is `scene`; give both, and what was heard of the first."""

    def verify(*_of: object, second: SecondCheck) -> None:
        scene(second)

    heard: list[ExitCode] = []
    monkeypatch.setattr(gate_run, "verify_image", verify)
    first, second = run_two_gates(
        (make_request("runtime"), make_request("")),
        (Console(StringIO()), Console(StringIO())),
        on_first_run=lambda run: heard.append(run.exit_code),
        on_second_begin=lambda: None,
        on_second_refused=lambda _error: None,
    )
    return first, second, heard


def end_first(second: SecondCheck) -> None:
    """Let the first see all of its plan hold, and end."""
    hold_all(second.first)
    second.release_first()


def hold_all(gate: StartedGate) -> None:
    for one in gate.request.plan.capabilities:
        held = Observation(name=one.name, execution=Execution(exit_status=0))
        gate.state.observations.append(held)


def break_off(error: BaseException) -> Scene:
    def scene(_second: SecondCheck) -> None:
        raise error

    return scene


def after_first(then: Scene) -> Scene:
    def scene(second: SecondCheck) -> None:
        end_first(second)
        then(second)

    return scene


def in_second(then: Scene) -> Scene:
    def scene(second: SecondCheck) -> None:
        end_first(second)
        second.begin()
        then(second)

    return scene


LOST = HostError("The engine could not be reached.")


def test_a_host_that_dies_in_the_first_leaves_it_unknown_and_no_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, heard = run_both(monkeypatch, break_off(LOST))
    assert first.exit_code is ExitCode.UNKNOWN
    assert second is None
    assert heard == [ExitCode.UNKNOWN]


def test_a_host_that_is_not_as_it_was_is_no_trouble_of_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, _ = run_both(monkeypatch, after_first(break_off(LOST)))
    assert (first.exit_code, second) == (ExitCode.HELD, None)


def test_a_host_that_dies_in_the_second_leaves_the_first_green_and_the_second_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, _ = run_both(monkeypatch, in_second(break_off(LOST)))
    assert first.exit_code is ExitCode.HELD
    assert second is not None
    assert second.exit_code is ExitCode.UNKNOWN
    assert second.problem == LOST.problem


def test_a_second_that_saw_nothing_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = run_both(monkeypatch, in_second(lambda _second: None))
    assert first.exit_code is ExitCode.HELD
    assert second is not None
    assert second.exit_code is ExitCode.UNKNOWN


def test_each_leaves_reports_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hold_second(second: SecondCheck) -> None:
        assert second.started is not None
        hold_all(second.started)

    first, second, _ = run_both(monkeypatch, in_second(hold_second))
    assert second is not None
    assert (first.exit_code, second.exit_code) == (ExitCode.HELD, ExitCode.HELD)
    for run in (first, second):
        folder = tmp_path / "reports" / run.plan.title / run.id
        assert json.loads((folder / "summary.json").read_text())["id"] == run.id
        assert (folder / "junit.xml").is_file()
    assert first.id != second.id


@pytest.mark.parametrize("where", [after_first, in_second])
def test_a_signal_after_the_first_leaves_its_report_as_it_was(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, where: Callable[[Scene], Scene]
) -> None:
    heard: list[Run | None] = []
    try:
        _, second, _ = run_both(monkeypatch, where(break_off(Interrupted(15))))
        heard.append(second)
    except Interrupted:
        heard.append(None)
    summary = tmp_path / "reports" / "runtime" / "latest" / "summary.json"
    assert json.loads(summary.read_text())["exit_code"] == ExitCode.HELD
    if where is in_second:
        assert heard[0] is not None
        assert heard[0].exit_code is ExitCode.TERMINATED
    else:
        assert heard == [None]


def test_a_signal_in_the_first_ends_it_and_there_is_no_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second, heard = run_both(monkeypatch, break_off(Interrupted(2)))
    assert first.exit_code is ExitCode.INTERRUPTED
    assert (second, heard) == (None, [ExitCode.INTERRUPTED])


def test_a_crash_is_unknown_where_it_happened(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, _ = run_both(monkeypatch, in_second(break_off(ZeroDivisionError())))
    assert first.exit_code is ExitCode.HELD
    assert second is not None
    assert second.exit_code is ExitCode.UNKNOWN


def test_the_time_of_the_second_begins_with_it() -> None:
    play = Play()
    assert play.second.find_deadline(7.0) == 7.0
    play.hear(ENDS_FIRST, CLEARED)
    assert (
        play.second.find_deadline(7.0) == play.started.state.began + play.second.request.run_seconds
    )


def test_an_error_that_the_first_reported_is_nearer_than_the_plays_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    near = HardgateError("The volume belongs to 1000.")

    def scene(second: SecondCheck) -> None:
        second.first.state.error = near
        raise LOST

    first, _, _ = run_both(monkeypatch, scene)
    assert first.problem == near.problem
