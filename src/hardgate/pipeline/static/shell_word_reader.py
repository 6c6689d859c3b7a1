"""Words of a shell script, from the branches of the grammar's tree: texts, variables, outputs."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from hardgate.pipeline.static.shell_tree import (
    Elements,
    Output,
    Part,
    Script,
    Text,
    Unknown,
    Variable,
    Word,
)

if TYPE_CHECKING:
    from tree_sitter import Node as Branch

HOLE = ("\ue000", "\ue001")
"""What stands between them is put in by somebody else, such as a workflow's expression."""
_HOLE = re.compile(f"{HOLE[0]}[^{HOLE[0]}{HOLE[1]}]*+{HOLE[1]}")
_NAMES = {"variable_name", "special_variable_name", "subscript"}

Lines = Callable[[int], int]
"""Gives the line that a character of the script stands on."""


class WordReader(ABC):
    """Reads words; the scripts in them are read by `script`."""

    def __init__(self, data: bytes, lines: Lines, negated: frozenset[int]) -> None:
        self.data = data
        self.negated = negated
        self.ascii = data.isascii()
        self.lines = lines
        self.depth = 0

    def line(self, branch: Branch) -> int:
        """Give the line that a branch begins on."""
        offset = branch.start_byte
        if not self.ascii:
            offset = len(self.data[:offset].decode("utf-8", "replace"))
        return self.lines(offset)

    def text(self, branch: Branch) -> str:
        """Give a branch's text as it was written."""
        return self.data[branch.start_byte : branch.end_byte].decode("utf-8", "replace")

    @abstractmethod
    def script(self, branches: Sequence[Branch]) -> Script:
        """Read a list of commands with what separates them."""

    def word(self, branch: Branch) -> Word:
        """Read one word."""
        return Word(parts=tuple(self._parts(branch)))

    def _parts(self, branch: Branch) -> Iterator[Part]:  # noqa: C901 - a table of kinds
        kind = branch.type
        if kind == "concatenation":
            for child in branch.children:
                yield from self._parts(child)
        elif kind == "string":
            yield from self._string_parts(branch)
        elif kind == "raw_string":
            yield from _holed(self.text(branch)[1:-1], quoted=True)
        elif kind == "ansi_c_string":
            yield Text(text=_ansi(self.text(branch)[2:-1]), quoted=True)
        elif kind == "translated_string":
            yield from self._string_parts(branch.children[-1])
        elif kind in {"simple_expansion", "expansion"}:
            yield self._variable(branch, quoted=False)
        elif kind in {"command_substitution", "process_substitution"}:
            yield self._output(branch, quoted=False)
        elif kind == "array" and not _is_keyed(branch):
            words = (self.word(child) for child in branch.named_children if child.type != "comment")
            yield Elements(words=tuple(words))
        elif (
            kind in {"arithmetic_expansion", "brace_expression", "array", "subscript"}
            or branch.type == "ERROR"
            or (kind == "regex" and re.search(r"['\"`]|\$[\w{(]", self.text(branch)))
        ):
            yield Unknown(text=self.text(branch))
        else:
            yield from _escaped(self.text(branch))

    def _string_parts(self, branch: Branch) -> Iterator[Part]:
        """Read what stands between double quotes; the grammar leaves blanks out of its tree."""
        is_string = branch.type == "string"
        at, end = branch.start_byte + is_string, branch.end_byte - is_string
        for child in branch.named_children:
            if child.type in {"string_content", "heredoc_content"}:
                continue
            yield from self._literal_between(at, child.start_byte)
            at = child.end_byte
            if child.type in {"simple_expansion", "expansion"}:
                yield self._variable(child, quoted=True)
            elif child.type == "command_substitution":
                yield self._output(child, quoted=True)
            else:
                yield Unknown(text=self.text(child), quoted=True)
        yield from self._literal_between(at, end)

    def _literal_between(self, begin: int, end: int) -> Iterator[Part]:
        text = self.data[begin:end].decode("utf-8", "replace")
        text = re.sub(r'\\([$`"\\])', r"\1", text.replace("\\\n", ""))
        yield from _holed(text, quoted=True) if text else ()

    def _output(self, branch: Branch, *, quoted: bool) -> Output:
        inside = branch.children[1:-1]
        return Output(
            script=self.script(inside),
            quoted=quoted,
            is_file=branch.type == "process_substitution",
        )

    def _variable(self, branch: Branch, *, quoted: bool) -> Part:
        if branch.type == "simple_expansion":
            return Variable(name=self.text(branch)[1:], quoted=quoted)
        inside = branch.children[1:-1]
        at = next((n for n, c in enumerate(inside) if c.type in _NAMES), None)
        if at is None:
            return Unknown(text=self.text(branch), quoted=quoted)
        named, before, after = inside[at], inside[:at], inside[at + 1 :]
        name, index = self._name_of(named)
        if len(before) == 1 and self.text(before[0]) == "#" and not after:
            return Variable(name=name, operator="length", index=index, quoted=quoted)
        if before:
            return Unknown(text=self.text(branch), quoted=quoted)
        operator = after[0].type if after else ""
        operand = self._operand(branch, after)
        return Variable(name=name, operator=operator, operand=operand, index=index, quoted=quoted)

    def _operand(self, branch: Branch, after: Sequence[Branch]) -> Word:
        """Read what stands behind an operator; the grammar leaves blanks out of its tree."""
        if not after:
            return Word(parts=())
        text = self.data[after[0].end_byte : branch.end_byte - 1].decode("utf-8", "replace")
        if not set("$`'\"\\") & set(text):
            return Word(parts=tuple(_holed(text, quoted=True)))
        return Word(parts=tuple(part for child in after[1:] for part in self._parts(child)))

    def _name_of(self, branch: Branch) -> tuple[str, str]:
        if branch.type != "subscript":
            return self.text(branch), ""
        index = branch.child_by_field_name("index")
        return self.text(branch.children[0]), self.text(index) if index else ""


def _is_keyed(array: Branch) -> bool:
    """Tell of an array whose elements name their places: `([a]=b)`."""
    return any((child.text or b"").startswith(b"[") for child in array.named_children)


def _holed(text: str, *, quoted: bool) -> Iterator[Part]:
    """Yield what is known of a text, and the holes in it."""
    at = 0
    for hole in _HOLE.finditer(text):
        if hole.start() > at:
            yield Text(text=text[at : hole.start()], quoted=quoted)
        yield Unknown(text=hole[0][1:-1], quoted=quoted)
        at = hole.end()
    if at < len(text) or not text:
        yield Text(text=text[at:], quoted=quoted)


def _escaped(text: str) -> Iterator[Part]:
    """Read what stands without quotes: a character behind a backslash is quoted by it."""
    for match in re.finditer(r"\\(.)|[^\\]+|\\", text.replace("\\\n", ""), re.DOTALL):
        if match[1]:
            yield Text(text=match[1], quoted=True)
        else:
            yield from _holed(match[0], quoted=False)


def _ansi(text: str) -> str:
    simple = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
    return re.sub(r"\\(.)", lambda match: simple.get(match[1], match[0]), text)
