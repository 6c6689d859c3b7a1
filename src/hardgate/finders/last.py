"""What can be said without knowing why: which command failed last, and what it said."""

from collections.abc import Iterator

from hardgate.clue import Clue
from hardgate.finders.agent import sides
from hardgate.miss import Miss
from hardgate.step import SILENT_WORDS, Step

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
    elif step.program in SEARCHING and step.status == 1 and not step.said:
        yield _searched(miss, step)
    elif step.text and step.failed and step.status:
        yield _failed(step)


def _compared(miss: Miss, step: Step) -> Clue:
    compared = step.comparison
    assert compared is not None  # noqa: S101 - the caller looked
    got, wanted = sides(miss, compared)
    producer = next((one for one in miss.before(step) if one.program not in SILENT_WORDS), None)
    told, quotes = "", (step.text,)
    if producer and not producer.is_test and producer.text:
        ended = f", which exited {producer.status}" if producer.status else ""
        said = f" and said: {producer.said[-1]}" if producer.status and producer.said else ""
        told = f"; before that it ran '{producer.text}'{ended}{said}"
        quotes = (producer.text, *producer.said[-1:], step.text) if producer.status else quotes
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
    said = step.said[-1:] or tuple(
        f"{failure.call} {failure.target}: {failure.errno}".strip()
        for failure in step.failures[-1:]
    )
    fields = {
        "command": step.text,
        "status": str(step.status),
        "said": "".join(f" and said: {line}" for line in said) or ", without a word",
    }
    return Clue(
        cause="command_failed",
        quotes=(f"{step.text}: exit status {step.status}", *said),
        fields=fields,
    )


def find_in_all(miss: Miss) -> Iterator[Clue]:
    """Tell a probe of which no command was seen to fail."""
    ran = [step for step in miss.steps if step.program not in SILENT_WORDS and step.text]
    if miss.observation.rerun and ran and miss.exit_status:
        fields = {"command": ran[-1].text, "status": str(miss.exit_status)}
        quotes = tuple(step.text for step in miss.steps[-2:])
        yield Clue(cause="nothing_failed", quotes=quotes, fields=fields)
