"""Where a traced command stands in its probe, as far as its words tell: what fed it.

Read by shape and not by a shell's grammar; what is not found feeds nothing.
"""

import re
from collections.abc import Iterator, Sequence

from hardgate.diagnosis.analysis.step import SILENT_WORDS, Step
from hardgate.diagnosis.analysis.xtrace import read_assignment

_TEST = re.compile(r"(?:\[\[?|\btest)\s.*?(?=\s\]\]?(?:\s|;|\)|\"|$)|;|&&|\|\||$)", re.MULTILINE)
_STATEMENT = re.compile(r";|&&|\|\||\n|\bthen\b|\bdo\b|\{ ")
_SEPARATOR = re.compile(r"\|\|?|&&|;|\n")
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")


def fed_by(step: Step, steps: Sequence[Step], script: str) -> tuple[Step, ...]:
    """Give the steps that a test or a reader read from, the nearest first."""
    if step.is_test:
        return tuple(_of_test(step, steps, script))
    return tuple(_of_pipe(step, steps, script))


def _of_test(step: Step, steps: Sequence[Step], script: str) -> Iterator[Step]:
    number = max((_commands_in(chunk) for chunk in _chunks(step, script)), default=1)
    if number:
        yield from _commands_before(step.number, steps, number)
    for before in reversed(steps[: step.number]) if not number else ():
        name, value = read_assignment(before.text) or ("", None)
        if not before.words and value is not None and _is_side(step, value):
            yield from _commands_before(before.number, steps, _commands_of(name, script))


def _of_pipe(step: Step, steps: Sequence[Step], script: str) -> Iterator[Step]:
    """Give the other ends of a pipe; its parts are traced in no order."""
    start = re.escape(" ".join(step.words[:2])).replace(r"\ ", r"\s+[\"']?")
    found = re.search(start, script.replace("|\n", "| "))
    if not found:
        return
    before = _STATEMENT.split(script.replace("|\n", "| ")[: found.start()])[-1]
    number = len(_PIPE.findall(before))
    after = steps[step.number + 1 : step.number + 2] if number else ()
    yield from (one for one in after if not one.is_test and _feeds(one))
    yield from _commands_before(step.number, steps, number)


def _chunks(step: Step, script: str) -> Sequence[str]:
    """Give the tests of a script that a traced one may be: by its operator, and a side's word."""
    compared, question = step.comparison, step.question
    operator = compared.operator if compared else question.operator if question else ""
    sides = (compared.left, compared.right) if compared else ()
    chunks = [found[0] for found in _TEST.finditer(script.replace("\\\n", " "))]
    alike = [chunk for chunk in chunks if f" {operator} " in f"{chunk} "]
    named = [chunk for chunk in alike if any(side and side in chunk for side in sides)]
    return named or alike


def _commands_in(chunk: str) -> int:
    return chunk.count("$(") + chunk.count("`") // 2 + len(_PIPE.findall(chunk))


def _commands_of(name: str, script: str) -> int:
    """Count the commands that give a variable its value."""
    found = re.search(rf"\b{re.escape(name)}=(?:\"?\$\(|`)", script)
    return len(_SEPARATOR.split(_inside(script[found.end() :]))) if found else 1


def _inside(text: str) -> str:
    """Cut a text off where the parenthesis that it stands in is closed."""
    depth = 1
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth or (character == "`" and depth == 1):
            return text[:index]
    return text


def _is_side(step: Step, value: str) -> bool:
    compared, question = step.comparison, step.question
    if compared:
        return value in {compared.left, compared.right}
    return bool(question) and value == question.operand if question else False


def _commands_before(number: int, steps: Sequence[Step], wanted: int) -> Iterator[Step]:
    for before in reversed(steps[:number]):
        if wanted <= 0 or before.is_test or before.program in {"exit", "trap", "set"}:
            return
        if _feeds(before):
            wanted -= 1
            yield before


def _feeds(step: Step) -> bool:
    return bool(step.words) and step.program not in SILENT_WORDS
