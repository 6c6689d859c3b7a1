"""A shell script as a tree of commands: values alone."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class Text:
    """Characters that stand for themselves."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A parameter expansion such as `$A`, `${A:-b}` or `${A[0]}`."""

    name: str
    operator: str = ""
    """`:-`, `#`, `%%` and so on."""
    operand: "Word | None" = None
    index: str = ""
    quoted: bool = False


@dataclass(frozen=True, kw_only=True)
class Output:
    """A command substitution, or with `is_file` a process substitution."""

    script: "Script"
    quoted: bool = False
    is_file: bool = False


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A piece whose value no reader works out, such as arithmetic."""

    text: str
    quoted: bool = False


@dataclass(frozen=True, kw_only=True)
class Elements:
    """What an array is set to: `(a b c)`."""

    words: tuple["Word", ...]
    quoted: bool = False


Part = Text | Variable | Output | Unknown | Elements


@dataclass(frozen=True, kw_only=True)
class Word:
    """One word, of parts without blanks between them."""

    parts: tuple[Part, ...]
    role: str = ""
    """`glob` or `regex` where it is a pattern: what is quoted in it stands for itself."""


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """`NAME=value`, or `NAME+=value`."""

    name: str
    value: Word
    appends: bool = False


@dataclass(frozen=True, kw_only=True)
class Redirect:
    """`>file`, `2>&1`, or a here-document, whose text is the target then."""

    operator: str
    target: Word
    descriptor: str = ""


@dataclass(frozen=True, kw_only=True)
class Simple:
    """A simple command; `[`, `[[` and `((` are commands of that name."""

    line: int
    assignments: tuple[Assignment, ...] = ()
    words: tuple[Word, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    declares: str = ""
    """`export`, `local` and so on: the assignments are its arguments."""


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """`a | b`, or `! a`."""

    line: int
    parts: tuple["Node", ...]
    negated: bool = False


@dataclass(frozen=True, kw_only=True)
class Chain:
    """`a && b`, or `a || b`."""

    line: int
    left: "Node"
    operator: str
    right: "Node"


@dataclass(frozen=True, kw_only=True)
class Background:
    """`a &`."""

    line: int
    body: "Node"


@dataclass(frozen=True, kw_only=True)
class Block:
    """`{ …; }`, or `( … )` in a shell of its own; redirects may stand behind it."""

    line: int
    body: "Script"
    subshell: bool = False
    redirects: tuple[Redirect, ...] = ()


@dataclass(frozen=True, kw_only=True)
class If:
    """`if`, with its `elif` branches."""

    line: int
    branches: tuple[tuple["Script", "Script"], ...]
    otherwise: "Script | None"


@dataclass(frozen=True, kw_only=True)
class Loop:
    """`while` or `until`; a C-style `for` has no condition that is read."""

    line: int
    condition: "Script | None"
    body: "Script"
    until: bool = False


@dataclass(frozen=True, kw_only=True)
class For:
    """`for NAME in words`; without `in` the words are `"$@"`."""

    line: int
    name: str
    words: tuple[Word, ...]
    body: "Script"


@dataclass(frozen=True, kw_only=True)
class Case:
    """`case subject in`; each item is its patterns, its body, and what ends it."""

    line: int
    subject: Word
    items: tuple[tuple[tuple[Word, ...], "Script", str], ...]


@dataclass(frozen=True, kw_only=True)
class Function:
    """`name() { … }`."""

    line: int
    name: str
    body: "Node"


@dataclass(frozen=True, kw_only=True)
class Opaque:
    """A piece that the grammar does not know: it may do anything."""

    line: int
    text: str


Node = Simple | Pipeline | Chain | Background | Block | If | Loop | For | Case | Function | Opaque


@dataclass(frozen=True, kw_only=True)
class Script:
    """Commands, one after the other."""

    items: tuple[Node, ...] = ()


def add_redirects(node: Node, redirects: tuple[Redirect, ...]) -> Node:
    """Give redirects to what they belong to: the last command of a list or pipeline."""
    if not redirects:
        return node
    if isinstance(node, (Simple, Block)):
        return replace(node, redirects=(*node.redirects, *redirects))
    if isinstance(node, Chain):
        return replace(node, right=add_redirects(node.right, redirects))
    if isinstance(node, Pipeline):
        return replace(node, parts=(*node.parts[:-1], add_redirects(node.parts[-1], redirects)))
    return Block(line=node.line, body=Script(items=(node,)), redirects=redirects)


def join_pipeline(before: tuple[Node, ...], last: Node, *, negated: bool) -> Node:
    """Make a pipeline; the grammar takes `a | b || { c; }` for `a | (b || { c; })`."""
    if isinstance(last, Chain):
        return replace(last, left=join_pipeline(before, last.left, negated=negated))
    if isinstance(last, Pipeline) and not last.negated:
        return replace(last, parts=(*before, *last.parts), negated=negated)
    parts = (*before, last)
    return Pipeline(line=parts[0].line, parts=parts, negated=negated)


def put_before(node: Node, rest: tuple[Node, ...]) -> Node:
    """Join `a` and `b && c` to `(a | b) && c`."""
    first = rest[0]
    if isinstance(first, Chain):
        return replace(first, left=put_before(node, (first.left, *rest[1:])))
    if isinstance(node, Chain):
        return replace(node, right=put_before(node.right, rest))
    return Pipeline(line=node.line, parts=(node, *rest))
