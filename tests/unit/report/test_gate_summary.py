"""What a gate elsewhere said counts only if it is whole, agrees with itself, and was asked for."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from hardgate.errors import ExitCode
from hardgate.model.run import Run
from hardgate.model.verdict import VerdictKind
from hardgate.report.gate_summary import SummaryError, read_gate_summary
from tests.unit import fleets, runs

IMAGE = fleets.image("app:1")
ASKED = fleets.asked_of(IMAGE)
Told = dict[str, Any]


def told(run: Run) -> Told:
    return fleets.told(run, IMAGE)


@pytest.mark.parametrize(
    ("name", "code"),
    [("green", 0), ("red", 1), ("build failed", 3), ("partial", 3), ("interrupted", 130)],
)
def test_every_summary_of_a_gate_is_taken_at_its_word(name: str, code: int) -> None:
    said = read_gate_summary(told(runs.ALL[name]()), code, ASKED)
    assert said.exit_code == ExitCode(code)
    assert said.headline.endswith(f"(exit {code})")


def test_a_verdicts_reason_is_the_one_that_the_evidence_gave() -> None:
    said = read_gate_summary(told(runs.red()), 1, ASKED)
    miss = said.verdicts_by_name(VerdictKind.CAPABILITY)["agent_home_writable"]
    assert miss.reason.startswith("mkdir: cannot create directory")
    assert miss.remedy.startswith("Make /agent-home")


def test_notices_and_what_was_left_out_come_along() -> None:
    said = read_gate_summary(told(runs.partial(notices=("By the beacon.",))), 3, ASKED)
    assert said.notices == ("By the beacon.",)
    assert len(said.skipped_capabilities) == 8


Change = Callable[[Told], object]


def garbled(change: Change, run: Run | None = None) -> Told:
    summary = copy.deepcopy(told(run or runs.green()))
    change(summary)
    return summary


def put(*path: Any, value: Any) -> Change:
    def change(summary: Told) -> None:
        place: Any = summary
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def drop(key: str) -> Change:
    return lambda summary: summary.pop(key)


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (put("schema_version", value=2), "of schema version 2"),
        (drop("schema_version"), "of schema version None"),
        (put("schema_version", value="1"), "of schema version '1'"),
        *((drop(key), f"'{key}' is None") for key in ("exit_code", "headline", "verdicts")),
        *((drop(key), f"'{key}' is None") for key in ("contract", "problem", "tier", "id")),
        (put("exit_code", value=True), "'exit_code' is True"),
        (put("exit_code", value="0"), "'exit_code' is '0'"),
        (put("exit_code", value=7), "'exit_code' is 7"),
        (put("exit_code", value=3), "says exit 3, and its process exited 0"),
        (put("outcome", value="red"), "says 'red' and exit 0"),
        (put("notices", value=[1]), "'notices' holds what is not text"),
        (put("verdicts", value={}), "'verdicts' is {}"),
        (put("verdicts", 0, value="held"), "not a mapping"),
        (put("verdicts", 0, "outcome", value="green"), "'outcome' is 'green'"),
        (put("verdicts", 0, "outcome", value=[]), "'outcome' is []"),
        (put("verdicts", 0, "severity", value="soft"), "'severity' is 'soft'"),
        (put("verdicts", 0, "kind", value=None), "'kind' is None"),
        (put("verdicts", -2, "severity", value="advisory"), "is advisory in its summary"),
        (put("verdicts", 0, "severity", value="advisory"), "is advisory in its summary"),
        (put("verdicts", -2, "outcome", value="fail"), "verdicts come to 1"),
        (put("verdicts", -2, "outcome", value="error"), "verdicts come to 3"),
        (put("verdicts", 0, "outcome", value="error"), "verdicts come to 3"),
        (lambda told: told["verdicts"].pop(), "0 verdicts of the capability"),
        (lambda told: told["verdicts"].pop(0), "0 verdicts of the guard"),
        (lambda told: told["verdicts"].append(told["verdicts"][-1]), "2 verdicts of"),
        (put("verdicts", value=[]), "0 verdicts of"),
        (put("verdicts", -1, "name", value="another"), "0 verdicts of"),
        (put("contract", "sha256", value="0" * 64), "by another contract: its sha256"),
        (put("contract", "count", value=3), "by another contract: its count is 3, not 10"),
        (put("contract", "version", value=0), "by another contract: its version"),
        (put("tier", "number", value=2), "not verified under tier 4"),
        (put("image", "reference", value="other:1"), "about the image 'other:1'"),
        (put("image", "digest", value=""), "neither image nor host"),
        (put("image", value=None), "neither image nor host"),
        (put("host", value=None), "neither image nor host"),
        (put("host", "kind", value="direct"), "Its test host is 'direct', not nested"),
        (put("host", value=[]), "'host' is []"),
        (put("problem", value="It broke."), "has a problem"),
        (put("partial", value=True), "a part was not looked at"),
        (put("partial", value=None), "a part was not looked at"),
        (drop("partial"), "a part was not looked at"),
    ],
)
def test_a_green_that_cannot_be_so_is_an_error(change: Change, wanted: str) -> None:
    with pytest.raises(SummaryError) as raised:
        read_gate_summary(garbled(change), 0, ASKED)
    assert wanted in raised.value.problem
    assert raised.value.remedy


@pytest.mark.parametrize("summary", [None, {}, "", [], 0])
def test_no_summary_is_an_error_whatever_the_process_says(summary: Any) -> None:
    with pytest.raises(SummaryError, match="It left no summary, and exited 0"):
        read_gate_summary(summary, 0, ASKED)


@pytest.mark.parametrize("summary", ["green", [1], 7])
def test_what_is_no_mapping_is_an_error(summary: Any) -> None:
    with pytest.raises(SummaryError, match="not a mapping"):
        read_gate_summary(summary, 0, ASKED)


@pytest.mark.parametrize("status", [1, 3, None, "0", False, 255])
def test_a_summary_that_the_process_does_not_agree_with_is_an_error(status: Any) -> None:
    with pytest.raises(SummaryError, match="and its process exited"):
        read_gate_summary(told(runs.green()), status, ASKED)


def test_a_red_without_a_miss_is_an_error() -> None:
    summary = garbled(put("exit_code", value=1)) | {"outcome": "red"}
    with pytest.raises(SummaryError, match="its verdicts come to 0"):
        read_gate_summary(summary, 1, ASKED)


def test_an_advisory_miss_lets_a_green_be() -> None:
    said = read_gate_summary(garbled(put("verdicts", -1, "outcome", value="fail")), 0, ASKED)
    assert said.exit_code is ExitCode.HELD


def test_another_plan_is_asked_for_other_verdicts() -> None:
    asked = replace(ASKED, plan=fleets.image("app:1", fleets.older()).plan)
    with pytest.raises(SummaryError, match="another contract"):
        read_gate_summary(told(runs.green()), 0, asked)
