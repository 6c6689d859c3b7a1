"""What was seen of a miss, in the order in which it is read: reason, remedy, then the output."""

from collections.abc import Callable, Iterator

from hardgate.diagnosis.diagnose import list_discarded_lines
from hardgate.diagnosis.root_cause import RootCause, group_root_causes
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome, Verdict
from hardgate.text.plain import format_duration, keep_tail, one_line

Clean = Callable[[str], str]
"""Makes a text fit to be shown: plain, and without secrets. It has to see the text as a whole."""

Section = tuple[str, str]
"""A title, and text of one or more lines."""


def list_sections(verdict: Verdict, clean: Clean) -> Iterator[Section]:
    """Yield what the probe wrote and what its second look showed; nothing of what is empty."""
    execution, diagnosis = verdict.observation.execution, verdict.diagnosis
    if execution:
        for title, text in (("stderr", execution.stderr), ("stdout", execution.stdout)):
            if text.strip():
                yield title + (", cut" if execution.truncated else ""), clean(text)
    if diagnosis and diagnosis.looked_twice:
        yield _rerun_title(verdict), clean(diagnosis.trace) or "(no trace)"
        if thrown := list_discarded_lines(verdict.observation):
            yield "what the probe threw away", clean(thrown)


def describe_ending(verdict: Verdict) -> str:
    """Say how the probe ended; empty where none was run."""
    execution = verdict.observation.execution
    if execution is None:
        return ""
    if execution.timed_out:
        return f"ended by the gate after {format_duration(execution.seconds)}"
    if execution.exit_status is None:
        return f"no exit status, after {format_duration(execution.seconds)}"
    return f"exit status {execution.exit_status} after {format_duration(execution.seconds)}"


def format_verdict_body(verdict: Verdict, run: Run, clean: Clean, *, lines: int = 200) -> str:
    """Tell all of it in one text, for a report that shows nothing else."""
    parts = [clean(verdict.best_reason) or "It gave no reason."]
    if verdict.remedy:
        parts.append(f"What to do: {clean(verdict.remedy)}")
    parts += [f"Seen:\n{text}" for text in list_reason_quotes(verdict, clean)]
    if shared := _list_shared_misses(verdict, run):
        parts.append(f"The same cause: {clean(shared)}")
    if how := describe_ending(verdict):
        parts.append(f"Its probe: {how}")
    parts += [
        f"{title}:\n{keep_tail(text, lines)}" for title, text in list_sections(verdict, clean)
    ]
    if verdict.diagnosis and verdict.diagnosis.note:
        parts.append(f"Of the second look: {clean(verdict.diagnosis.note)}")
    if verdict.outcome is Outcome.ERROR and run.problem:
        parts += _problem_parts(run, clean, already=parts[0], lines=lines)
    return "\n\n".join(parts)


def list_reason_quotes(verdict: Verdict, clean: Clean) -> Iterator[str]:
    """Yield the lines that the reason rests on, as one text; nothing where there is no reason."""
    reason = verdict.diagnosis.reason if verdict.diagnosis else None
    if reason and reason.quotes:
        yield join_quotes(reason.quotes, clean)


def join_quotes(lines: tuple[str, ...], clean: Clean) -> str:
    """Put lines of evidence below each other; they are cleaned as a whole."""
    return "\n".join(one_line(line) for line in clean("\n".join(lines)).split("\n"))


def find_run_causes(run: Run) -> tuple[RootCause, ...]:
    """Give the run's root causes, those that cost most first."""
    return group_root_causes(run.verdicts)


def _list_shared_misses(verdict: Verdict, run: Run) -> str:
    """Name what else the same cause breaks."""
    for cause in find_run_causes(run):
        names = [other.name for other in cause.verdicts]
        if verdict.name in names and len(names) > 1:
            return ", ".join(name for name in names if name != verdict.name)
    return ""


def _problem_parts(run: Run, clean: Clean, *, already: str, lines: int) -> Iterator[str]:
    problem = clean(run.problem)
    if problem not in already:
        yield f"Of the whole run: {problem}"
    if run.remedy:
        yield f"What to do: {clean(run.remedy)}"
    if run.evidence:
        yield f"What was seen of it:\n{keep_tail(clean(run.evidence), lines)}"


def _rerun_title(verdict: Verdict) -> str:
    diagnosis = verdict.diagnosis
    if diagnosis and diagnosis.flaky:
        return "second look (sh -x): it passed this time, so it is FLAKY and still a miss"
    status = diagnosis.exit_status if diagnosis else None
    ended = "no exit status" if status is None else f"exit status {status}"
    return f"second look (sh -x), {ended}"
