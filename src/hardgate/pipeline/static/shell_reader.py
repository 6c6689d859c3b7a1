"""From a shell script's text to its tree, by the grammar tree-sitter-bash.

What the grammar does not know is Opaque: nothing is guessed of it. Three habits of the grammar are
set right here: `! a | b` negates the pipeline, what follows a here-document's mark on its line
belongs to the command around it, and a redirect behind a list belongs to the list's last command.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hardgate.errors import HardgateError
from hardgate.pipeline.static.shell_tree import (
    Assignment,
    Background,
    Block,
    Case,
    Chain,
    Elements,
    For,
    Function,
    If,
    Loop,
    Node,
    Opaque,
    Output,
    Part,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Text,
    Unknown,
    Variable,
    Word,
)

if TYPE_CHECKING:
    from tree_sitter import Node as Branch

MAX_BYTES = 256 * 1024
MAX_DEPTH = 150
HOLE = ("\ue000", "\ue001")
"""What stands between them is put in by somebody else, such as a workflow's expression."""
_HOLE = re.compile(f"{HOLE[0]}[^{HOLE[0]}{HOLE[1]}]*+{HOLE[1]}")
_NEGATED_COMPOUND = re.compile(
    rb"(?<![^\s;&|({])!\s+(?=(?:if|for|while|until|case|\{)\s|\(\(?)", re.MULTILINE
)
RESERVED = frozenset(
    {"if", "then", "else", "elif", "fi", "for", "while", "until", "do", "done", "case", "esac"}
    | {"!", "{", "}", "function", "select", "coproc", "[["}
)
"""No command has such a name: where the grammar takes one for a command, it has gone astray."""
_OPERATORS = {"&&", "||"}
_ROLES = {"==": "glob", "=": "glob", "!=": "glob", "=~": "regex"}
"""What stands behind an operator of `[[`; `[` reads it as text all the same."""
_REDIRECTS = {"file_redirect", "heredoc_redirect", "herestring_redirect"}

Lines = Callable[[int], int]
"""Gives the line that a character of the script stands on."""


class TooLargeError(ValueError):
    """A script that is larger, or nested deeper, than anybody writes by hand."""


def lines_of(text: str, first: int = 1) -> Lines:
    """Count lines from the one that a text begins on."""
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    return lambda offset: first + bisect_right(starts, offset) - 1


def read_script(text: str, lines: Lines | None = None) -> Script:
    """Read a script; raises TooLargeError."""
    data = text.encode("utf-8", "replace")
    if len(data) > MAX_BYTES:
        raise TooLargeError(f"it is larger than {MAX_BYTES // 1024} KiB")
    plain, negated = _without_negations(data)
    tree = _parser().parse(plain)
    return _Reader(plain, lines or lines_of(text), negated).script(tree.root_node.children)


def _without_negations(data: bytes) -> tuple[bytes, frozenset[int]]:
    """Blank each `!` before a compound command, and give where those commands begin."""
    begins: list[int] = []

    def blank(match: re.Match[bytes]) -> bytes:
        begins.append(match.end())
        return b" " + match[0][1:]

    return _NEGATED_COMPOUND.sub(blank, data), frozenset(begins)


@cache
def _parser() -> Any:
    """Load the grammar once; an installation without the extra 'pipeline' does not have it."""
    try:
        grammar = import_module("tree_sitter_bash")
        library = import_module("tree_sitter")
    except ImportError as error:
        raise HardgateError(
            f"The shell reader '{error.name}' is not installed.",
            "Install hardgate with it: 'hardgate[pipeline]'.",
        ) from error
    return library.Parser(library.Language(grammar.language()))


class _Reader:
    """Turns branches of the grammar's tree into nodes."""

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

    def script(self, branches: Sequence[Branch]) -> Script:
        """Read a list of commands with what separates them."""
        items: list[Node] = []
        for branch in branches:
            if branch.type == "&" and items:
                items[-1] = Background(line=items[-1].line, body=items[-1])
            elif branch.type == "ERROR" or branch.is_missing:
                items.append(self._opaque(branch))
            elif branch.is_named and branch.type not in {"comment", "heredoc_body", "heredoc_end"}:
                items.append(self.node(branch))
        return Script(items=tuple(items))

    def _opaque(self, branch: Branch) -> Opaque:
        return Opaque(line=self.line(branch), text=self.text(branch))

    def node(self, branch: Branch) -> Node:
        """Read one command of any kind."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooLargeError("it is nested too deeply")
        reader = getattr(self, f"_read_{branch.type}", None)
        broken = any(_is_broken(child) for child in branch.children)
        node = self._opaque(branch) if reader is None or broken else reader(branch)
        self.depth -= 1
        if branch.start_byte in self.negated and not isinstance(node, (Chain, Pipeline)):
            return Pipeline(line=node.line, parts=(node,), negated=True)
        return node

    def _read_command(self, branch: Branch) -> Node:
        name = branch.child_by_field_name("name")
        if name is not None and self.text(name) in RESERVED:
            return self._opaque(branch)
        parts = [child for child in branch.children if child.type not in _REDIRECTS]
        named = [child for child in parts if child.is_named and child.type != "comment"]
        values = [self._assignment(c) for c in named if c.type == "variable_assignment"]
        return Simple(
            line=self.line(named[0] if named else branch),
            assignments=tuple(values),
            words=tuple(
                self.word(child.children[0] if child.type == "command_name" else child)
                for child in parts
                if child.type not in {"variable_assignment", "comment"}
            ),
            redirects=tuple(
                redirect
                for child in branch.children
                if child.type in _REDIRECTS
                for redirect in self._redirects(child)
            ),
        )

    def _read_variable_assignment(self, branch: Branch) -> Node:
        return Simple(line=self.line(branch), assignments=(self._assignment(branch),))

    def _read_variable_assignments(self, branch: Branch) -> Node:
        values = tuple(self._assignment(child) for child in branch.named_children)
        return Simple(line=self.line(branch), assignments=values)

    def _assignment(self, branch: Branch) -> Assignment:
        name = self.text(branch.children[0])
        value = branch.child_by_field_name("value")
        return Assignment(
            name=name,
            value=self.word(value) if value is not None else Word(parts=()),
            appends=any(child.type == "+=" for child in branch.children),
        )

    def _read_declaration_command(self, branch: Branch) -> Node:
        values = [c for c in branch.named_children if c.type == "variable_assignment"]
        others = [
            c
            for c in branch.children
            if c.is_named and c.type not in {"variable_assignment", "comment"}
        ]
        return Simple(
            line=self.line(branch),
            declares=self.text(branch.children[0]),
            words=(_literal(self.text(branch.children[0])), *(self.word(c) for c in others)),
            assignments=tuple(self._assignment(c) for c in values),
        )

    def _read_unset_command(self, branch: Branch) -> Node:
        words = (self.word(child) for child in branch.children)
        return Simple(line=self.line(branch), words=tuple(words))

    def _read_test_command(self, branch: Branch) -> Node:
        return Simple(line=self.line(branch), words=tuple(self._test_words(branch)))

    def _test_words(self, branch: Branch) -> Iterator[Word]:
        before = ""
        for child in branch.children:
            if child.type.endswith("_expression") and child.type != "brace_expression":
                yield from self._test_words(child)
            else:
                yield replace(self.word(child), role=_ROLES.get(before, ""))
            before = child.type

    def _read_redirected_statement(self, branch: Branch) -> Node:
        body = branch.child_by_field_name("body")
        marks = [child for child in branch.children if child.type in _REDIRECTS]
        redirects = tuple(one for mark in marks for one in self._redirects(mark))
        node: Node = self.node(body) if body else Simple(line=self.line(branch))
        node = _redirected(node, redirects)
        for mark in marks:
            if mark.type == "heredoc_redirect":
                node = self._rest_of_line(node, mark)
        return node

    def _rest_of_line(self, node: Node, mark: Branch) -> Node:
        """Read what stands behind a here-document's mark: words, a pipeline, `&& next`."""
        operator = ""
        for child in mark.children:
            if child.type in _OPERATORS:
                operator = child.type
            elif child.type == "pipeline":
                node = self._piped(node, child)
            elif operator and child.is_named and child.type not in {"heredoc_body", "heredoc_end"}:
                node = Chain(line=node.line, left=node, operator=operator, right=self.node(child))
                operator = ""
        return node

    def _piped(self, node: Node, branch: Branch) -> Node:
        """Put a command before a pipeline that lacks its first part."""
        rest = [child for child in branch.children if child.is_named and child.type != "comment"]
        return _put_before(node, tuple(self.node(child) for child in rest))

    def _redirects(self, branch: Branch) -> Iterator[Redirect]:
        descriptor = next((c for c in branch.children if c.type == "file_descriptor"), None)
        number = self.text(descriptor) if descriptor else ""
        if branch.type == "heredoc_redirect":
            yield from self._document(branch, number)
            for child in branch.children:
                if child.type in _REDIRECTS:
                    yield from self._redirects(child)
            return
        operator = next((c.type for c in branch.children if not c.is_named), "")
        targets = [c for c in branch.named_children if c.type != "file_descriptor"]
        target = self.word(targets[0]) if targets else Word(parts=())
        yield Redirect(operator=operator, target=target, descriptor=number)

    def _document(self, branch: Branch, number: str) -> Iterator[Redirect]:
        start = next((c for c in branch.children if c.type == "heredoc_start"), None)
        body = next((c for c in branch.children if c.type == "heredoc_body"), None)
        quoted = start is not None and bool(set("'\"\\") & set(self.text(start)))
        content = self.text(body) if body else ""
        if any(child.type == "<<-" for child in branch.children):
            content = re.sub(r"(?m)^\t+", "", content)
        if not quoted and body and body.named_child_count:
            parts = tuple(self._string_parts(body))
        else:
            parts = (Text(text=content, quoted=True),)
        yield Redirect(operator="<<", target=Word(parts=parts), descriptor=number)

    def _read_pipeline(self, branch: Branch) -> Node:
        parts = [c for c in branch.children if c.is_named and c.type != "comment"]
        nodes = [self.node(part) for part in parts]
        first = nodes[0]
        negated = isinstance(first, Pipeline) and first.negated and len(first.parts) == 1
        if negated:
            nodes[0] = first.parts[0]  # type: ignore[union-attr]  # it is a Pipeline
        return _join(tuple(nodes[:-1]), nodes[-1], negated=negated)

    def _read_negated_command(self, branch: Branch) -> Node:
        inner = self.node(branch.named_children[0])
        if isinstance(inner, Pipeline) and not inner.negated:
            return replace(inner, negated=True)
        return Pipeline(line=self.line(branch), parts=(inner,), negated=True)

    def _read_list(self, branch: Branch) -> Node:
        named = [c for c in branch.children if c.is_named and c.type != "comment"]
        operator = next((c.type for c in branch.children if c.type in _OPERATORS), "")
        if len(named) != 2 or not operator:  # noqa: PLR2004 - a left and a right side
            return self._opaque(branch)
        left, right = self.node(named[0]), self.node(named[1])
        return Chain(line=self.line(branch), left=left, operator=operator, right=right)

    def _read_subshell(self, branch: Branch) -> Node:
        body = self.script(branch.children[1:-1])
        return Block(line=self.line(branch), body=body, subshell=True)

    def _read_compound_statement(self, branch: Branch) -> Node:
        if branch.children[0].type == "((":
            inside = self.text(branch)[2:-2].strip()
            words = (_literal("(("), Word(parts=(Text(text=inside, quoted=True),)))
            return Simple(line=self.line(branch), words=words)
        return Block(line=self.line(branch), body=self.script(branch.children[1:-1]))

    def _read_if_statement(self, branch: Branch) -> Node:
        branches: list[tuple[Script, Script]] = []
        otherwise = None
        pieces = _split_at(branch.children, "then")
        for child in branch.children:
            if child.type == "elif_clause":
                branches.append(self._branch(_split_at(child.children, "then")))
            elif child.type == "else_clause":
                otherwise = self.script(child.children[1:])
        first = self._branch(pieces)
        return If(line=self.line(branch), branches=(first, *branches), otherwise=otherwise)

    def _branch(self, pieces: tuple[Sequence[Branch], Sequence[Branch]]) -> tuple[Script, Script]:
        condition, body = pieces
        kept = [c for c in body if c.type not in {"elif_clause", "else_clause", "fi"}]
        return self.script(condition[1:]), self.script(kept)

    def _read_while_statement(self, branch: Branch) -> Node:
        body = branch.child_by_field_name("body")
        condition = [c for c in branch.children[1:] if c.type != "do_group"]
        return Loop(
            line=self.line(branch),
            condition=self.script(condition),
            body=self._do_group(body),
            until=branch.children[0].type == "until",
        )

    def _read_for_statement(self, branch: Branch) -> Node:
        body = branch.child_by_field_name("body")
        name = branch.child_by_field_name("variable")
        has_list = any(child.type == "in" for child in branch.children)
        words = branch.children_by_field_name("value") if has_list else []
        everything = Word(parts=(Variable(name="@", quoted=True),))
        return For(
            line=self.line(branch),
            name=self.text(name) if name else "",
            words=tuple(self.word(word) for word in words) if has_list else (everything,),
            body=self._do_group(body),
        )

    def _read_c_style_for_statement(self, branch: Branch) -> Node:
        body = self._do_group(branch.child_by_field_name("body"))
        return Loop(line=self.line(branch), condition=None, body=body)

    def _do_group(self, branch: Branch | None) -> Script:
        if branch is None:
            return Script()
        return self.script(branch.children[1:-1])

    def _read_case_statement(self, branch: Branch) -> Node:
        subject = branch.child_by_field_name("value")
        items = []
        for item in (child for child in branch.children if child.type == "case_item"):
            at = next(n for n, child in enumerate(item.children) if child.type == ")")
            patterns = [c for c in item.children[:at] if c.type not in {"|", "("}]
            body = [c for c in item.children[at + 1 :] if c.type not in {";;", ";&", ";;&"}]
            words = (replace(self.word(one), role="glob") for one in patterns)
            items.append((tuple(words), self.script(body), item.children[-1].type))
        return Case(
            line=self.line(branch),
            subject=self.word(subject) if subject else Word(parts=()),
            items=tuple(items),
        )

    def _read_function_definition(self, branch: Branch) -> Node:
        name, body = branch.child_by_field_name("name"), branch.child_by_field_name("body")
        if name is None or body is None:
            return self._opaque(branch)
        return Function(line=self.line(branch), name=self.text(name), body=self.node(body))

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


_NAMES = {"variable_name", "special_variable_name", "subscript"}


def _is_keyed(array: Branch) -> bool:
    """Tell of an array whose elements name their places: `([a]=b)`."""
    return any((child.text or b"").startswith(b"[") for child in array.named_children)


def _is_broken(branch: Branch) -> bool:
    """Tell of a piece that breaks what it stands in; a redirect such as `3<>file` does not."""
    if branch.type == "heredoc_redirect":
        return any(child.type == "ERROR" for child in branch.children)
    return branch.type == "ERROR" or branch.is_missing


def _split_at(branches: Sequence[Branch], kind: str) -> tuple[Sequence[Branch], Sequence[Branch]]:
    at = next((n for n, child in enumerate(branches) if child.type == kind), len(branches))
    return branches[:at], branches[at + 1 :]


def _literal(text: str) -> Word:
    return Word(parts=(Text(text=text),))


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


def _redirected(node: Node, redirects: tuple[Redirect, ...]) -> Node:
    """Give redirects to what they belong to: the last command of a list or pipeline."""
    if not redirects:
        return node
    if isinstance(node, (Simple, Block)):
        return replace(node, redirects=(*node.redirects, *redirects))
    if isinstance(node, Chain):
        return replace(node, right=_redirected(node.right, redirects))
    if isinstance(node, Pipeline):
        return replace(node, parts=(*node.parts[:-1], _redirected(node.parts[-1], redirects)))
    return Block(line=node.line, body=Script(items=(node,)), redirects=redirects)


def _join(before: tuple[Node, ...], last: Node, *, negated: bool) -> Node:
    """Make a pipeline; the grammar takes `a | b || { c; }` for `a | (b || { c; })`."""
    if isinstance(last, Chain):
        return replace(last, left=_join(before, last.left, negated=negated))
    if isinstance(last, Pipeline) and not last.negated:
        return replace(last, parts=(*before, *last.parts), negated=negated)
    parts = (*before, last)
    return Pipeline(line=parts[0].line, parts=parts, negated=negated)


def _put_before(node: Node, rest: tuple[Node, ...]) -> Node:
    """Join `a` and `b && c` to `(a | b) && c`."""
    first = rest[0]
    if isinstance(first, Chain):
        return replace(first, left=_put_before(node, (first.left, *rest[1:])))
    if isinstance(node, Chain):
        return replace(node, right=_put_before(node.right, rest))
    return Pipeline(line=node.line, parts=(node, *rest))
