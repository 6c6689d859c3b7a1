"""What `$(( … ))`, `(( … ))` and `let` come to, as far as their variables are known."""

import re
from collections.abc import Callable, Iterator

from hardgate.pipeline.static.shell_state import FAILED, OTHER, UNKNOWN

MAX_DEPTH = 40
MAX_NUMBER = 2**63
_TOKEN = re.compile(
    r"\s*(?:(?P<number>0[xX][0-9a-fA-F]+|\d+(?![\w#]))|\$?\{?(?P<name>[A-Za-z_]\w*|\?)\}?"
    r"|(?P<sign>\+\+|--|\*\*|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[-+*/%<>()!&|^~?:=,])"
    r"|(?P<marker>[\ue0fd-\ue0ff]))"
)
_LEVELS = (("||",), ("&&",), ("|",), ("^",), ("&",), ("==", "!="), ("<=", ">=", "<", ">"),
           ("<<", ">>"), ("+", "-"), ("*", "/", "%"))  # fmt: skip
_UPDATE = re.compile(r"\s*([A-Za-z_]\w*)\s*(\+\+|--|[-+*/%|&^]?=(?!=))\s*(.*)", re.DOTALL)
_PREFIX = re.compile(r"\s*(\+\+|--)\s*([A-Za-z_]\w*)\s*")
Value = int | str
"""A number, FAILED for any but 0, or UNKNOWN."""


class BadArithmeticError(ValueError):
    """A text that is not an arithmetic that is read here."""


def calculate(text: str, value_of: Callable[[str], str]) -> str:
    """Give what an expression without assignments comes to, as a shell writes it."""
    try:
        return str(_Reader(list(_tokens(text)), value_of).whole())
    except BadArithmeticError:
        return UNKNOWN


def update_variable(text: str, value_of: Callable[[str], str]) -> tuple[str, str, str] | None:
    """Read `n++`, `n += 1` and the like: the variable, its new value, and that of the whole."""
    if prefix := _PREFIX.fullmatch(text):
        made = calculate(f"{prefix[2]} {prefix[1][0]} 1", value_of)
        return prefix[2], made, made
    match = _UPDATE.fullmatch(text)
    if not match:
        return None
    name, sign, rest = match.groups()
    if sign in {"++", "--"}:
        if rest.strip():
            return None
        return name, calculate(f"{name} {sign[0]} 1", value_of), calculate(name, value_of)
    made = calculate(rest if sign == "=" else f"{name} {sign[:-1]} ({rest})", value_of)
    return name, made, made


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise BadArithmeticError(text[position:])
        yield match.lastgroup, match[match.lastgroup]
        position = match.end()


class _Reader:
    """One pass over an expression."""

    def __init__(self, tokens: list[tuple[str, str]], value_of: Callable[[str], str]) -> None:
        self.tokens = tokens
        self.value_of = value_of
        self.position = 0

    def peek_sign(self) -> str:
        """Give the next sign; empty where there is none."""
        at = self.position
        known = at < len(self.tokens) and self.tokens[at][0] == "sign"
        return self.tokens[at][1] if known else ""

    def whole(self) -> Value:
        """Read all of it."""
        value = self.read_level(0, 0)
        if self.position != len(self.tokens):
            raise BadArithmeticError("it goes on")
        return value

    def read_level(self, level: int, depth: int) -> Value:
        """Read operators of one level and all that bind more tightly."""
        if depth > MAX_DEPTH:
            raise BadArithmeticError("it is nested too deeply")
        if level == len(_LEVELS):
            return self.read_unary(depth)
        value = self.read_level(level + 1, depth)
        while (sign := self.peek_sign()) in _LEVELS[level]:
            self.position += 1
            value = _combine(sign, value, self.read_level(level + 1, depth))
        return value

    def read_unary(self, depth: int) -> Value:
        """Read a number, a variable, or what stands in brackets."""
        sign = self.peek_sign()
        if sign in {"!", "-", "+", "~"}:
            self.position += 1
            return _invert(sign, self.read_level(len(_LEVELS), depth + 1))
        if sign == "(":
            self.position += 1
            value = self.read_level(0, depth + 1)
            if self.peek_sign() != ")":
                raise BadArithmeticError("')' is missing")
            self.position += 1
            return value
        if sign or self.position >= len(self.tokens):
            raise BadArithmeticError("a value is missing")
        kind, text = self.tokens[self.position]
        self.position += 1
        if kind == "marker":
            return text
        return _read_number(self.value_of(text) if kind == "name" else text)


def _read_number(text: str) -> Value:
    if text in {FAILED, OTHER}:
        return text
    text = text.strip() or "0"
    if re.fullmatch(r"-?(0|[1-9]\d{0,17})", text):
        return int(text)
    if re.fullmatch(r"0[0-7]{1,17}", text):
        return int(text, 8)
    return int(text, 16) if re.fullmatch(r"0[xX][0-9a-fA-F]{1,15}", text) else UNKNOWN


def _invert(sign: str, value: Value) -> Value:
    if sign == "!":
        return UNKNOWN if value == UNKNOWN else int(value == 0)
    if isinstance(value, int):
        return {"-": -value, "+": value, "~": ~value}[sign]
    return UNKNOWN


def _combine(  # noqa: PLR0911 - a table of cases
    sign: str, one: Value, two: Value
) -> Value:
    """Join two values; a failed status is a number from 1 to 255."""
    if sign in {"&&", "||"}:
        return _join(sign, one, two)
    if isinstance(one, int) and isinstance(two, int):
        return _count(sign, one, two)
    if OTHER in (one, two) and UNKNOWN not in (one, two) and sign in {"+", "|", "&"}:
        return _with_other(sign, two if one == OTHER else one)
    known = next((value for value in (one, two) if isinstance(value, int)), None)
    if FAILED not in (one, two) or UNKNOWN in (one, two):
        return UNKNOWN
    if sign in {"+", "|"} and (known is None or known >= 0):
        return FAILED
    if sign in {"&", "*"} and known == 0:
        return 0
    if known == 0 and sign in {"==", "!="}:
        return int(sign == "!=")
    if one == FAILED and two in {0, 1} and sign in {">", ">=", "<", "<="}:
        return _compare_failed(sign, int(two))
    return UNKNOWN


def _with_other(sign: str, value: Value) -> Value:
    """Join a status that may be 0 or not with another value."""
    if sign == "&":
        return 0 if value == 0 else OTHER
    if value == FAILED or (isinstance(value, int) and value > 0):
        return FAILED
    return OTHER if value in {0, OTHER} else UNKNOWN


def _compare_failed(sign: str, number: int) -> Value:
    """Compare a failed status with 0 or 1."""
    if number == 0:
        return int(sign in {">", ">="})
    return int(sign == ">=") if sign in {">=", "<"} else UNKNOWN


def _join(sign: str, one: Value, two: Value) -> Value:
    truths = [None if value == UNKNOWN else value != 0 for value in (one, two)]
    decisive = sign == "||"
    if decisive in truths:
        return int(decisive)
    return UNKNOWN if None in truths else int(not decisive)


def _count(sign: str, one: int, two: int) -> Value:
    if sign in {"/", "%"}:
        if two == 0:
            return UNKNOWN
        quotient = abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)
        return quotient if sign == "/" else one - quotient * two
    if sign in {"<<", ">>"}:
        shifts = 0 <= two <= 62  # noqa: PLR2004 - of 64 bits
        return _bounded(one << two if sign == "<<" else one >> two) if shifts else UNKNOWN
    if sign in {"==", "!=", "<", ">", "<=", ">="}:
        answers = {"==": one == two, "!=": one != two, "<": one < two, ">": one > two,
                   "<=": one <= two, ">=": one >= two}  # fmt: skip
        return int(answers[sign])
    made = {"+": one + two, "-": one - two, "*": one * two, "|": one | two, "&": one & two,
            "^": one ^ two}  # fmt: skip
    return _bounded(made[sign])


def _bounded(number: int) -> Value:
    return number if -MAX_NUMBER < number < MAX_NUMBER else UNKNOWN
