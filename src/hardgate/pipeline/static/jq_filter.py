"""The part of jq's language in which workflows ask what became of their jobs.

https://jqlang.org/manual/. What is not read here cannot be told; nothing is run.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hardgate.pipeline.static.jq_values import (
    COMPARISONS,
    CONSTANTS,
    FUNCTIONS,
    BadFilterError,
    Filter,
    add_values,
    apply_operator,
    choose_alternative,
    collect_values,
    each_value,
    is_true,
    join_outputs,
    make_constant,
    pipe,
    read_field,
    read_item,
    start_counting,
)

MAX_DEPTH = 40
_TOKEN = re.compile(
    r'\s*(?:(?P<text>"(?:[^"\\]|\\.)*")|(?P<number>\d+(?:\.\d+)?)'
    r"|(?P<field>\.[A-Za-z_]\w*)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>//|==|!=|<=|>=|\.\.|[.|,()\[\]<>?:;+]))"
)


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
    start_counting()
    return collect_values(read_filter(program)(value))


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
            made = pipe(made, self.read_comma(depth))
        return made

    def read_comma(self, depth: int) -> Filter:
        """Read `a, b`."""
        made = self.read_alternative(depth)
        while self.skip(","):
            made = join_outputs(made, self.read_alternative(depth))
        return made

    def read_alternative(self, depth: int) -> Filter:
        """Read `a // b`."""
        made = self.read_or(depth)
        while self.skip("//"):
            made = choose_alternative(made, self.read_or(depth))
        return made

    def read_or(self, depth: int) -> Filter:
        """Read `a or b`."""
        made = self.read_and(depth)
        while self.skip("or"):
            made = apply_operator(lambda a, b: is_true(a) or is_true(b), made, self.read_and(depth))
        return made

    def read_and(self, depth: int) -> Filter:
        """Read `a and b`."""
        made = self.read_compared(depth)
        while self.skip("and"):
            made = apply_operator(
                lambda a, b: is_true(a) and is_true(b), made, self.read_compared(depth)
            )
        return made

    def read_compared(self, depth: int) -> Filter:
        """Read `a == b` and the like."""
        made = self.read_sum(depth)
        sign = self.peek()[1]
        if self.peek()[0] == "sign" and sign in COMPARISONS:
            self.position += 1
            made = apply_operator(COMPARISONS[sign], made, self.read_sum(depth))
        return made

    def read_sum(self, depth: int) -> Filter:
        """Read `a + b`."""
        made = self.read_term(depth)
        while self.skip("+"):
            made = apply_operator(add_values, made, self.read_term(depth))
        return made

    def read_term(self, depth: int) -> Filter:
        """Read a value with the paths behind it."""
        made = self.read_head(depth)
        while True:
            kind, text = self.peek()
            if kind == "field":
                self.position += 1
                made = pipe(made, read_field(text[1:]))
            elif self.skip("["):
                made = pipe(made, self.read_index())
            elif kind == "sign" and text == ".":
                self.position += 1
                made = pipe(made, read_field(self.read_text()))
            elif not self.skip("?"):
                return made

    def read_index(self) -> Filter:
        """Read what stands behind `[`."""
        if self.skip("]"):
            return each_value
        kind, text = self.peek()
        self.position += 1
        self.expect("]")
        if kind == "text":
            return read_field(json.loads(text))
        if kind == "number" and text.isdigit():
            return read_item(int(text))
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
            return make_constant(self.read_text())
        self.position += 1
        if kind == "field":
            return read_field(text[1:])
        if kind == "number":
            return make_constant(float(text) if "." in text else int(text))
        if kind == "name":
            return self.read_call(text, depth)
        if text == ".":
            if self.peek()[0] == "text":
                return read_field(self.read_text())
            return lambda value: iter((value,))
        if text == "(":
            made = self.read_pipe(depth + 1)
            self.expect(")")
            return made
        if text == "[":
            if self.skip("]"):
                return make_constant([])
            made = self.read_pipe(depth + 1)
            self.expect("]")
            return lambda value: iter((collect_values(made(value)),))
        raise BadFilterError("a value is missing")

    def read_call(self, name: str, depth: int) -> Filter:
        """Read a function with its arguments."""
        if name in CONSTANTS:
            return make_constant(CONSTANTS[name])
        given: list[Filter] = []
        if self.skip("("):
            given.append(self.read_pipe(depth + 1))
            while self.skip(";"):
                given.append(self.read_pipe(depth + 1))
            self.expect(")")
        make = FUNCTIONS.get((name, len(given)))
        if make is None:
            raise BadFilterError(f"'{name}' is not read here")
        return make(*given)
