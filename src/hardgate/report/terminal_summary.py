"""The last block on the terminal: what broke, why, what to do, and where the rest is."""

from collections.abc import Callable, Iterator
from enum import Enum
from itertools import groupby
from pathlib import Path

from hardgate.diagnosis.root_cause import Cause
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.run import Run
from hardgate.model.verdict import Kind, Outcome, Verdict
from hardgate.report.details import Clean, causes_of, ending, quoted, sections
from hardgate.report.headline import colour_word, count, headline, names, not_looked_at
from hardgate.text.plain import duration, one_line, tail

EXCERPT = 8
"""Lines of each stream under a miss; all of them with `-v`."""

QUOTES = 4
"""Lines of evidence under a cause."""

LOG_EXCERPT = 20
"""Lines of evidence of a problem of the whole run."""

EVERYTHING = 1_000_000


class Tone(Enum):
    """How a line is meant; the console has a colour for it."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"
    FAINT = "faint"


Line = tuple[Tone, str]


def closing(
    run: Run, clean: Clean, *, marks: Callable[[Verdict], str], verbosity: int, reports: Path | None
) -> Iterator[Line]:
    """Yield the block; with `verbosity` below 0 only what broke and the last line."""
    if verbosity >= 0:
        yield from _circumstances(run, clean)
    yield from _problem(run, clean)
    yield from _causes(run, clean, marks, lines=EVERYTHING if verbosity > 0 else EXCERPT)
    yield from _untold(run, clean, marks)
    if left_out := not_looked_at(run.plan):
        yield Tone.UNSURE, clean(f"Not looked at, as asked: {', '.join(left_out)}")
    for notice in run.notices:
        yield Tone.UNSURE, f"Notice: {one_line(clean(notice))}"
    for line in run.kept:
        yield Tone.PLAIN, f"Kept: {one_line(clean(line))}"
    if reports and verbosity >= 0:
        yield Tone.PLAIN, f"Reports: {reports}"
    yield tone_of(run), clean(headline(run))


def tone_of(run: Run) -> Tone:
    """Say how the headline is meant."""
    return tone_of_code(run.exit_code)


def tone_of_code(code: ExitCode) -> Tone:
    """Say how a line is meant that tells of an exit code."""
    return {"GREEN": Tone.GOOD, "RED": Tone.BAD}.get(colour_word(code), Tone.UNSURE)


def gutter(text: str, lines: int) -> Iterator[Line]:
    """Quote what an image wrote; no line of it can pass for ours, or for a CI's command."""
    for line in tail(text, lines, characters=EVERYTHING).split("\n"):
        yield Tone.FAINT, f"    | {line}"


def _problem(run: Run, clean: Clean) -> Iterator[Line]:
    if not run.problem:
        return
    yield Tone.BAD, f"Problem: {one_line(clean(run.problem))}"
    if run.evidence:
        yield from gutter(clean(run.evidence), LOG_EXCERPT)
    if run.remedy:
        yield Tone.PLAIN, f"  to do: {one_line(clean(run.remedy))}"


def _causes(run: Run, clean: Clean, marks: Callable[[Verdict], str], lines: int) -> Iterator[Line]:
    """Tell why, once for all that it breaks; then what was seen of what nobody can explain."""
    causes = causes_of(run)
    misses = sum(len(cause.verdicts) for cause in causes)
    if misses > len(causes):
        yield Tone.PLAIN, f"{count(len(causes), 'cause')} of {misses} misses:"
    for cause in causes:
        yield from _cause(cause, clean, marks(cause.verdicts[0]))
        for verdict in cause.verdicts:
            yield from _evidence(verdict, clean, lines, alone=len(cause.verdicts) == 1)


def _cause(cause: Cause, clean: Clean, mark: str) -> Iterator[Line]:
    tone = Tone.UNSURE if cause.severity is Severity.ADVISORY else Tone.BAD
    how = ending(cause.verdicts[0]) if len(cause.verdicts) == 1 else ""
    yield tone, f"{mark} {', '.join(map(title, cause.verdicts))}" + (f"  {how}" if how else "")
    yield Tone.PLAIN, f"    why:   {one_line(clean(cause.sentence)) or 'It gave no reason.'}"
    if cause.remedy:
        yield Tone.PLAIN, f"    to do: {one_line(clean(cause.remedy))}"
    if cause.reason and not cause.reason.general:
        yield Tone.FAINT, "    seen:"
        for line in quoted(cause.reason.quotes, clean).split("\n")[:QUOTES]:
            yield Tone.FAINT, f"    | {line}"


def _evidence(verdict: Verdict, clean: Clean, lines: int, *, alone: bool) -> Iterator[Line]:
    """Show what was seen of a miss: all of it with `-v`, else where its cause is not known."""
    diagnosis = verdict.diagnosis
    reason = diagnosis.reason if diagnosis else None
    if reason and not reason.general and lines != EVERYTHING:
        return
    if not alone:
        yield Tone.FAINT, f"    {verdict.name}  {ending(verdict)}"
    for name, text in sections(verdict, clean):
        if one_line(text) == one_line(clean(verdict.why)):
            continue
        yield Tone.FAINT, f"    {name}:"
        yield from gutter(text, lines)
    if diagnosis and diagnosis.note:
        yield Tone.FAINT, f"    note:  {one_line(clean(diagnosis.note))}"


def title(verdict: Verdict) -> str:
    """Name a verdict with what it is, where it is not a hard capability."""
    if verdict.kind is Kind.GUARD:
        return f"{verdict.name} (guard)"
    return verdict.name + (" (advisory)" if verdict.severity is Severity.ADVISORY else "")


def _untold(run: Run, clean: Clean, marks: Callable[[Verdict], str]) -> Iterator[Line]:
    """Tell those together that nobody could tell of for one and the same reason."""
    untold = [verdict for verdict in run.verdicts if verdict.outcome is Outcome.ERROR]
    for reason, group in groupby(
        sorted(untold, key=lambda one: one.reason), lambda one: one.reason
    ):
        verdicts = list(group)
        who = title(verdicts[0]) if len(verdicts) == 1 else names(verdicts)
        number = f"{count(len(verdicts), 'verdict')} unknown: " if len(verdicts) > 1 else ""
        yield Tone.UNSURE, f"{marks(verdicts[0])} {number}{who}"
        if reason not in run.problem:
            yield Tone.PLAIN, f"    why:   {one_line(clean(reason))}"
        if not run.problem and len(verdicts) == 1 and verdicts[0].hint:
            yield Tone.PLAIN, f"    to do: {one_line(clean(verdicts[0].hint))}"


def _circumstances(run: Run, clean: Clean) -> Iterator[Line]:
    for adaptation in run.host.adaptations if run.host else ():
        yield Tone.PLAIN, f"Adapted: {one_line(clean(adaptation))}"
    if run.image:
        commit = f", commit {run.image.source_commit}" if run.image.source_commit else ""
        yield Tone.FAINT, clean(f"Image: {run.image.reference} {run.image.digest}{commit}")
    if run.host:
        host = run.host
        told = {"engine": host.engine, "kernel": host.kernel}
        seen = [f"{what} {word}" for what, word in told.items() if word]
        yield Tone.FAINT, f"Host: {', '.join([host.name or host.kind, *seen])}"
    steps = ", ".join(f"{name} {duration(seconds)}" for name, seconds in run.steps.items())
    yield Tone.FAINT, f"Time: {duration(run.seconds)}" + (f" ({steps})" if steps else "")
