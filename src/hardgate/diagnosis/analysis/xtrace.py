"""What a shell traced of itself (`sh -x`), read line by line: no conclusions."""

import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass

from hardgate.text.bounded import last_lines

_XTRACE_LINE = re.compile(r"^(\++) (?=\S|$)(.*)$")
_COMPARISON = re.compile(
    r"^(?:test|\[\[?) (?P<left>.*?) ?(?P<operator>==|!=|=~|=|-eq|-ne|-lt|-le|-gt|-ge) "
    r"?(?P<right>.*)\Z",
    re.DOTALL,
)
_TEST_END = re.compile(r" \]\]?\Z")
_UNARY_TEST = re.compile(
    r"^(?:test|\[\[?) (?P<negated>! )?(?P<operator>-[a-zA-Z]) ?(?P<operand>.*?)(?: \]\]?)?$"
)
_ASSIGNMENT = re.compile(
    r"^(?:(?:export|readonly|local|declare) )?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)$"
)
_NUMERIC_OPERATORS = {
    "-eq": lambda left, right: left == right,
    "-ne": lambda left, right: left != right,
    "-lt": lambda left, right: left < right,
    "-le": lambda left, right: left <= right,
    "-gt": lambda left, right: left > right,
    "-ge": lambda left, right: left >= right,
}


@dataclass(frozen=True, kw_only=True)
class XtraceLine:
    """One line of a trace, and what stood below it."""

    text: str
    output: tuple[str, ...] = ()
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
            return bool(_NUMERIC_OPERATORS[self.operator](int(self.left), int(self.right)))
        except (KeyError, ValueError):
            return None


@dataclass(frozen=True, kw_only=True)
class UnaryTest:
    """`[ OPERATOR OPERAND ]`, such as `[ -d /host ]`."""

    operator: str
    operand: str
    negated: bool


def parse_xtrace(text: str) -> tuple[XtraceLine, ...]:
    """Read a trace. What stands before its first line belongs to nothing, and is left out."""
    lines: list[tuple[str, list[str]]] = []
    for line in last_lines(text.splitlines()):
        traced = _XTRACE_LINE.match(line)
        if traced:
            lines.append((traced[2], []))
        elif lines and line.strip():
            lines[-1][1].append(line.rstrip())
    return tuple(XtraceLine(text=text, output=tuple(output)) for text, output in lines)


def is_xtrace_line(line: str) -> bool:
    """Tell a line of a trace from what a program wrote."""
    return bool(_XTRACE_LINE.match(line))


def split_words(text: str) -> tuple[str, ...]:
    """Split a command; dash traces it without its quotes, bash with them."""
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())


def parse_comparison(text: str) -> Comparison | None:
    """Read a comparison; None where it is none, or one of many."""
    found = _COMPARISON.match(text)
    if not found or re.search(r" (?:-a|-o|&&|\|\|) ", text):
        return None
    return Comparison(
        left=_strip_quotes(found["left"]),
        operator=_strip_quotes(found["operator"]),
        right=_strip_quotes(_TEST_END.sub("", found["right"])),
    )


def parse_unary_test(text: str) -> UnaryTest | None:
    """Read what a file or a text was asked for; None where it is no such question."""
    found = _UNARY_TEST.match(text)
    if not found or re.search(r" (?:-a|-o|&&|\|\|) ", text):
        return None
    return UnaryTest(
        operator=found["operator"],
        operand=_strip_quotes(found["operand"]),
        negated=bool(found["negated"]),
    )


def parse_assignment(text: str) -> tuple[str, str] | None:
    """Read `NAME=VALUE`; None where it is anything else."""
    found = _ASSIGNMENT.match(text)
    return (found["name"], _strip_quotes(found["value"])) if found else None


def is_same_command(command: str, reference: str) -> bool:
    """Compare two tellings of one command, whatever their quotes; `other` may be cut short."""
    whole, traced = _normalize_command(command), _normalize_command(reference)
    if traced.endswith("…"):
        return whole.startswith(traced[:-1])
    return whole == traced


def nonblank_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Give the lines of some texts that hold anything, of each text the last ones."""
    return tuple(
        line.strip() for text in texts for line in last_lines(text.splitlines()) if line.strip()
    )


def _strip_quotes(word: str) -> str:
    word = word.strip()
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return word[1:-1]
    return word


def _normalize_command(text: str) -> str:
    return "".join(re.sub(r"['\"\\]", "", text).split())
