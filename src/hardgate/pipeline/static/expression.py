"""The expressions of workflows, `${{ … }}`, evaluated as far as their values are known.

The language and its comparisons are those of GitHub, which Gitea and Forgejo follow:
https://docs.github.com/en/actions/reference/workflows-and-actions/expressions
"""

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from hardgate.pipeline.static.shell_state import FAILED

MAX_LENGTH = 21_000
MAX_DEPTH = 60


class Unknown(Enum):
    """The value of what nobody can tell."""

    VALUE = "?"

    def __bool__(self) -> bool:
        """Refuse to be taken for true or false."""
        raise TypeError("an unknown value is neither true nor false")


UNKNOWN = Unknown.VALUE
STATUS_FUNCTIONS = frozenset({"always", "success", "failure", "cancelled"})
_TOKEN = re.compile(
    r"\s*(?:(?P<number>-?(?:0x[0-9a-fA-F]+|\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w]))"
    r"|'(?P<text>(?:[^']|'')*)'"
    r"|(?P<name>[A-Za-z_][\w-]*)"
    r"|(?P<sign>&&|\|\||==|!=|<=|>=|[!<>()\[\].,*]))"
)
_EXPRESSION = re.compile(r"\$\{\{((?:[^$}]|\$(?!\{\{)|\}(?!\}))*)\}\}")


class BadExpressionError(ValueError):
    """A text that is not an expression."""


@dataclass(frozen=True, kw_only=True)
class Open:
    """A mapping that may hold more than is known of it."""

    known: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an expression is evaluated in."""

    roots: Mapping[str, Any]
    success: bool | Unknown = True
    """What `success()` gives."""
    failure: bool | Unknown = False
    cancelled: bool | Unknown = False


def evaluate(text: str, context: Context) -> Any:
    """Give an expression's value; raises BadExpressionError."""
    if len(text) > MAX_LENGTH:
        raise BadExpressionError("it is too long")
    reader = _Reader(list(_tokens(text)), context)
    value = reader.either(0)
    if reader.position != len(reader.tokens):
        raise BadExpressionError(f"'{reader.tokens[reader.position][1]}' stands in its way")
    return value


def functions_in(text: str) -> frozenset[str]:
    """Give the functions that an expression calls, in lower case."""
    try:
        tokens = [*_tokens(text), ("", "")]
    except BadExpressionError:
        return frozenset()
    pairs = itertools.pairwise(tokens)
    return frozenset(
        one[1].lower() for one, following in pairs if one[0] == "name" and following[1] == "("
    )


def names_in(text: str) -> frozenset[str]:
    """Give the dotted names that an expression uses, in lower case."""
    return frozenset(re.sub(r"\s", "", name).lower() for name in re.findall(
        r"(?<![\w-])[A-Za-z_][\w-]*+(?:\s*+\.\s*+(?:[A-Za-z_][\w-]*+|\*))+", text))  # fmt: skip


def whole_expression(text: str) -> str:
    """Take `${{ }}` off where it stands around the whole text."""
    match = _EXPRESSION.fullmatch(text.strip())
    return match[1].strip() if match else text.strip()


def interpolate(text: str, context: Context, unknown: Callable[[str], str]) -> str:
    """Put in the value of each `${{ … }}`; `unknown` gives what stands for one not known."""

    def put_in(match: re.Match[str]) -> str:
        try:
            value = evaluate(match[1], context)
        except BadExpressionError:
            value = UNKNOWN
        return unknown(match[1].strip()) if _is_open(value) else as_text(value)

    return _EXPRESSION.sub(put_in, text)


def as_condition(text: str, context: Context) -> bool | None:
    """Judge an `if:`; None where it cannot be told."""
    plain = whole_expression(text)
    if "${{" in plain:  # around a part alone: the forge takes the whole for a text, which is true
        return True
    try:
        value = evaluate(plain, context)
    except BadExpressionError:
        return None
    return None if _is_open(value) else truth(value)


def _is_open(value: Any) -> bool:
    return value is UNKNOWN or isinstance(value, Open)


def truth(value: Any) -> bool:
    """Take a known value for true or false."""
    return value not in (None, False, 0, "") or value is True


def as_text(value: Any) -> str:
    """Write a value as an expression in a text does."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return "Object" if isinstance(value, dict) else str(value)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise BadExpressionError(f"'{text[position : position + 10]}' is not understood")
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


class _Reader:
    """One pass over an expression's tokens."""

    def __init__(self, tokens: Sequence[tuple[str, str]], context: Context) -> None:
        self.tokens = tokens
        self.context = context
        self.position = 0

    def peek(self) -> str:
        """Give the next sign; empty where there is none."""
        at = self.position
        if at < len(self.tokens) and self.tokens[at][0] == "sign":
            return self.tokens[at][1]
        return ""

    def take(self, sign: str) -> None:
        """Take a sign that has to be there."""
        if self.peek() != sign:
            raise BadExpressionError(f"'{sign}' is missing")
        self.position += 1

    def either(self, depth: int) -> Any:
        """Read `a || b`."""
        value = self.both(depth)
        while self.peek() == "||":
            self.position += 1
            value = _either(value, self.both(depth))
        return value

    def both(self, depth: int) -> Any:
        """Read `a && b`."""
        value = self.compared(depth)
        while self.peek() == "&&":
            self.position += 1
            value = _both(value, self.compared(depth))
        return value

    def compared(self, depth: int) -> Any:
        """Read `a == b` and the like."""
        value = self.negated(depth)
        while self.peek() in {"==", "!=", "<", "<=", ">", ">="}:
            sign = self.peek()
            self.position += 1
            value = _compare(sign, value, self.negated(depth))
        return value

    def negated(self, depth: int) -> Any:
        """Read `!a`."""
        if depth > MAX_DEPTH:
            raise BadExpressionError("it is nested too deeply")
        if self.peek() == "!":
            self.position += 1
            value = self.negated(depth + 1)
            return UNKNOWN if _is_open(value) else not truth(value)
        return self.value(depth)

    def value(self, depth: int) -> Any:
        """Read a literal, a group, a function, or a name with what follows it."""
        if self.peek() == "(":
            self.position += 1
            value = self.either(depth + 1)
            self.take(")")
            return self.members(value, depth)
        if self.position >= len(self.tokens):
            raise BadExpressionError("something is missing at its end")
        kind, text = self.tokens[self.position]
        self.position += 1
        if kind == "number":
            return float(int(text, 16) if "x" in text.lower() else float(text))
        if kind == "text":
            return text.replace("''", "'")
        if kind != "name":
            raise BadExpressionError(f"'{text}' stands in its way")
        if self.peek() == "(":
            return self.members(self.function(text.lower(), depth), depth)
        literals = {"true": True, "false": False, "null": None, "nan": UNKNOWN}
        if text.lower() in literals:
            return literals[text.lower()]
        return self.members(_get(self.context.roots, text), depth)

    def members(self, value: Any, depth: int) -> Any:
        """Read `.name`, `[…]` and `.*` behind a value."""
        while self.peek() in {".", "["}:
            sign = self.peek()
            self.position += 1
            if sign == "[":
                key = self.either(depth + 1) if self.peek() != "*" else self._star()
                self.take("]")
            elif self.peek() == "*":
                key = self._star()
            elif self.position < len(self.tokens) and self.tokens[self.position][0] == "name":
                key = self.tokens[self.position][1]
                self.position += 1
            else:
                raise BadExpressionError("a name is missing behind '.'")
            value = _member(value, key)
        return value

    def _star(self) -> str:
        self.position += 1
        return "*"

    def function(self, name: str, depth: int) -> Any:
        """Call a function."""
        self.take("(")
        arguments: list[Any] = []
        while self.peek() != ")":
            arguments.append(self.either(depth + 1))
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        if name in STATUS_FUNCTIONS:
            return True if name == "always" else getattr(self.context, name)
        function = _FUNCTIONS.get(name)
        if function is None or any(map(_is_open, arguments)):
            return UNKNOWN
        try:
            return function(*arguments)
        except (TypeError, ValueError, IndexError):
            return UNKNOWN


def _get(mapping: Any, key: str) -> Any:
    for name, value in mapping.items():
        if name.lower() == key.lower():
            return value
    return UNKNOWN if mapping is not None else None


@dataclass(frozen=True, kw_only=True)
class _Each:
    """What `.*` gives: each value of a list or mapping."""

    values: tuple[Any, ...]


def _member(value: Any, key: Any) -> Any:  # noqa: PLR0911 - a table of kinds
    if value is UNKNOWN or _is_open(key):
        return UNKNOWN
    if isinstance(value, Open):
        return UNKNOWN if key == "*" else _get(value.known, as_text(key))
    if isinstance(value, _Each):
        found = [_member(one, key) for one in value.values]
        return _Each(values=tuple(one for one in found if one is not None))
    if isinstance(value, dict):
        if key == "*":
            return _Each(values=tuple(value.values()))
        found = _get(value, as_text(key))
        return None if found is UNKNOWN and not _has(value, as_text(key)) else found
    if isinstance(value, list):
        if key == "*":
            return _Each(values=tuple(value))
        at = as_text(key)
        return value[int(at)] if at.isdigit() and int(at) < len(value) else None
    return None


def _has(mapping: Mapping[str, Any], key: str) -> bool:
    return key.lower() in {name.lower() for name in mapping}


def _either(one: Any, two: Any) -> Any:
    if _is_open(one):
        return True if not _is_open(two) and two is True else UNKNOWN
    return one if truth(one) else two


def _both(one: Any, two: Any) -> Any:
    if _is_open(one):
        return False if not _is_open(two) and not truth(two) else UNKNOWN
    return two if truth(one) else one


def _number(value: Any) -> float | None:
    if value is None:
        return 0.0
    if isinstance(value, (bool, int, float)):
        return float(value)
    if isinstance(value, str):
        try:
            return float(value) if value.strip() else 0.0
        except ValueError:
            return None
    return None


def _compare(sign: str, one: Any, two: Any) -> Any:
    if _is_open(one) or _is_open(two) or isinstance(one, _Each) or isinstance(two, _Each):
        return UNKNOWN
    if FAILED in (one, two):
        return sign == "!=" if "0" in (one, two) and sign in {"==", "!="} else UNKNOWN
    if isinstance(one, str) and isinstance(two, str):
        left: Any = one.lower()
        right: Any = two.lower()
    else:
        left, right = _number(one), _number(two)
        if left is None or right is None:  # NaN: nothing is equal to it
            return sign == "!="
    answers = {"==": left == right, "!=": left != right, "<": left < right, "<=": left <= right,
               ">": left > right, ">=": left >= right}  # fmt: skip
    return answers[sign]


def _contains(where: Any, what: Any) -> Any:
    if isinstance(where, (_Each, list)):
        values = where.values if isinstance(where, _Each) else where
        answers = [_compare("==", one, what) for one in values]
        if True in [one for one in answers if one is not UNKNOWN]:
            return True
        return UNKNOWN if UNKNOWN in answers else False
    return as_text(what).lower() in as_text(where).lower()


def _to_json(value: Any) -> Any:
    """Write as the forges do; of a job's outputs that are not known, none are written."""
    plain = list(value.values) if isinstance(value, _Each) else value
    if "Unknown" in repr(plain):
        return UNKNOWN
    return json.dumps(plain, indent=2, default=lambda _: {})


def _format(text: str, *values: Any) -> str:
    return re.sub(
        r"\{\{|\}\}|\{(\d+)\}",
        lambda m: as_text(values[int(m[1])]) if m[1] else m[0][0],
        text,
    )


def _listed(values: Any) -> Sequence[Any]:
    return values.values if isinstance(values, _Each) else values


_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "contains": _contains,
    "startswith": lambda text, begin: as_text(text).lower().startswith(as_text(begin).lower()),
    "endswith": lambda text, end: as_text(text).lower().endswith(as_text(end).lower()),
    "format": _format,
    "join": lambda values, by=",": as_text(by).join(map(as_text, _listed(values))),
    "tojson": _to_json,
    "fromjson": json.loads,
    "hashfiles": lambda *_: UNKNOWN,
}
