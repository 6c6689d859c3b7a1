"""What the probes are to reach: made when the host is up, for the checks that asked for it."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import docker
import pytest

from hardgate.ansible.events import Task, TaskMark, TaskStarted, read_task_marks
from hardgate.errors import HostError
from hardgate.gate import targets
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.gate.events import GateEventHandler
from hardgate.gate.host_side import HostSide
from hardgate.gate.request import GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.gate.targets import publish_targets
from hardgate.host.egress_beacon import make_authority
from hardgate.host.published_steps import (
    ENGINE,
    HELD,
    SECOND_TARGETS,
    TARGETS,
    await_answer,
    has_answer,
    publish_answer,
)
from hardgate.report.console import Console
from hardgate.resources import ROLES
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.unit import runs
from tests.unit.gate.test_host_side import REQUEST

URL = "https://192.0.2.1/stats"
WITH_BEACON = replace(REQUEST, plan=replace(runs.PLAN, beacon=True))


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    owner = Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=2**31)
    made = Environment(cast("docker.APIClient", None), "unix:///none.sock", owner)
    made.folder = tmp_path
    return made


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """List when a beacon was started."""
    times: list[float] = []

    def start_beacon(*_where: object) -> str:
        times.append(time.monotonic())
        return URL

    monkeypatch.setattr(targets, "start_beacon", start_beacon)
    return times


@pytest.fixture
def workers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as pool:
        yield pool


def make_side(host: str = "nested") -> HostSide:
    request = replace(WITH_BEACON, host=host)
    return HostSide(request=request, host_image="host-image", authority=make_authority())


def read_targets(environment: Environment, step: str = TARGETS) -> str:
    found = await_answer(environment.folder, step, 20).probe_environment or {}
    return found["MOLECULE_T4_EGRESS_TARGETS"]


@pytest.mark.parametrize(("host", "step"), [("nested", ENGINE), ("direct", HELD)])
def test_a_beacon_is_started_when_the_host_is_up(
    environment: Environment,
    started: list[float],
    workers: ThreadPoolExecutor,
    host: str,
    step: str,
) -> None:
    publishing = workers.submit(publish_targets, make_side(host), environment, None)
    time.sleep(0.1)
    assert (started, has_answer(environment.folder, TARGETS)) == ([], False)
    publish_answer(environment.folder, step, {})
    assert read_targets(environment) == URL
    environment.over.set()
    environment.probes_over.set()
    publishing.result()
    assert len(started) == 1


def test_without_a_beacon_nothing_is_waited_for(
    environment: Environment, started: list[float]
) -> None:
    request = replace(REQUEST, egress=("https://example.org",))
    side = HostSide(request=request, host_image="host-image", authority=None)
    publish_targets(side, environment, None)
    assert read_targets(environment) == "https://example.org"
    assert started == []


def test_of_two_checks_each_has_its_own_targets(
    environment: Environment, started: list[float]
) -> None:
    asking = replace(REQUEST, egress=("https://example.org",))
    second = cast("SecondCheck", SimpleNamespace(request=asking))
    publish_answer(environment.folder, ENGINE, {})
    publish_targets(make_side(), environment, second)
    assert read_targets(environment) == URL
    assert read_targets(environment, SECOND_TARGETS) == "https://example.org"
    assert len(started) == 1


def test_a_beacon_that_cannot_be_started_is_told_to_whoever_waits(
    environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_where: object) -> str:
        raise HostError("The run's own beacon has no address.", "Is there a bridge network?")

    monkeypatch.setattr(targets, "start_beacon", refuse)
    publish_answer(environment.folder, ENGINE, {})
    publish_targets(make_side(), environment, None)
    with pytest.raises(HostError, match="beacon has no address") as caught:
        read_targets(environment)
    assert caught.value.remedy == "Is there a bridge network?"


@pytest.mark.parametrize("end", ["of the run", "of the play"])
def test_where_the_run_ends_before_no_beacon_is_started(
    environment: Environment, started: list[float], end: str
) -> None:
    environment.play = Future()
    if end == "of the play":
        environment.play.set_exception(HostError("Ansible did not load."))
    else:
        environment.over.set()
    publish_targets(make_side(), environment, None)
    assert (started, has_answer(environment.folder, TARGETS)) == ([], False)


@pytest.fixture
def removed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List whose beacon was removed before the run's end."""
    runs_of: list[str] = []
    monkeypatch.setattr(targets, "remove_beacon", lambda _client, owner: runs_of.append(owner.run))
    return runs_of


@pytest.mark.usefixtures("started")
def test_a_beacon_goes_when_the_probes_have_run(
    environment: Environment, workers: ThreadPoolExecutor, removed: list[str]
) -> None:
    publish_answer(environment.folder, ENGINE, {})
    publishing = workers.submit(publish_targets, make_side(), environment, None)
    assert read_targets(environment) == URL
    time.sleep(0.1)
    assert removed == []
    environment.probes_over.set()
    publishing.result()
    assert removed == [environment.owner.run]


@pytest.mark.usefixtures("started")
def test_the_runs_end_leaves_the_beacon_to_whoever_removes_the_rest(
    environment: Environment, removed: list[str]
) -> None:
    publish_answer(environment.folder, ENGINE, {})
    environment.probes_over.set()
    environment.over.set()
    publish_targets(make_side(), environment, None)
    assert removed == []


@pytest.mark.parametrize(
    ("request_of_it", "done"),
    [
        (WITH_BEACON, True),
        (replace(WITH_BEACON, keep=True), False),
        (replace(WITH_BEACON, hold_workspace=True), False),
    ],
    ids=["a gate", "one that is kept", "one that is held"],
)
def test_a_workspace_that_stays_keeps_its_beacon(
    environment: Environment,
    started: list[float],
    removed: list[str],
    request_of_it: GateRequest,
    done: bool,
) -> None:
    publish_answer(environment.folder, ENGINE, {})
    environment.probes_over.set()
    side = HostSide(request=request_of_it, host_image="host-image", authority=make_authority())
    publish_targets(side, environment, None)
    assert (len(started), bool(removed)) == (1, done)


def test_the_play_says_when_the_probes_have_run(environment: Environment) -> None:
    file = ROLES / "contract_probe" / "tasks" / "main.yml"
    marks = read_task_marks(str(file))
    [line] = [number for number, found in marks.items() if TaskMark.PROBED in found]
    before, _, after = file.read_text().partition("- name: Run each probe in the workspace")
    assert line == f"{before}{after.partition('- name: ')[0]}".count("\n") + 1
    handler = GateEventHandler(runs.PLAN, environment, Console(StringIO()), RunState(), ExitStack())
    task = Task(title="Run each probe in the workspace", action="contract_probe")
    handler.handle_play_event(TaskStarted(task=task))
    assert not environment.probes_over.is_set()
    handler.handle_play_event(TaskStarted(task=replace(task, marks=marks[line])))
    assert environment.probes_over.is_set()
