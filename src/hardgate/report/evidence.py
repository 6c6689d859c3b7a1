"""What was seen of a miss, in the order in which it is read: reason, remedy, then the output."""

from collections.abc import Callable, Iterator

from hardgate.report.plain import duration, tail
from hardgate.run import Run
from hardgate.verdict import Outcome, Verdict

Clean = Callable[[str], str]
"""Makes a text fit to be shown: plain, and without secrets. It has to see the text as a whole."""

Section = tuple[str, str]
"""A title, and text of one or more lines."""


def sections(verdict: Verdict, clean: Clean) -> Iterator[Section]:
    """Yield what the probe wrote and what its second look showed; nothing of empty streams."""
    execution, diagnosis = verdict.observation.execution, verdict.diagnosis
    if execution:
        for title, text in (("stderr", execution.stderr), ("stdout", execution.stdout)):
            if text.strip():
                yield title + (", cut" if execution.truncated else ""), clean(text)
    if diagnosis:
        yield _second_look(verdict), clean(diagnosis.trace) or "(no trace)"


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
    parts = [clean(verdict.reason) or "It gave no reason."]
    if verdict.hint:
        parts.append(f"What to do: {clean(verdict.hint)}")
    if how := ending(verdict):
        parts.append(f"Its probe: {how}")
    parts += [f"{title}:\n{tail(text, lines)}" for title, text in sections(verdict, clean)]
    if verdict.diagnosis and verdict.diagnosis.note:
        parts.append(f"Of the second look: {clean(verdict.diagnosis.note)}")
    if verdict.outcome is Outcome.ERROR and run.problem:
        parts += _problem(run, clean, already=parts[0], lines=lines)
    return "\n\n".join(parts)


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
