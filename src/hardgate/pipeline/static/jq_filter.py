"""The part of jq's language in which workflows ask what became of their jobs.

https://jqlang.org/manual/. What is not read here cannot be told; nothing is run.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

MAX_VALUES = 500
MAX_DEPTH = 40
MAX_STEPS = 20_000
_steps: ContextVar[Iterator[int]] = ContextVar("steps")
"""Counts what a run of one filter has done, for products of lists grow fast."""
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)'
    r"|(?P<field>\.[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>//|==|!=|<=|>=|\.\.|[.|,()\[\]<>?:;+]))"
)


class BadFilterError(ValueError):
    """A filter that is not read here, or that fails on its input."""


Filter = Callable[[Any], Iterator[Any]]
"""Gives what comes out for one input."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What jq prints, and its exit status."""

    text: str
    status: str


def run_jq(words: Sequence[str], stdin: str) -> Answer | None:
    """Run jq on a text; None where it cannot be told what it does."""
    flags = [word for word in words[1:] if word.startswith("-")]
    programs = [word for word in words[1:] if not word.startswith("-")]
    letters = {letter for word in flags if not word.startswith("--") for letter in word[1:]}
    longs = {word for word in flags if word.startswith("--")}
    named = {"--exit-status": "e", "--raw-output": "r", "--compact-output": "c", "--monochrome": ""}
    if len(programs) != 1 or longs - set(named) or letters - set("ercM"):
        return None
    letters |= {named[word] for word in longs}
    try:
        found = _run(programs[0], json.loads(stdin))
    except (BadFilterError, ValueError, RecursionError):
        return None
    printed = [_write(value, raw="r" in letters, compact="c" in letters) for value in found]
    fails = "e" in letters and (not found or found[-1] in (None, False))
    status = ("1" if found else "4") if fails else "0"
    return Answer(text="".join(f"{line}\n" for line in printed), status=status)


def _run(program: str, value: Any) -> list[Any]:
    _steps.set(count())
    return _collect(read_filter(program)(value))


def _collect(values: Iterable[Any]) -> list[Any]:
    found = []
    for one in values:
        found.append(one)
        if len(found) > MAX_VALUES:
            raise BadFilterError("it gives too many values")
    _weigh(found)
    return found


def _weigh(value: Any) -> None:
    """Count all that is in a value: a list of lists may hold one of them many times."""
    _step()
    inside = value.values() if isinstance(value, dict) else value
    for one in inside if isinstance(value, (list, dict)) else ():
        _weigh(one)


def _step() -> None:
    if next(_steps.get()) > MAX_STEPS:
        raise BadFilterError("it takes too long")


def _write(value: Any, *, raw: bool, compact: bool) -> str:
    if raw and isinstance(value, str):
        return value
    indent = None if compact else 2
    separators = (",", ":") if compact else (",", ": ")
    return json.dumps(value, indent=indent, separators=separators, ensure_ascii=False)


def read_filter(program: str) -> Filter:
    """Read a filter; raises BadFilterError."""
    tokens, position, text = [], 0, program.strip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if not match or not match.lastgroup:
            raise BadFilterError(text[position:])
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    reader = _Reader(tokens)
    made = reader.read_pipe(0)
    if reader.position != len(tokens):
        raise BadFilterError("it goes on")
    return made


class _Reader:
    """One pass over a filter's tokens."""

    def __init__(self, tokens: Sequence[tuple[str, str]]) -> None:
        self.tokens = tokens
        self.position = 0

    def peek(self) -> tuple[str, str]:
        """Give the next token; empty texts where there is none."""
        return self.tokens[self.position] if self.position < len(self.tokens) else ("", "")

    def skip(self, text: str) -> bool:
        """Pass by a sign or word, if it is the next."""
        if self.peek()[1] != text or self.peek()[0] == "text":
            return False
        self.position += 1
        return True

    def expect(self, sign: str) -> None:
        """Pass by a sign that has to be there."""
        if not self.skip(sign):
            raise BadFilterError(f"'{sign}' is missing")

    def read_pipe(self, depth: int) -> Filter:
        """Read `a | b`."""
        if depth > MAX_DEPTH:
            raise BadFilterError("it is nested too deeply")
        made = self.read_comma(depth)
        while self.skip("|"):
            made = _pipe(made, self.read_comma(depth))
        return made

    def read_comma(self, depth: int) -> Filter:
        """Read `a, b`."""
        made = self.read_alternative(depth)
        while self.skip(","):
            made = _both(made, self.read_alternative(depth))
        return made

    def read_alternative(self, depth: int) -> Filter:
        """Read `a // b`."""
        made = self.read_or(depth)
        while self.skip("//"):
            made = _alternative(made, self.read_or(depth))
        return made

    def read_or(self, depth: int) -> Filter:
        """Read `a or b`."""
        made = self.read_and(depth)
        while self.skip("or"):
            made = _apply(lambda a, b: _truth(a) or _truth(b), made, self.read_and(depth))
        return made

    def read_and(self, depth: int) -> Filter:
        """Read `a and b`."""
        made = self.read_compared(depth)
        while self.skip("and"):
            made = _apply(lambda a, b: _truth(a) and _truth(b), made, self.read_compared(depth))
        return made

    def read_compared(self, depth: int) -> Filter:
        """Read `a == b` and the like."""
        made = self.read_sum(depth)
        sign = self.peek()[1]
        if self.peek()[0] == "sign" and sign in _COMPARISONS:
            self.position += 1
            made = _apply(_COMPARISONS[sign], made, self.read_sum(depth))
        return made

    def read_sum(self, depth: int) -> Filter:
        """Read `a + b`."""
        made = self.read_term(depth)
        while self.skip("+"):
            made = _apply(_add, made, self.read_term(depth))
        return made

    def read_term(self, depth: int) -> Filter:
        """Read a value with the paths behind it."""
        made = self.read_head(depth)
        while True:
            kind, text = self.peek()
            if kind == "field":
                self.position += 1
                made = _pipe(made, _field(text[1:]))
            elif self.skip("["):
                made = _pipe(made, self.read_index())
            elif kind == "sign" and text == ".":
                self.position += 1
                made = _pipe(made, _field(self.read_text()))
            elif not self.skip("?"):
                return made

    def read_index(self) -> Filter:
        """Read what stands behind `[`."""
        if self.skip("]"):
            return _each
        kind, text = self.peek()
        self.position += 1
        self.expect("]")
        if kind == "text":
            return _field(json.loads(text))
        if kind == "number" and text.isdigit():
            return _item(int(text))
        raise BadFilterError("an index that is not read here")

    def read_text(self) -> str:
        """Read a text in quotes."""
        kind, text = self.peek()
        if kind != "text" or "\\(" in text:
            raise BadFilterError("a text is missing, or has something put in")
        self.position += 1
        return str(json.loads(text))

    def read_head(self, depth: int) -> Filter:  # noqa: PLR0911 - a table of tokens
        """Read what a term begins with."""
        kind, text = self.peek()
        if kind == "text":
            return _constant(self.read_text())
        self.position += 1
        if kind == "field":
            return _field(text[1:])
        if kind == "number":
            return _constant(float(text) if "." in text else int(text))
        if kind == "name":
            return self.read_call(text, depth)
        if text == ".":
            if self.peek()[0] == "text":
                return _field(self.read_text())
            return lambda value: iter((value,))
        if text == "(":
            made = self.read_pipe(depth + 1)
            self.expect(")")
            return made
        if text == "[":
            if self.skip("]"):
                return _constant([])
            made = self.read_pipe(depth + 1)
            self.expect("]")
            return lambda value: iter((_collect(made(value)),))
        raise BadFilterError("a value is missing")

    def read_call(self, name: str, depth: int) -> Filter:
        """Read a function with its arguments."""
        if name in _CONSTANTS:
            return _constant(_CONSTANTS[name])
        given: list[Filter] = []
        if self.skip("("):
            given.append(self.read_pipe(depth + 1))
            while self.skip(";"):
                given.append(self.read_pipe(depth + 1))
            self.expect(")")
        make = _FUNCTIONS.get((name, len(given)))
        if make is None:
            raise BadFilterError(f"'{name}' is not read here")
        return make(*given)


def _constant(value: Any) -> Filter:
    return lambda _: iter((value,))


def _pipe(first: Filter, second: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        for one in first(value):
            _step()
            yield from second(one)

    return give


def _both(first: Filter, second: Filter) -> Filter:
    return lambda value: chain(first(value), second(value))


def _alternative(first: Filter, second: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        held = [one for one in _collect(first(value)) if _truth(one)]
        return iter(held or _collect(second(value)))

    return give


def _apply(join: Callable[[Any, Any], Any], first: Filter, second: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        for two in second(value):
            for one in first(value):
                _step()
                yield join(one, two)

    return give


def _truth(value: Any) -> bool:
    return value is not None and value is not False


def _same(one: Any, two: Any) -> bool:
    return bool(one == two) and isinstance(one, bool) == isinstance(two, bool)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def join(one: Any, two: Any) -> bool:
        kinds = {type(one), type(two)}
        if kinds <= {int, float} or kinds == {str}:
            return compare(one, two)
        raise BadFilterError("values of two kinds are compared")

    return join


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": _same,
    "!=": lambda one, two: not _same(one, two),
    "<": _ordered(lambda one, two: one < two),
    ">": _ordered(lambda one, two: one > two),
    "<=": _ordered(lambda one, two: one <= two),
    ">=": _ordered(lambda one, two: one >= two),
}


def _add(one: Any, two: Any) -> Any:
    if type(one) is type(two) and isinstance(one, (int, str, list)):
        return one + two
    raise BadFilterError("values are added that are not read here")


def _field(name: str) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        if value is not None and not isinstance(value, dict):
            raise BadFilterError(f"'.{name}' of what is no object")
        yield (value or {}).get(name)

    return give


def _item(number: int) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        if not isinstance(value, list):
            raise BadFilterError("a number is asked of what is no array")
        yield value[number] if number < len(value) else None

    return give


def _each(value: Any) -> Iterator[Any]:
    if not isinstance(value, (list, dict)):
        raise BadFilterError("'.[]' of what has no values")
    return iter(list(value.values() if isinstance(value, dict) else value))


def _on_list(make: Callable[[list[Any]], Any]) -> Callable[[], Filter]:
    def give(value: Any) -> Iterator[Any]:
        yield make([*_each(value)])

    return lambda: give


def _length(value: Any) -> Iterator[Any]:
    if not isinstance(value, (list, dict, str)):
        raise BadFilterError("a length that is not read here")
    yield len(value)


def _to_entries(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise BadFilterError("entries of what is no object")
    yield [{"key": key, "value": one} for key, one in value.items()]


def _from_entries(value: Any) -> Iterator[Any]:
    entries = [one for one in _each(value) if isinstance(one, dict) and "key" in one]
    yield {str(one["key"]): one.get("value") for one in entries}


def _select(condition: Filter) -> Filter:
    return lambda value: (value for held in condition(value) if _truth(held))


def _map(change: Filter) -> Filter:
    return lambda value: iter((_collect(out for one in _each(value) for out in change(one)),))


def _asked(join: Callable[[Iterator[bool]], bool], values: Filter, condition: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        held = (_truth(answer) for one in values(value) for answer in condition(one))
        yield join(held)

    return give


def _is_among(values: Filter) -> Filter:
    return lambda value: iter((any(_same(value, one) for one in values(value)),))


def _by_text(judge: Callable[[str, str], bool]) -> Callable[[Filter], Filter]:
    def make(other: Filter) -> Filter:
        def give(value: Any) -> Iterator[Any]:
            for one in other(value):
                if not isinstance(value, str) or not isinstance(one, str):
                    raise BadFilterError("texts are missing")
                yield judge(value, one)

        return give

    return make


def _join_by(separator: Filter) -> Filter:
    def give(value: Any) -> Iterator[Any]:
        for by in separator(value):
            yield str(by).join("" if one is None else str(one) for one in _each(value))

    return give


def _keys(value: Any) -> Iterator[Any]:
    if not isinstance(value, dict):
        raise BadFilterError("keys of what is no object")
    yield sorted(value)


_CONSTANTS: Mapping[str, Any] = {"true": True, "false": False, "null": None}
_FUNCTIONS: Mapping[tuple[str, int], Callable[..., Filter]] = {
    ("not", 0): lambda: lambda value: iter((not _truth(value),)),
    ("empty", 0): lambda: lambda _: iter(()),
    ("length", 0): lambda: _length,
    ("keys", 0): lambda: _keys,
    ("to_entries", 0): lambda: _to_entries,
    ("from_entries", 0): lambda: _from_entries,
    ("all", 0): lambda: _asked(all, _each, lambda value: iter((value,))),
    ("any", 0): lambda: _asked(any, _each, lambda value: iter((value,))),
    ("all", 1): lambda condition: _asked(all, _each, condition),
    ("any", 1): lambda condition: _asked(any, _each, condition),
    ("all", 2): lambda values, condition: _asked(all, values, condition),
    ("any", 2): lambda values, condition: _asked(any, values, condition),
    ("select", 1): _select,
    ("map", 1): _map,
    ("with_entries", 1): lambda change: _pipe(_pipe(_to_entries, _map(change)), _from_entries),
    ("IN", 1): _is_among,
    ("contains", 1): _by_text(lambda text, part: part in text),
    ("startswith", 1): _by_text(lambda text, part: text.startswith(part)),
    ("endswith", 1): _by_text(lambda text, part: text.endswith(part)),
    ("join", 1): _join_by,
    ("add", 0): _on_list(lambda values: sum(values) if all(
        isinstance(one, int) for one in values) and values else None),
    ("unique", 0): _on_list(lambda values: sorted({json.dumps(one): one for one in values}.values(),
                                                  key=json.dumps)),
}  # fmt: skip
