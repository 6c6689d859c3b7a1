"""What can be said without knowing why: which command failed last, and what it said."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import SILENT_WORDS, Step
from hardgate.diagnosis.finders.identity import sides
from hardgate.diagnosis.finders.messages import quote

_ADVICE = re.compile(r"Try '.*--help|may have more information|^See '|^Usage:|^For more details")
SEARCHING = frozenset({"grep", "egrep", "fgrep"})
MEANINGS = {
    "-d": "'{operand}' is no folder",
    "-f": "'{operand}' is no file",
    "-e": "'{operand}' is not there",
    "-s": "'{operand}' is not there, or empty",
    "-r": "'{operand}' may not be read",
    "-w": "'{operand}' may not be written",
    "-x": "'{operand}' may not be run or entered",
    "-S": "'{operand}' is no socket",
    "-p": "'{operand}' is no pipe",
    "-L": "'{operand}' is no symbolic link",
    "-h": "'{operand}' is no symbolic link",
    "-O": "'{operand}' is not the agent's",
    "-n": "what was to be there is empty",
    "-z": "what was to be empty is '{operand}'",
    "-t": "there is no terminal",
}
OPERATORS = {
    "=": "wanted: the same",
    "==": "wanted: the same",
    "!=": "wanted: another one",
    "-eq": "wanted: the same number",
    "-ne": "wanted: another number",
    "-lt": "wanted: less",
    "-le": "wanted: no more",
    "-gt": "wanted: more",
    "-ge": "wanted: at least that",
    "=~": "as a pattern",
}


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Tell a step that failed by what it did and said."""
    if step.comparison:
        yield _compared(miss, step)
    elif step.question:
        yield _asked(step)
    elif step.is_test:
        fields = {"command": step.text, "meaning": "one of its parts is not so"}
        yield Clue(cause="question", quotes=(step.text,), fields=fields)
    elif step.program in SEARCHING and step.status == 1 and not step.said:
        yield _searched(miss, step)
    elif step.text and step.failed:
        yield _failed(step)
    elif step.failed and miss.observation.rerun and (step.said or step.failures):
        yield _redirected(step)


def _compared(miss: Miss, step: Step) -> Clue:
    compared = step.comparison
    assert compared is not None  # noqa: S101 - the caller looked
    got, wanted = sides(miss, compared)
    inputs = miss.inputs(step)
    producer = next((one for one in inputs if one.failed), next(iter(inputs), None))
    told: str = ""
    quotes: tuple[str, ...] = (step.text,)
    if producer and producer.text:
        ended, said = "", _telling(producer) if producer.status else ()
        if producer.status:
            ended = f", which exited {producer.status}" + "".join(f" and said: {x}" for x in said)
        told = f"; before that it ran '{producer.text}'{ended}"
        quotes = (producer.text, *said, step.text)
    fields = {
        "left": got,
        "right": wanted,
        "operator": OPERATORS[compared.operator],
        "producer": told,
    }
    return Clue(cause="comparison", quotes=quotes, fields=fields)


def _asked(step: Step) -> Clue:
    question = step.question
    assert question is not None  # noqa: S101 - the caller looked
    meaning = MEANINGS.get(question.operator, "the answer is no").format(operand=question.operand)
    if question.negated:
        meaning = "the answer is yes"
    fields = {"command": step.text, "meaning": meaning}
    return Clue(cause="question", quotes=(step.text,), fields=fields)


def _searched(miss: Miss, step: Step) -> Clue:
    read = [one for one in miss.inputs(step) if one.started or one.status is not None]
    what = f"; what it read came from '{read[0].text}'" if read else ""
    fields = {"command": step.text, "what": what}
    quotes = (f"{step.text}: exit status {step.status}",)
    return Clue(cause="search_found_nothing", quotes=quotes, fields=fields)


def _failed(step: Step) -> Clue:
    said = _telling(step) or tuple(f"{quote(failure)}" for failure in step.failures[-1:])
    ended = f"it exited {step.status}" if step.status else "it did not do its work"
    fields = {
        "command": step.text,
        "ended": ended,
        "said": "".join(f" and said: {line}" for line in said) or ", without a word",
    }
    quotes = (f"{step.text}: exit status {step.status}",) if step.status else (step.text,)
    return Clue(cause="command_failed", quotes=(*quotes, *said), fields=fields)


def _redirected(step: Step) -> Clue:
    """Tell what the shell itself failed at without tracing it."""
    said = _telling(step) or tuple(quote(failure) for failure in step.failures[-1:])
    return Clue(cause="shell_failed", quotes=said, fields={"said": said[-1]})


def _telling(step: Step) -> tuple[str, ...]:
    """Take the last line that says something; programs close with advice."""
    lines = [line for line in step.said if not _ADVICE.search(line)]
    return tuple(lines[-1:])


def find_in_all(miss: Miss) -> Iterator[Clue]:
    """Tell a probe of which no command was seen to fail."""
    ran = [step for step in miss.steps if step.program not in SILENT_WORDS and step.words]
    if miss.observation.rerun and ran and miss.exit_status:
        said = "".join(f" (it wrote: {line})" for line in ran[-1].said[-1:])
        fields = {"command": ran[-1].text, "status": str(miss.exit_status), "said": said}
        quotes = tuple(step.text for step in miss.steps[-2:])
        yield Clue(cause="nothing_failed", quotes=quotes, fields=fields)
