"""What a shell traced of itself (`sh -x`), read line by line: no conclusions."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

_TRACED = re.compile(r"^(\++) (?=\S|$)(.*)$")
_COMPARISON = re.compile(
    r"^(?:test|\[\[?) (?P<left>.*?) ?(?P<operator>==|!=|=~|=|-eq|-ne|-lt|-le|-gt|-ge) "
    r"?(?P<right>.*?)(?: \]\]?)?$"
)
_QUESTION = re.compile(
    r"^(?:test|\[\[?) (?P<negated>! )?(?P<operator>-[a-zA-Z]) ?(?P<operand>.*?)(?: \]\]?)?$"
)
_ASSIGNMENT = re.compile(
    r"^(?:(?:export|readonly|local|declare) )?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)$"
)
_NUMBERS = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}


@dataclass(frozen=True, kw_only=True)
class Traced:
    """One line of a trace, and what stood below it."""

    text: str
    said: tuple[str, ...] = ()
    """What others wrote on stderr before the next line of the trace."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """`[ LEFT OPERATOR RIGHT ]`, without quotes."""

    left: str
    operator: str
    right: str

    @property
    def holds(self) -> bool | None:
        """What the shell makes of it; None where it cannot be said."""
        if self.operator in {"==", "!="} and set("*?[") & set(self.right):
            return None  # `[[` may take it as a pattern.
        if self.operator in {"=", "=="}:
            return self.left == self.right
        if self.operator == "!=":
            return self.left != self.right
        try:
            return bool(_NUMBERS[self.operator](int(self.left), int(self.right)))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, kw_only=True)
class Question:
    """`[ OPERATOR OPERAND ]`, such as `[ -d /host ]`."""

    operator: str
    operand: str
    negated: bool


def read_trace(text: str) -> tuple[Traced, ...]:
    """Read a trace. What stands before its first line belongs to nothing, and is left out."""
    lines: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        traced = _TRACED.match(line)
        if traced:
            lines.append((traced[2], []))
        elif lines and line.strip():
            lines[-1][1].append(line.rstrip())
    return tuple(Traced(text=text, said=tuple(said)) for text, said in lines)


def is_traced(line: str) -> bool:
    """Tell a line of a trace from what a program wrote."""
    return bool(_TRACED.match(line))


def read_words(text: str) -> tuple[str, ...]:
    """Split a command; dash traces it without its quotes, bash with them."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def read_comparison(text: str) -> Comparison | None:
    """Read a comparison; None where it is none, or one of many."""
    found = _COMPARISON.match(text)
    if not found or re.search(r" (?:-a|-o|&&|\|\|) ", text):
        return None
    return Comparison(
        left=_bare(found["left"]), operator=_bare(found["operator"]), right=_bare(found["right"])
    )


def read_question(text: str) -> Question | None:
    """Read what a file or a text was asked for; None where it is no such question."""
    found = _QUESTION.match(text)
    if not found or re.search(r" (?:-a|-o|&&|\|\|) ", text):
        return None
    return Question(
        operator=found["operator"],
        operand=_bare(found["operand"]),
        negated=bool(found["negated"]),
    )


def read_assignment(text: str) -> tuple[str, str] | None:
    """Read `NAME=VALUE`; None where it is anything else."""
    found = _ASSIGNMENT.match(text)
    return (found["name"], _bare(found["value"])) if found else None


def same_command(one: str, other: str) -> bool:
    """Compare two tellings of one command, whatever their quotes; `other` may be cut short."""
    whole, told = _without_quotes(one), _without_quotes(other)
    if told.endswith("…"):
        return whole.startswith(told[:-1])
    return whole == told


def first_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Give all lines of some texts that hold anything."""
    return tuple(line.strip() for text in texts for line in text.splitlines() if line.strip())


def _bare(word: str) -> str:
    word = word.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word


def _without_quotes(text: str) -> str:
    return "".join(re.sub(r"['\"\\]", "", text).split())
