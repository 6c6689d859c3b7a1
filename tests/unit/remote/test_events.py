"""What a fleet's play tells of many hosts at once is kept apart, and a silence is an error."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.ansible.events import (
    HostUnreachable,
    PlayEvent,
    Task,
    TaskFailed,
    TaskOk,
)
from hardgate.ansible.inventory import Inventory
from hardgate.errors import HardgateError
from hardgate.remote.fleet.events import IMAGE_NUMBER_KEY, FleetEventHandler
from hardgate.remote.fleet.request import FleetRequest
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.remote.task_answers import GATE_RESULT_KEY
from hardgate.report.folder import make_folder_name
from tests.unit import fleets, runs

HOSTS = ("alpha", "beta")
APP = fleets.image("app:1", hosts=HOSTS)
OLD = fleets.image("old:1", fleets.older(), HOSTS)
REQUEST = FleetRequest(
    inventory=Inventory(path=Path("/")),
    contract=fleets.WANTED,
    images=(APP, OLD),
    hosts=HOSTS,
    host_kind="nested",
    user="root",
    gate_arguments=(),
    out=None,
)
RUN_IT = Task(title="Run it", action="command")


def ok(host: str, result: Mapping[str, Any]) -> PlayEvent:
    return TaskOk(host=host, task=RUN_IT, result=dict(result))


def begin(host: str, number: int) -> PlayEvent:
    return ok(host, {"msg": {IMAGE_NUMBER_KEY: number}})


def answer(host: str, summary: Any, code: Any = 0) -> PlayEvent:
    return ok(host, {GATE_RESULT_KEY: {"exit_code": code, "summary": summary}})


def garbled(host: str) -> PlayEvent:
    return ok(
        host, {GATE_RESULT_KEY: {"exit_code": 3, "summary": None, "said": ["pip broke", "exit 1"]}}
    )


def failed(host: str, message: str = "It broke") -> PlayEvent:
    result = {"msg": message, "stderr": "the very cause"}
    return TaskFailed(host=host, task=RUN_IT, result=result)


def unreachable(host: str) -> PlayEvent:
    return HostUnreachable(host=host, message="Failed to connect:\nConnection refused.")


def hear(*events: PlayEvent, otherwise: HardgateError | None = None) -> dict[str, ImageStatus]:
    """Hear events, and give the standings by `image host`."""
    hearing = FleetEventHandler(REQUEST, lambda _: None)
    for event in events:
        hearing.handle_event(event)
    standings = hearing.collect_statuses(otherwise)
    return {f"{one.image.reference} {one.host}": one for one in standings}


GREEN = fleets.told(runs.green(), APP)
OLD_GREEN = fleets.told(runs.green(), OLD)


def test_answers_belong_to_the_image_that_their_host_turned_to() -> None:
    standings = hear(
        begin("alpha", 0),
        begin("beta", 1),
        answer("beta", OLD_GREEN),
        answer("alpha", GREEN),
        begin("beta", 0),
        begin("alpha", 1),
        answer("alpha", OLD_GREEN),
        answer("beta", GREEN),
    )
    assert {name: one.state for name, one in standings.items()} == {
        "app:1 alpha": ImageState.GREEN,
        "app:1 beta": ImageState.GREEN,
        "old:1 alpha": ImageState.STALE,
        "old:1 beta": ImageState.STALE,
    }
    assert standings["app:1 alpha"].reports == f"alpha/{make_folder_name('app:1')}"


@pytest.mark.parametrize("events", [(), (begin("alpha", 0), begin("beta", 1))])
def test_a_silence_is_an_error_for_each_image_on_each_host(events: tuple[PlayEvent, ...]) -> None:
    standings = hear(*events)
    assert len(standings) == 4
    for one in standings.values():
        assert one.state is ImageState.UNKNOWN
        assert one.error is not None
        assert one.error.problem == "Nothing was heard of it."


def test_a_silence_has_the_plays_own_reason_where_that_is_known() -> None:
    why = HardgateError("The play did not parse.", "Mend it.")
    assert {one.error for one in hear(otherwise=why).values()} == {why}


def test_a_host_that_cannot_be_reached_is_an_error_of_its_own() -> None:
    standings = hear(begin("alpha", 0), answer("alpha", GREEN), unreachable("beta"))
    assert standings["app:1 alpha"].state is ImageState.GREEN
    for name in ("app:1 beta", "old:1 beta"):
        error = standings[name].error
        assert error is not None
        assert error.problem == (
            "Host 'beta' cannot be reached: Failed to connect: Connection refused."
        )
        assert "-m ping beta" in error.remedy


def test_a_host_that_is_lost_in_the_middle_keeps_what_it_answered() -> None:
    standings = hear(begin("alpha", 0), answer("alpha", GREEN), unreachable("alpha"))
    assert standings["app:1 alpha"].state is ImageState.GREEN
    assert standings["old:1 alpha"].state is ImageState.UNKNOWN


def test_a_task_that_fails_is_the_error_of_its_image_alone() -> None:
    standings = hear(begin("alpha", 0), failed("alpha"), begin("alpha", 1))
    error = standings["app:1 alpha"].error
    assert error is not None
    assert error.problem == "Task 'Run it' failed: It broke."
    assert "the very cause" in error.evidence
    other = standings["old:1 alpha"].error
    assert other is not None
    assert other.problem == "Nothing was heard of it."


def test_a_task_that_fails_before_any_image_is_the_error_of_its_host() -> None:
    standings = hear(failed("alpha", "No room"))
    for name in ("app:1 alpha", "old:1 alpha"):
        error = standings[name].error
        assert error is not None
        assert "No room" in error.problem


def test_what_fails_after_an_answer_is_said_and_changes_no_verdict() -> None:
    hearing = FleetEventHandler(REQUEST, lambda _: None)
    for event in (begin("alpha", 0), answer("alpha", GREEN), failed("alpha")):
        hearing.handle_event(event)
    assert hearing.collect_statuses()[0].state is ImageState.GREEN
    (remark,) = hearing.remarks
    assert remark.startswith("After the gate of 'app:1' on 'alpha' had answered: Task 'Run it'")


@pytest.mark.parametrize(
    ("summary", "code"),
    [(None, 0), ("", 127), ("{", 0), (GREEN, 1), (OLD_GREEN, 0), ({**GREEN, "exit_code": 1}, 1)],
)
def test_an_answer_that_cannot_be_trusted_is_an_error(summary: Any, code: int) -> None:
    one = hear(begin("alpha", 0), answer("alpha", summary, code))["app:1 alpha"]
    assert one.state is ImageState.UNKNOWN
    assert one.gate_summary is None
    assert one.summary_error is not None
    assert one.summary_error.remedy
    assert one.reports


def test_an_answer_without_a_summary_shows_what_was_said_last() -> None:
    error = hear(begin("alpha", 0), garbled("alpha"))["app:1 alpha"].error
    assert error is not None
    assert error.evidence == "pip broke\nexit 1"


def test_a_gates_answer_may_be_a_fact() -> None:
    fact = ok("alpha", {"ansible_facts": {GATE_RESULT_KEY: {"exit_code": 0, "summary": GREEN}}})
    assert hear(begin("alpha", 0), fact)["app:1 alpha"].state is ImageState.GREEN


def test_an_answer_from_nowhere_is_nobodys() -> None:
    standings = hear(answer("alpha", GREEN), answer("delta", GREEN), begin("delta", 0))
    assert {one.state for one in standings.values()} == {ImageState.UNKNOWN}


def test_each_standing_is_told_as_it_is_known() -> None:
    told: list[ImageStatus] = []
    hearing = FleetEventHandler(REQUEST, told.append)
    hearing.handle_event(begin("alpha", 0))
    assert told == []
    hearing.handle_event(answer("alpha", GREEN))
    assert [(one.host, one.state) for one in told] == [("alpha", ImageState.GREEN)]


def test_hosts_that_no_image_is_for_are_idle() -> None:
    assert REQUEST.unused_hosts == ()
    assert replace(REQUEST, images=(replace(APP, hosts=("beta",)),)).unused_hosts == ("alpha",)


@pytest.mark.parametrize("name", ["alpha", "node-1.example.org", "a_b"])
def test_a_plain_name_is_its_own_folder(name: str) -> None:
    assert make_folder_name(name) == name


def test_no_name_leaves_the_folder_and_no_two_share_one() -> None:
    names = ["../x", "..", "a/b", "a:b", "a-b", "/", "", ".", "a/b:1", "a:b/1", "x" * 300, "ü"]
    folders = [make_folder_name(name) for name in names]
    assert len(set(folders)) == len(names)
    for folder in folders:
        assert "/" not in folder
        assert folder.strip(".")
        assert len(folder) < 256
