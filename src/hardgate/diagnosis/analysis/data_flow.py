"""Where a traced command stands in its probe, as far as its words tell: what fed it.

Read by shape and not by a shell's grammar; what is not found feeds nothing.
"""

import re
from collections.abc import Iterator, Sequence

from hardgate.diagnosis.analysis.step import NEUTRAL_BUILTINS, ProbeStep
from hardgate.diagnosis.analysis.xtrace import parse_assignment

_TEST = re.compile(r"(?:\[\[?|\btest)\s.*?(?=\s\]\]?(?:\s|;|\)|\"|$)|;|&&|\|\||$)", re.MULTILINE)
_STATEMENT = re.compile(r";|&&|\|\||\n|\bthen\b|\bdo\b|\{ ")
_SEPARATOR = re.compile(r"\|\|?|&&|;|\n")
_BEFORE_COMMANDS = frozenset({"!", "{", "if", "elif", "while", "until", "else", "time"})
_PIPE = re.compile(r"(?<!\|)\|(?!\|)")


def order_pipe_parts(steps: Sequence[ProbeStep], script: str) -> tuple[ProbeStep, ...]:
    """Put the parts of each pipe into the script's order: they are traced as they are scheduled.

    Steps beside each other, each of another part of one pipe, change places; nothing else does.
    """
    pipes = [
        [_first_words(part) for part in parts]
        for statement in _STATEMENT.split(script.replace("\\\n", " ").replace("|\n", "| "))
        if len(parts := _PIPE.split(statement)) > 1
    ]
    ordered = list(steps)
    for pipe in pipes:
        for start, end in _runs_of_parts(ordered, pipe):
            ordered[start:end] = sorted(ordered[start:end], key=lambda step: _part_of(step, pipe))
    return tuple(ordered)


def _runs_of_parts(
    steps: Sequence[ProbeStep], pipe: Sequence[tuple[str, ...]]
) -> Iterator[tuple[int, int]]:
    """Yield where steps beside each other are different parts of a pipe: start and end."""
    start, parts = 0, set[int]()
    for index, step in enumerate(steps):
        part = _part_of(step, pipe)
        if part < 0 or part in parts:
            yield start, index
            start, parts = (index + 1, set()) if part < 0 else (index, {part})
        else:
            parts.add(part)
    yield start, len(steps)


def _part_of(step: ProbeStep, pipe: Sequence[tuple[str, ...]]) -> int:
    """Find which part of a pipe a step is, by its first words; -1 where that is not clear."""
    words = step.argv[:2]
    alike = [number for number, part in enumerate(pipe) if part and _may_be(part, words)]
    return alike[0] if len(alike) == 1 else -1


def _may_be(part: tuple[str, ...], words: Sequence[str]) -> bool:
    """Compare words of a script with traced ones; what the shell expands may be anything."""
    pairs = zip(part, words, strict=False)
    return bool(words) and all(
        written == traced or any(one in written for one in "$`*?[") for written, traced in pairs
    )


def _first_words(part: str) -> tuple[str, ...]:
    """Give a command's first two words as a trace has them, as far as the script tells."""
    words = re.findall(r"(?:\"[^\"]*\"|'[^']*'|[^\s\"'()])+", part.rpartition("$(")[2])
    plain = [word.replace("'", "").replace('"', "") for word in words]
    while plain and (plain[0] in _BEFORE_COMMANDS or parse_assignment(plain[0])):
        plain.pop(0)
    return tuple(word for word in plain[:2] if not re.match(r"\d?[<>]", word))


def find_input_steps(
    step: ProbeStep, steps: Sequence[ProbeStep], script: str
) -> tuple[ProbeStep, ...]:
    """Give the steps that a test or a reader read from, the nearest first."""
    if step.is_test:
        return tuple(_find_test_inputs(step, steps, script))
    return tuple(_find_pipe_inputs(step, steps, script))


def _find_test_inputs(
    step: ProbeStep, steps: Sequence[ProbeStep], script: str
) -> Iterator[ProbeStep]:
    number = max(
        (_count_substitutions(chunk) for chunk in _candidate_tests(step, script)), default=1
    )
    if number:
        yield from _iter_previous_commands(step.number, steps, number)
    for before in reversed(steps[: step.number]) if not number else ():
        name, value = parse_assignment(before.text) or ("", None)
        if not before.argv and value is not None and _is_compared_value(step, value):
            yield from _iter_previous_commands(
                before.number, steps, _count_assigned_commands(name, script)
            )


def _find_pipe_inputs(
    step: ProbeStep, steps: Sequence[ProbeStep], script: str
) -> Iterator[ProbeStep]:
    """Give the other ends of a pipe; its parts are traced in no order."""
    start = re.escape(" ".join(step.argv[:2])).replace(r"\ ", r"\s+[\"']?")
    found = re.search(start, script.replace("|\n", "| "))
    if not found:
        return
    before = _STATEMENT.split(script.replace("|\n", "| ")[: found.start()])[-1]
    number = len(_PIPE.findall(before))
    after = steps[step.number + 1 : step.number + 2] if number else ()
    yield from (
        candidate for candidate in after if not candidate.is_test and _produces_output(candidate)
    )
    yield from _iter_previous_commands(step.number, steps, number)


def _candidate_tests(step: ProbeStep, script: str) -> Sequence[str]:
    """Give the tests of a script that a traced one may be: by its operator, and a side's word."""
    compared, question = step.comparison, step.unary_test
    operator = compared.operator if compared else question.operator if question else ""
    sides = (compared.left, compared.right) if compared else ()
    chunks = [found[0] for found in _TEST.finditer(script.replace("\\\n", " "))]
    alike = [chunk for chunk in chunks if f" {operator} " in f"{chunk} "]
    named = [chunk for chunk in alike if any(side and side in chunk for side in sides)]
    return named or alike


def _count_substitutions(chunk: str) -> int:
    return chunk.count("$(") + chunk.count("`") // 2 + len(_PIPE.findall(chunk))


def _count_assigned_commands(name: str, script: str) -> int:
    """Count the commands that give a variable its value."""
    found = re.search(rf"\b{re.escape(name)}=(?:\"?\$\(|`)", script)
    return len(_SEPARATOR.split(_cut_at_parenthesis(script[found.end() :]))) if found else 1


def _cut_at_parenthesis(text: str) -> str:
    """Cut a text off where the parenthesis that it stands in is closed."""
    depth = 1
    for index, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if not depth or (character == "`" and depth == 1):
            return text[:index]
    return text


def _is_compared_value(step: ProbeStep, value: str) -> bool:
    compared, question = step.comparison, step.unary_test
    if compared:
        return value in {compared.left, compared.right}
    return bool(question) and value == question.operand if question else False


def _iter_previous_commands(
    number: int, steps: Sequence[ProbeStep], count: int
) -> Iterator[ProbeStep]:
    for before in reversed(steps[:number]):
        if count <= 0 or before.is_test or before.program in {"exit", "trap", "set"}:
            return
        if _produces_output(before):
            count -= 1
            yield before


def _produces_output(step: ProbeStep) -> bool:
    return bool(step.argv) and step.program not in NEUTRAL_BUILTINS
