"""The last block on the terminal: what broke, why, what to do, and where the rest is."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from hardgate.diagnosis.root_cause import RootCause
from hardgate.model.contract import Severity
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome, Verdict, VerdictKind
from hardgate.report.details import (
    Clean,
    describe_ending,
    find_run_causes,
    join_quotes,
    list_sections,
)
from hardgate.report.headline import format_headline, join_verdict_names, unselected_capabilities
from hardgate.report.marks import Tone, mark_outcome, tone_of_exit_code
from hardgate.text.plain import cut_line, format_count, format_duration, keep_tail, one_line

EXCERPT_LINES = 8
"""Lines of each stream under a miss; all of them with `-v`."""

MAX_QUOTE_LINES = 10
"""Lines of evidence under a cause."""

LOG_EXCERPT_LINES = 20
"""Lines of evidence of a problem of the whole run."""

UNLIMITED = 1_000_000

GUTTER = "    | "
"""Stands before each line that somebody else wrote."""


StyledLine = tuple[Tone, str]


@dataclass(frozen=True, kw_only=True)
class Detail:
    """How much of a run the block shows; the default is what fits a log."""

    circumstances: bool = True
    """Image, host and time."""
    step_times: bool = False
    excerpt_lines: int = EXCERPT_LINES
    """Of each stream under a miss."""
    quote_lines: int = MAX_QUOTE_LINES
    log_lines: int = LOG_EXCERPT_LINES
    causes: int = UNLIMITED
    """Causes and groups of unknown verdicts that are shown in full."""
    brief_causes: int = 0
    """Further causes that are shown in a line each; the rest is counted."""
    brief_characters: int = 78
    notices: bool = True
    changes: bool = True
    """What changed since the baseline, one by one; else their number alone."""


def choose_detail(verbosity: int) -> Detail:
    """Choose what a log shows: all with `-v`, what broke and the last line with `-q`."""
    if verbosity > 0:
        return Detail(step_times=True, excerpt_lines=UNLIMITED)
    return Detail(circumstances=verbosity == 0)


def format_run_summary(
    run: Run,
    clean: Clean,
    *,
    marks: Callable[[Verdict], str],
    reports: Path | None,
    detail: Detail,
) -> Iterator[StyledLine]:
    """Yield the block, from what matters least to the last line."""
    if detail.circumstances:
        yield from _format_circumstances(run, clean, step_times=detail.step_times)
    yield from _format_problem(run, clean, detail.log_lines)
    yield from _format_causes(run, clean, marks, detail)
    yield from _format_errors(run, clean, marks, detail.causes)
    if left_out := unselected_capabilities(run.plan):
        yield Tone.UNSURE, clean(f"Not looked at, as asked: {', '.join(left_out)}")
    for notice in run.notices if detail.notices else ():
        yield Tone.UNSURE, f"Notice: {one_line(clean(notice))}"
    yield from _format_baseline(run, clean, changes=detail.changes)
    for line in run.kept:
        yield Tone.PLAIN, f"Kept: {one_line(clean(line))}"
    if reports:
        yield Tone.PLAIN, f"Reports: {reports}"
    yield tone_of_exit_code(run.exit_code), clean(format_headline(run))


def _format_baseline(run: Run, clean: Clean, *, changes: bool) -> Iterator[StyledLine]:
    """Tell what changed since the run that was named as the baseline."""
    if not run.baseline:
        return
    found = run.baseline["changes"]
    tone = Tone.BAD if run.baseline["red"] else Tone.PLAIN
    number = format_count(len(found), "change") if found else "no change"
    yield tone, clean(f"Since run {run.baseline['old']['id']}: {number}")
    for change in found if changes else ():
        yield (
            Tone.PLAIN,
            f"    {change['kind']}: {change['name']} {one_line(clean(change['detail']))}",
        )


def quote_output(text: str, lines: int) -> Iterator[StyledLine]:
    """Quote what an image wrote; no line of it can pass for ours, or for a CI's command."""
    for line in keep_tail(text, lines, characters=UNLIMITED).split("\n"):
        yield Tone.FAINT, f"{GUTTER}{line}"


def _format_problem(run: Run, clean: Clean, log_lines: int) -> Iterator[StyledLine]:
    if not run.problem:
        return
    yield Tone.BAD, f"Problem: {one_line(clean(run.problem))}"
    if run.evidence:
        yield from quote_output(clean(run.evidence), log_lines)
    if run.remedy:
        yield Tone.PLAIN, f"  to do: {one_line(clean(run.remedy))}"


def _format_causes(
    run: Run, clean: Clean, marks: Callable[[Verdict], str], detail: Detail
) -> Iterator[StyledLine]:
    """Tell why, once for all that it breaks; then what was seen of what nobody can explain."""
    causes = find_run_causes(run)
    misses = sum(len(cause.verdicts) for cause in causes)
    if misses > len(causes) or len(causes) > detail.causes:
        of_misses = f" of {misses} misses" if misses > len(causes) else ""
        yield Tone.PLAIN, f"{format_count(len(causes), 'cause')}{of_misses}:"
    for cause in causes[: detail.causes]:
        yield from _format_cause(cause, clean, marks(cause.verdicts[0]), detail.quote_lines)
        for verdict in cause.verdicts:
            yield from _format_evidence(
                verdict, clean, detail.excerpt_lines, alone=len(cause.verdicts) == 1
            )
    shown = detail.causes + detail.brief_causes
    for cause in causes[detail.causes : shown]:
        line = f"{marks(cause.verdicts[0])} {join_verdict_names(cause.verdicts)}: {cause.sentence}"
        yield _tone_of_cause(cause), cut_line(one_line(clean(line)), detail.brief_characters)
    if left_out := causes[shown:]:
        names = join_verdict_names([verdict for cause in left_out for verdict in cause.verdicts])
        yield Tone.BAD, f"and {format_count(len(left_out), 'more cause')}: {names}"


def _format_cause(
    cause: RootCause, clean: Clean, mark: str, quote_lines: int
) -> Iterator[StyledLine]:
    how = describe_ending(cause.verdicts[0]) if len(cause.verdicts) == 1 else ""
    yield (
        _tone_of_cause(cause),
        f"{mark} {', '.join(map(verdict_title, cause.verdicts))}" + (f"  {how}" if how else ""),
    )
    yield Tone.PLAIN, f"    why:   {one_line(clean(cause.sentence)) or 'It gave no reason.'}"
    if cause.remedy:
        yield Tone.PLAIN, f"    to do: {one_line(clean(cause.remedy))}"
    if cause.reason and not cause.reason.general and quote_lines:
        yield Tone.FAINT, "    seen:"
        for line in join_quotes(cause.reason.quotes, clean).split("\n")[:quote_lines]:
            yield Tone.FAINT, f"{GUTTER}{line}"


def _tone_of_cause(cause: RootCause) -> Tone:
    return mark_outcome(Outcome.FAIL, cause.severity).tone


def _format_evidence(
    verdict: Verdict, clean: Clean, lines: int, *, alone: bool
) -> Iterator[StyledLine]:
    """Show what was seen of a miss: all of it with `-v`, else where its cause is not known."""
    diagnosis = verdict.diagnosis
    reason = diagnosis.reason if diagnosis else None
    if reason and not reason.general and lines != UNLIMITED:
        return
    if not alone:
        yield Tone.FAINT, f"    {verdict.name}  {describe_ending(verdict)}"
    for name, text in list_sections(verdict, clean) if lines else ():
        if one_line(text) == one_line(clean(verdict.best_reason)):
            continue
        yield Tone.FAINT, f"    {name}:"
        yield from quote_output(text, lines)
    if diagnosis and diagnosis.note:
        yield Tone.FAINT, f"    note:  {one_line(clean(diagnosis.note))}"


def verdict_title(verdict: Verdict) -> str:
    """Name a verdict with what it is, where it is not a hard capability."""
    if verdict.kind is VerdictKind.GUARD:
        return f"{verdict.name} (guard)"
    return verdict.name + (" (advisory)" if verdict.severity is Severity.ADVISORY else "")


def _format_errors(
    run: Run, clean: Clean, marks: Callable[[Verdict], str], limit: int
) -> Iterator[StyledLine]:
    """Tell those together that nobody could tell of for one and the same reason."""
    groups = _group_errors(run)
    for reason, verdicts in groups[:limit]:
        who = verdict_title(verdicts[0]) if len(verdicts) == 1 else join_verdict_names(verdicts)
        number = f"{format_count(len(verdicts), 'verdict')} unknown: " if len(verdicts) > 1 else ""
        yield Tone.UNSURE, f"{marks(verdicts[0])} {number}{who}"
        if reason not in run.problem:
            yield Tone.PLAIN, f"    why:   {one_line(clean(reason))}"
        if not run.problem and len(verdicts) == 1 and verdicts[0].hint:
            yield Tone.PLAIN, f"    to do: {one_line(clean(verdicts[0].hint))}"
    if left_out := groups[limit:]:
        names = join_verdict_names([verdict for _, verdicts in left_out for verdict in verdicts])
        yield Tone.UNSURE, f"and unknown for {format_count(len(left_out), 'more reason')}: {names}"


def _group_errors(run: Run) -> list[tuple[str, list[Verdict]]]:
    """Group the verdicts that nobody could tell of by their reason."""
    errors = [verdict for verdict in run.verdicts if verdict.outcome is Outcome.ERROR]
    by_reason = groupby(sorted(errors, key=lambda one: one.reason), lambda one: one.reason)
    return [(reason, list(verdicts)) for reason, verdicts in by_reason]


def count_reasons(run: Run) -> int:
    """Count the causes and the reasons for unknown verdicts: what a block shows one by one."""
    return max(len(find_run_causes(run)), len(_group_errors(run)))


def _format_circumstances(run: Run, clean: Clean, *, step_times: bool) -> Iterator[StyledLine]:
    for adaptation in run.host.adaptations if run.host else ():
        yield Tone.PLAIN, f"Adapted: {one_line(clean(adaptation))}"
    if run.image:
        commit = f", commit {run.image.source_commit}" if run.image.source_commit else ""
        yield Tone.FAINT, clean(f"Image: {run.image.reference} {run.image.digest}{commit}")
    if run.host:
        host = run.host
        versions = {"engine": host.engine, "kernel": host.kernel}
        details = [f"{part} {version}" for part, version in versions.items() if version]
        yield Tone.FAINT, f"Host: {', '.join([host.name or host.kind, *details])}"
    steps = ", ".join(f"{name} {format_duration(seconds)}" for name, seconds in run.steps.items())
    listed = f" ({steps})" if steps and step_times else ""
    yield Tone.FAINT, f"Time: {format_duration(run.seconds)}{listed}"
