"""How each capability and guard did over many runs: outcomes, flakiness and time."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from hardgate.errors import UsageError
from hardgate.report.html import render_page, strip_json_control_codes
from hardgate.report.marks import Mark, mark_outcome_word
from hardgate.report.read_summary import SUMMARY_FILE, read_summary
from hardgate.text.plain import format_duration

LEGEND = ", ".join(mark.label for mark in (Mark.HELD, Mark.MISSED, Mark.UNKNOWN, Mark.ABSENT))
SHOWN_RUNS = 30
CHART_WIDTH, CHART_HEIGHT = 120, 24
Summary = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class PromiseHistory:
    """One capability or guard over all runs, the oldest first."""

    name: str
    kind: str
    outcomes: tuple[str, ...]
    """An outcome for each run; empty where the run has no verdict of it."""
    seconds: tuple[float | None, ...]
    flaky_runs: int
    """Runs in which a second run of its failed probe passed."""

    @property
    def flips(self) -> int:
        """How often it changed between held and not."""
        seen = [outcome == "pass" for outcome in self.outcomes if outcome]
        return sum(one != other for one, other in pairwise(seen))

    @property
    def held(self) -> int:
        """In how many runs it held."""
        return self.outcomes.count("pass")

    @property
    def looked(self) -> int:
        """In how many runs it has a verdict."""
        return sum(bool(outcome) for outcome in self.outcomes)

    @property
    def times(self) -> tuple[float, ...]:
        """Its times, where it has some."""
        return tuple(time for time in self.seconds if time is not None)

    @property
    def marks(self) -> str:
        """A mark for each of the latest runs."""
        return "".join(mark.glyph for mark in _list_marks(self))


def _list_marks(history: PromiseHistory) -> list[Mark]:
    """Give a mark for each of the latest runs."""
    return [mark_outcome_word(outcome) for outcome in history.outcomes[-SHOWN_RUNS:]]


def find_summaries(folder: Path) -> list[Summary]:
    """Find the runs below a folder, the oldest first; each once; what is not a run is left out."""
    found: dict[str, Summary] = {}
    for file in sorted(folder.rglob(SUMMARY_FILE)):
        with suppress(UsageError):
            summary = read_summary(file)
            found.setdefault(summary["id"], summary)
    if not found:
        raise UsageError(
            f"There is no run's summary below '{folder}'.",
            "Name the folder that runs write to, such as 'reports/t4'.",
        )
    return sorted(found.values(), key=lambda summary: str(summary["started_at"]))


def collect_history(summaries: Sequence[Summary]) -> list[PromiseHistory]:
    """Collect the history of each promise; those that failed last come first, then the flaky."""
    by_run = [{verdict["name"]: verdict for verdict in one["verdicts"]} for one in summaries]
    names = dict.fromkeys(name for verdicts in by_run for name in verdicts)
    histories = [_collect_promise(name, by_run) for name in names]
    return sorted(
        histories, key=lambda one: (one.outcomes[-1] == "pass", -one.flips, -one.flaky_runs)
    )


def _collect_promise(name: str, by_run: Sequence[Mapping[str, Summary]]) -> PromiseHistory:
    verdicts = [run.get(name) for run in by_run]
    return PromiseHistory(
        name=name,
        kind=next(str(verdict["kind"]) for verdict in verdicts if verdict),
        outcomes=tuple(verdict["outcome"] if verdict else "" for verdict in verdicts),
        seconds=tuple(verdict["seconds"] if verdict else None for verdict in verdicts),
        flaky_runs=sum(
            bool(verdict and (verdict["diagnosis"] or {}).get("flaky")) for verdict in verdicts
        ),
    )


def format_history(summaries: Sequence[Summary]) -> Iterator[str]:
    """Tell it in lines: a mark for each of the latest runs, and what they come to."""
    yield f"{len(summaries)} runs, {summaries[0]['started_at']} to {summaries[-1]['started_at']}"
    yield f"Legend: {LEGEND}; the newest run is on the right."
    histories = collect_history(summaries)
    width = max(len(one.name) for one in histories)
    for one in histories:
        yield f"  {one.name:<{width}}  {one.marks}  {describe_history(one)}"


def describe_history(history: PromiseHistory) -> str:
    """Count what a history comes to."""
    parts = [f"held {history.held} of {history.looked}"]
    if history.flips:
        parts.append(f"changed {history.flips} times")
    if history.flaky_runs:
        parts.append(f"flaky in {history.flaky_runs}")
    if history.times:
        middle, last = median(history.times), history.times[-1]
        parts.append(f"median {format_duration(middle)}, last {format_duration(last)}")
    return ", ".join(parts)


def render_history_html(summaries: Sequence[Summary]) -> str:
    """Draw it as a page: outcomes as marks, times as a line."""
    runs = [strip_json_control_codes(summary) for summary in summaries]
    last = runs[-1]
    return render_page(
        "history.html.j2",
        headline=f"{len(runs)} runs; the last: {last['headline']}",
        title=f"hardgate history of {len(runs)} runs",
        outcome=last["outcome"],
        runs=runs,
        shown=runs[-SHOWN_RUNS:],
        legend=LEGEND,
        rows=[_history_row(one) for one in collect_history(runs)],
    )


def _history_row(history: PromiseHistory) -> dict[str, Any]:
    return {
        "name": history.name,
        "kind": history.kind,
        "outcome": history.outcomes[-1] or "error",
        "marks": _list_marks(history),
        "story": describe_history(history),
        "points": draw_times(history.times[-SHOWN_RUNS:]),
    }


def draw_times(times: Iterable[float]) -> str:
    """Give the points of a line through the times, for an SVG of the chart's size; from 0 up."""
    listed = list(times)
    if len(listed) < 2:  # noqa: PLR2004 - a line needs two points
        return ""
    highest, step = max([*listed, 0.001]), CHART_WIDTH / (len(listed) - 1)
    return " ".join(
        f"{number * step:.1f},{CHART_HEIGHT - 2 - (CHART_HEIGHT - 4) * time / highest:.1f}"
        for number, time in enumerate(listed)
    )
