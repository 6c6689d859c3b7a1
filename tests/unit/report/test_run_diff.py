"""What changed from one run to the next is told, and what was lost is red."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hardgate.model.run import Run
from hardgate.model.verdict import Diagnosis, Outcome, Verdict
from hardgate.report.run_diff import (
    ChangeKind,
    classify_time,
    diff_runs,
    format_diff_headline,
    format_diff_markdown,
    format_diff_text,
)
from hardgate.report.summary_json import summarize_run
from tests.unit import runs

HOME = "agent_home_writable"


def with_verdict(verdict: Verdict, run: Run | None = None) -> dict[str, Any]:
    run = run or runs.green()
    verdicts = (verdict if one.name == verdict.name else one for one in run.verdicts)
    return summarize_run(replace(run, verdicts=tuple(verdicts)))


def without(name: str) -> dict[str, Any]:
    run = runs.green()
    return summarize_run(
        replace(run, verdicts=tuple(one for one in run.verdicts if one.name != name))
    )


GREEN = summarize_run(runs.green())
FAILED = with_verdict(runs.failed(HOME, "mkdir: no"))
UNKNOWN = with_verdict(runs.unknown(HOME, "no engine"))


def kinds(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(change.kind.value, change.name) for change in diff_runs(old, new).changes]


@pytest.mark.parametrize(
    ("old", "new", "expected", "red"),
    [
        (GREEN, GREEN, [], False),
        (GREEN, FAILED, [("newly failing", HOME)], True),
        (GREEN, UNKNOWN, [("newly unknown", HOME)], True),
        (UNKNOWN, FAILED, [("newly failing", HOME)], True),
        (FAILED, FAILED, [], False),
        (FAILED, UNKNOWN, [], False),
        (FAILED, GREEN, [("fixed", HOME)], False),
        (UNKNOWN, GREEN, [("fixed", HOME)], False),
        (GREEN, without(HOME), [("absent", HOME)], True),
        (FAILED, without(HOME), [("absent", HOME)], True),
        (without(HOME), GREEN, [("new", HOME)], False),
        (without(HOME), FAILED, [("newly failing", HOME), ("new", HOME)], True),
    ],
)
def test_each_step_from_outcome_to_outcome(
    old: Mapping[str, Any], new: Mapping[str, Any], expected: list[tuple[str, str]], red: bool
) -> None:
    assert kinds(old, new) == expected
    assert diff_runs(old, new).is_red is red


def test_a_guard_that_vanished_is_red_too() -> None:
    assert kinds(GREEN, without("workspace_kept_running")) == [("absent", "workspace_kept_running")]


def test_a_capability_that_was_left_out_is_told_as_such() -> None:
    diff = diff_runs(GREEN, summarize_run(runs.partial()))
    assert diff.is_red
    assert {one.detail for one in diff.changes if one.kind is ChangeKind.ABSENT} == {
        "left out, as asked; it was held"
    }


def test_a_flaky_miss_is_told_beside_the_miss() -> None:
    flaky = runs.failed(HOME, "no", diagnosis=Diagnosis(flaky=True))
    assert kinds(GREEN, with_verdict(flaky)) == [("newly failing", HOME), ("flaky", HOME)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (0.05, 0.9, None),
        (10.0, 12.0, None),
        (1.0, 2.1, ChangeKind.SLOWER),
        (60.0, 30.0, ChangeKind.FASTER),
        (2.0, 2.9, None),
    ],
)
def test_a_time_changed_only_beyond_noise(
    before: float, after: float, expected: ChangeKind | None
) -> None:
    assert classify_time(before, after) is expected


def test_a_slower_step_and_a_slower_probe_are_told() -> None:
    slow = with_verdict(runs.passed(HOME, seconds=3.0), runs.green(steps={"Build the image": 40.0}))
    assert kinds(GREEN, slow) == [("slower", "Build the image"), ("slower", HOME)]


def test_changes_of_contract_tier_image_and_host_stand_beside_them() -> None:
    contract = replace(runs.CONTRACT, sha256="f" * 64)
    tier = replace(runs.TIER, number=3, name="privileged")
    new = summarize_run(
        runs.green(
            plan=replace(runs.PLAN, contract=contract, tier=tier),
            image=replace(runs.IMAGE, digest="sha256:" + "0" * 64),
            host=replace(runs.HOST, engine="27.0.1"),
        )
    )
    assert kinds(GREEN, new) == [
        ("contract", "sha256"),
        ("tier", "number"),
        ("tier", "name"),
        ("image", "digest"),
        ("host", "engine"),
    ]
    assert not diff_runs(GREEN, new).is_red


def test_a_severity_that_was_lowered_is_a_change_of_the_contract() -> None:
    lowered = with_verdict(
        replace(runs.passed(HOME), severity=runs.capability("privileged_flag_observable").severity)
    )
    [change] = diff_runs(GREEN, lowered).changes
    assert (change.kind, change.detail) == (ChangeKind.CONTRACT, f"{HOME}: hard, now advisory")


def test_runs_without_image_or_host_are_compared_too() -> None:
    diff = diff_runs(GREEN, summarize_run(runs.build_failed()))
    assert diff.is_red
    assert sum(one.kind is ChangeKind.NEWLY_UNKNOWN for one in diff.changes) == len(
        GREEN["verdicts"]
    )


def test_the_last_line_counts_and_carries_the_exit_code() -> None:
    assert format_diff_headline(diff_runs(GREEN, GREEN)) == (
        "HARDGATE DIFF GREEN: nothing changed (exit 0)"
    )
    assert list(format_diff_text(diff_runs(GREEN, FAILED)))[-1] == (
        "HARDGATE DIFF RED: 1 newly failing (exit 1)"
    )


def test_markdown_escapes_what_an_image_wrote() -> None:
    hostile = with_verdict(runs.failed(HOME, "<b> | [x](http://example.org)"))
    text = "\n".join(format_diff_markdown(diff_runs(GREEN, hostile)))
    assert "<b>" not in text
    assert "http://" not in text
    assert text.count("\n|") == 3


def test_a_run_carries_its_baseline_into_every_report() -> None:
    baseline = diff_runs(GREEN, FAILED).to_json()
    summary = summarize_run(runs.red(baseline=baseline))
    assert summary["baseline"]["changes"] == [
        {"kind": "newly failing", "name": HOME, "detail": "mkdir: no"}
    ]
    assert Outcome.FAIL.value in {one["outcome"] for one in summary["verdicts"]}
