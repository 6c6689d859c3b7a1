"""Flakiness and time of each capability over many runs."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.errors import UsageError
from hardgate.model.verdict import Diagnosis, Verdict
from hardgate.report.history import (
    collect_history,
    draw_times,
    find_summaries,
    format_history,
    render_history_html,
)
from hardgate.report.summary_json import encode_summary, summarize_run
from tests.unit import runs
from tests.unit.report.test_html import Page

HOME = "agent_home_writable"
HELD, MISSED = runs.passed(HOME), runs.failed(HOME, "no")
FLAKY = runs.failed(HOME, "no", diagnosis=Diagnosis(flaky=True))


def summaries(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    base = runs.green().verdicts
    return [
        summarize_run(
            runs.green(
                id=f"run{number:05}",
                started_at=f"2026-11-{number:02}T00:00:00+00:00",
                verdicts=tuple(verdict if one.name == HOME else one for one in base),
            )
        )
        for number, verdict in enumerate(verdicts, start=1)
    ]


def test_a_promise_that_changes_from_run_to_run_comes_first_and_is_counted() -> None:
    first = collect_history(summaries([HELD, MISSED, HELD, FLAKY, HELD]))[0]
    assert (first.name, first.marks) == (HOME, "✓✗✓✗✓")
    assert (first.flips, first.held, first.flaky_runs) == (4, 3, 1)


def test_a_promise_that_fails_now_comes_before_one_that_only_did() -> None:
    told = summaries([HELD, MISSED])
    assert collect_history(told)[0].name == HOME
    assert all(one.outcomes[-1] == "pass" for one in collect_history(told)[1:])


def test_a_run_without_a_verdict_of_it_is_told_apart_from_a_miss() -> None:
    told = summaries([HELD, HELD])
    told[0]["verdicts"] = [one for one in told[0]["verdicts"] if one["name"] != HOME]
    history = next(one for one in collect_history(told) if one.name == HOME)
    assert (history.marks, history.looked, history.flips) == ("·✓", 1, 0)


def test_runs_are_found_at_any_depth_each_once_and_in_order(tmp_path: Path) -> None:
    for number, summary in enumerate(reversed(summaries([HELD, MISSED, HELD]))):
        for copy in ("a", "b/c"):
            folder = tmp_path / copy / str(number)
            folder.mkdir(parents=True)
            (folder / "summary.json").write_text(encode_summary(summary))
    (tmp_path / "summary.json").write_text(json.dumps({"schema_version": 9}))
    assert [one["id"] for one in find_summaries(tmp_path)] == ["run00001", "run00002", "run00003"]


def test_a_folder_without_runs_is_a_wrong_command(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run's summary"):
        find_summaries(tmp_path)


def test_the_lines_have_a_mark_for_each_run() -> None:
    lines = list(format_history(summaries([HELD, MISSED])))
    [line] = [line for line in lines if HOME in line]
    assert "✓✗" in line
    assert "held 1 of 2, changed 1 times, median 0.16 s, last 0.25 s" in line


def test_the_page_is_well_formed_and_has_each_promise() -> None:
    page = Page(render_history_html(summaries([HELD, MISSED, HELD])))
    ids = list(page.attributes("id"))
    assert f"promise-{HOME}" in ids
    assert len(ids) == len(set(ids))
    assert "held 2 of 3" in page.text


def test_what_a_summary_holds_is_no_markup_on_the_page() -> None:
    told = summaries([HELD])
    told[0] = json.loads(json.dumps(told[0]).replace(HOME, "<script>x</script>"))
    assert "<script>x" not in render_history_html(told)


def test_a_line_through_the_times_starts_left_and_ends_right() -> None:
    assert draw_times([1.0]) == ""
    assert draw_times([0.0, 2.0, 1.0]) == "0.0,22.0 60.0,2.0 120.0,12.0"


def test_one_run_is_a_history_too() -> None:
    assert replace(collect_history(summaries([HELD]))[0]).flips == 0
