"""What was seen of a miss, in the order in which it is read: reason, remedy, then the output."""

from collections.abc import Callable, Iterator

from hardgate.diagnosis.diagnose import list_discarded_lines
from hardgate.diagnosis.root_cause import Cause, root_causes
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome, Verdict
from hardgate.text.plain import duration, one_line, tail

Clean = Callable[[str], str]
"""Makes a text fit to be shown: plain, and without secrets. It has to see the text as a whole."""

Section = tuple[str, str]
"""A title, and text of one or more lines."""


def sections(verdict: Verdict, clean: Clean) -> Iterator[Section]:
    """Yield what the probe wrote and what its second look showed; nothing of what is empty."""
    execution, diagnosis = verdict.observation.execution, verdict.diagnosis
    if execution:
        for title, text in (("stderr", execution.stderr), ("stdout", execution.stdout)):
            if text.strip():
                yield title + (", cut" if execution.truncated else ""), clean(text)
    if diagnosis and diagnosis.looked_twice:
        yield _second_look(verdict), clean(diagnosis.trace) or "(no trace)"
        if thrown := list_discarded_lines(verdict.observation):
            yield "what the probe threw away", clean(thrown)


def ending(verdict: Verdict) -> str:
    """Say how the probe ended; empty where none was run."""
    execution = verdict.observation.execution
    if execution is None:
        return ""
    if execution.timed_out:
        return f"ended by the gate after {duration(execution.seconds)}"
    if execution.exit_status is None:
        return f"no exit status, after {duration(execution.seconds)}"
    return f"exit status {execution.exit_status} after {duration(execution.seconds)}"


def body(verdict: Verdict, run: Run, clean: Clean, *, lines: int = 200) -> str:
    """Tell all of it in one text, for a report that shows nothing else."""
    parts = [clean(verdict.why) or "It gave no reason."]
    if verdict.remedy:
        parts.append(f"What to do: {clean(verdict.remedy)}")
    parts += [f"Seen:\n{text}" for text in quotes(verdict, clean)]
    if shared := _shared(verdict, run):
        parts.append(f"The same cause: {clean(shared)}")
    if how := ending(verdict):
        parts.append(f"Its probe: {how}")
    parts += [f"{title}:\n{tail(text, lines)}" for title, text in sections(verdict, clean)]
    if verdict.diagnosis and verdict.diagnosis.note:
        parts.append(f"Of the second look: {clean(verdict.diagnosis.note)}")
    if verdict.outcome is Outcome.ERROR and run.problem:
        parts += _problem(run, clean, already=parts[0], lines=lines)
    return "\n\n".join(parts)


def quotes(verdict: Verdict, clean: Clean) -> Iterator[str]:
    """Yield the lines that the reason rests on, as one text; nothing where there is no reason."""
    reason = verdict.diagnosis.reason if verdict.diagnosis else None
    if reason and reason.quotes:
        yield quoted(reason.quotes, clean)


def quoted(lines: tuple[str, ...], clean: Clean) -> str:
    """Put lines of evidence below each other; they are cleaned as a whole."""
    return "\n".join(one_line(line) for line in clean("\n".join(lines)).split("\n"))


def causes_of(run: Run) -> tuple[Cause, ...]:
    """Give the run's root causes, those that cost most first."""
    return root_causes(run.verdicts)


def _shared(verdict: Verdict, run: Run) -> str:
    """Name what else the same cause breaks."""
    for cause in causes_of(run):
        names = [one.name for one in cause.verdicts]
        if verdict.name in names and len(names) > 1:
            return ", ".join(name for name in names if name != verdict.name)
    return ""


def _problem(run: Run, clean: Clean, *, already: str, lines: int) -> Iterator[str]:
    problem = clean(run.problem)
    if problem not in already:
        yield f"Of the whole run: {problem}"
    if run.remedy:
        yield f"What to do: {clean(run.remedy)}"
    if run.evidence:
        yield f"What was seen of it:\n{tail(clean(run.evidence), lines)}"


def _second_look(verdict: Verdict) -> str:
    diagnosis = verdict.diagnosis
    if diagnosis and diagnosis.flaky:
        return "second look (sh -x): it passed this time, so it is FLAKY and still a miss"
    status = diagnosis.exit_status if diagnosis else None
    ended = "no exit status" if status is None else f"exit status {status}"
    return f"second look (sh -x), {ended}"
