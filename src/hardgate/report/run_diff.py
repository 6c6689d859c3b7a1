"""What changed from one run to a later one, by their summaries."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any

from hardgate.errors import ExitCode
from hardgate.report.markdown import escape_markdown
from hardgate.report.marks import mark_outcome_word
from hardgate.report.summary_text import pick_best_reason
from hardgate.text.headline import Headline
from hardgate.text.plain import format_duration, one_line

Summary = Mapping[str, Any]

SLOWER_RATIO = 1.5
SLOWER_SECONDS = 1.0
"""A time has changed beyond noise if it differs by both."""


class ChangeKind(Enum):
    """How a change is told; the first three make a difference red."""

    NEWLY_FAILING = "newly failing"
    NEWLY_UNKNOWN = "newly unknown"
    ABSENT = "absent"
    """The later run has no verdict of it."""
    FIXED = "fixed"
    NEW = "new"
    FLAKY = "flaky"
    SLOWER = "slower"
    FASTER = "faster"
    CONTRACT = "contract"
    TIER = "tier"
    IMAGE = "image"
    HOST = "host"


RED_KINDS = frozenset({ChangeKind.NEWLY_FAILING, ChangeKind.NEWLY_UNKNOWN, ChangeKind.ABSENT})


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that changed."""

    kind: ChangeKind
    name: str
    """Of a capability, a guard or a step; empty for the run as a whole."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class RunDiff:
    """All that changed; what is red comes first."""

    old: Mapping[str, str]
    """`id`, `headline` and `started_at` of the earlier run."""
    new: Mapping[str, str]
    changes: tuple[Change, ...]

    @property
    def is_red(self) -> bool:
        """Tell whether something that held does not, or has no verdict any more."""
        return any(change.kind in RED_KINDS for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Write it for summary.json and for `hardgate diff --format json`."""
        return {
            "old": dict(self.old),
            "new": dict(self.new),
            "red": self.is_red,
            "changes": [{**asdict(one), "kind": one.kind.value} for one in self.changes],
        }


def diff_runs(old: Summary, new: Summary) -> RunDiff:
    """Compare two runs."""
    changes = [*_diff_verdicts(old, new), *_diff_times(old, new), *_diff_circumstances(old, new)]
    order = list(ChangeKind)
    return RunDiff(
        old=_identify_run(old),
        new=_identify_run(new),
        changes=tuple(sorted(changes, key=lambda change: order.index(change.kind))),
    )


def _identify_run(summary: Summary) -> dict[str, str]:
    return {key: str(summary[key]) for key in ("id", "headline", "started_at")}


def _diff_verdicts(old: Summary, new: Summary) -> Iterator[Change]:
    before = {verdict["name"]: verdict for verdict in old["verdicts"]}
    after = {verdict["name"]: verdict for verdict in new["verdicts"]}
    for name, verdict in before.items():
        if name not in after:
            why = "left out, as asked" if name in new["not_looked_at"] else "no longer promised"
            yield Change(
                kind=ChangeKind.ABSENT, name=name, detail=f"{why}; it was {_word(verdict)}"
            )
    for name, verdict in after.items():
        yield from _diff_verdict(name, before.get(name), verdict)


def _diff_verdict(name: str, before: Summary | None, after: Summary) -> Iterator[Change]:
    held_before = before is None or before["outcome"] == "pass"
    detail = one_line(pick_best_reason(after))
    if before is None:
        yield Change(kind=ChangeKind.NEW, name=name, detail=_word(after))
    if held_before and after["outcome"] == "fail":
        yield Change(kind=ChangeKind.NEWLY_FAILING, name=name, detail=detail)
    elif held_before and after["outcome"] == "error":
        yield Change(kind=ChangeKind.NEWLY_UNKNOWN, name=name, detail=detail)
    elif before is not None and not held_before and after["outcome"] == "pass":
        yield Change(kind=ChangeKind.FIXED, name=name, detail=f"it was {_word(before)}")
    elif before is not None and before["outcome"] == "error" and after["outcome"] == "fail":
        yield Change(kind=ChangeKind.NEWLY_FAILING, name=name, detail=f"it was unknown; {detail}")
    if before is not None and before["severity"] != after["severity"]:
        detail = f"{name}: {before['severity']}, now {after['severity']}"
        yield Change(kind=ChangeKind.CONTRACT, name=name, detail=detail)
    if (after["diagnosis"] or {}).get("flaky"):
        yield Change(kind=ChangeKind.FLAKY, name=name, detail="a second run of its probe passed")


def _word(verdict: Summary) -> str:
    return mark_outcome_word(verdict["outcome"]).value


def _diff_times(old: Summary, new: Summary) -> Iterator[Change]:
    before, after = _list_times(old), _list_times(new)
    for name in after:
        change = classify_time(before[name], after[name]) if name in before else None
        if change:
            detail = f"{format_duration(before[name])}, now {format_duration(after[name])}"
            yield Change(kind=change, name=name, detail=detail)


def _list_times(summary: Summary) -> dict[str, float]:
    probes = {
        verdict["name"]: verdict["seconds"]
        for verdict in summary["verdicts"]
        if verdict["seconds"] is not None
    }
    return {**summary["steps"], **probes, "the whole run": summary["seconds"]}


def classify_time(before: float, after: float) -> ChangeKind | None:
    """Say whether a time changed beyond noise."""
    if abs(after - before) < SLOWER_SECONDS:
        return None
    if after > before * SLOWER_RATIO:
        return ChangeKind.SLOWER
    return ChangeKind.FASTER if before > after * SLOWER_RATIO else None


def _diff_circumstances(old: Summary, new: Summary) -> Iterator[Change]:
    parts = (
        (ChangeKind.CONTRACT, "contract", ("origin", "version", "sha256", "count")),
        (ChangeKind.TIER, "tier", ("number", "name")),
        (ChangeKind.IMAGE, "image", ("reference", "digest", "source_commit")),
        (ChangeKind.HOST, "host", ("kind", "name", "engine", "kernel")),
    )
    for kind, part, keys in parts:
        before, after = old[part] or {}, new[part] or {}
        for key in keys:
            values = [str(side.get(key, "none"))[:60] for side in (before, after)]
            if before.get(key) != after.get(key):
                yield Change(kind=kind, name=key, detail=f"{values[0] or 'none'}, now {values[1]}")


def format_diff_text(diff: RunDiff) -> Iterator[str]:
    """Tell the changes in lines, the outcome last."""
    yield f"Old: run {diff.old['id']}, {diff.old['started_at']}: {diff.old['headline']}"
    yield f"New: run {diff.new['id']}, {diff.new['started_at']}: {diff.new['headline']}"
    for change in diff.changes:
        yield one_line(f"  {change.kind.value:<14} {change.name}: {change.detail}")
    yield format_diff_headline(diff)


def format_diff_headline(diff: RunDiff) -> str:
    """Count the changes in one line."""
    counts = {kind: sum(one.kind is kind for one in diff.changes) for kind in ChangeKind}
    story = ", ".join(f"{number} {kind.value}" for kind, number in counts.items() if number)
    code = ExitCode.BROKEN if diff.is_red else ExitCode.HELD
    return str(Headline(exit_code=code, story=story or "nothing changed", subject="DIFF"))


def format_diff_markdown(diff: RunDiff) -> Iterator[str]:
    """Tell the changes as a table."""
    yield f"### {escape_markdown(format_diff_headline(diff))}"
    yield ""
    for name, side in (("old", diff.old), ("new", diff.new)):
        yield f"- {name}: run {escape_markdown(side['id'])}, {escape_markdown(side['headline'])}"
    if diff.changes:
        yield from ("", "| change | of | |", "|---|---|---|")
    for change in diff.changes:
        cells = (change.kind.value, change.name, change.detail)
        yield f"| {' | '.join(map(escape_markdown, cells))} |"
