"""From a shell script's text to its tree, by the grammar tree-sitter-bash.

What the grammar does not know is Opaque: nothing is guessed of it. Three habits of the grammar are
set right here: `! a | b` negates the pipeline, what follows a here-document's mark on its line
belongs to the command around it, and a redirect behind a list belongs to the list's last command.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
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
    For,
    Function,
    If,
    Loop,
    Node,
    Opaque,
    Pipeline,
    Redirect,
    Script,
    Simple,
    Text,
    Variable,
    Word,
    add_redirects,
    join_pipeline,
    put_before,
)
from hardgate.pipeline.static.shell_word_reader import Lines, WordReader

if TYPE_CHECKING:
    from tree_sitter import Node as Branch

MAX_BYTES = 256 * 1024
MAX_DEPTH = 150
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
    """Load the grammar once; an installation without the extra 'static' does not have it."""
    try:
        grammar = import_module("tree_sitter_bash")
        library = import_module("tree_sitter")
    except ImportError as error:
        raise HardgateError(
            f"The shell reader '{error.name}' is not installed.",
            "Install hardgate with it: 'hardgate[static]'.",
        ) from error
    return library.Parser(library.Language(grammar.language()))


class _Reader(WordReader):
    """Turns branches of the grammar's tree into nodes."""

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
        node = add_redirects(node, redirects)
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
        return put_before(node, tuple(self.node(child) for child in rest))

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
        return join_pipeline(tuple(nodes[:-1]), nodes[-1], negated=negated)

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
