"""A strict reading of one YAML document: from bytes to plain nodes that know their lines.

Everything is composed and nothing constructed, so that no value is guessed at and no key is lost:
PyYAML's own loading keeps the last of two equal keys, and takes UTF-16, aliases and `"\\0"`.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import yaml

from hardgate.errors import ContractError
from hardgate.text.printable import make_printable

MAX_DOCUMENT_BYTES = 256 * 1024
MAX_DEPTH = 20
MAX_VALUES = 20_000
"""Far above what 256 KiB of sensible text hold; PyYAML needs seconds for what lies beyond."""

BYTE_ORDER_MARK = "\ufeff"
STANDARD_TAG = "tag:yaml.org,2002:"

_NOT_TEXT = re.compile("[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What YAML 1.1 allows in no file (its production [1], c-printable)."""


class Refusal(Exception):  # noqa: N818 - it becomes a ContractError once the file's name is known
    """What is wrong at a line: a sentence on what it is, and one on what to do."""

    def __init__(self, line: int, problem: str, remedy: str) -> None:
        """Take a sentence without its full stop, and a whole one."""
        super().__init__(problem)
        self.line = line
        self.problem = problem
        self.remedy = remedy


@contextmanager
def translate_refusals(title: str) -> Iterator[None]:
    """Turn a Refusal inside into a ContractError that names the file."""
    try:
        yield
    except Refusal as refusal:
        problem = f"{title} line {refusal.line}: {refusal.problem}."
        raise ContractError(problem, refusal.remedy) from None


@dataclass(frozen=True, kw_only=True)
class Scalar:
    """A single value, as it was written."""

    line: int
    text: str
    tag: str
    """What YAML 1.1 takes it for: `str`, `int`, `float`, `bool`, `null`, `timestamp` …"""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A sequence."""

    line: int
    items: tuple["Node", ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A mapping; no two of its keys are equal."""

    line: int
    entries: tuple[tuple[Scalar, "Node"], ...]

    def get_value(self, name: str) -> "Node | None":
        """Find a value by its key."""
        return next((value for key, value in self.entries if key.text == name), None)


Node = Scalar | Listing | Table


@dataclass(frozen=True, kw_only=True)
class Document:
    """The one document of a file."""

    root: Node
    has_byte_order_mark: bool
    """It began with a byte order mark, which is not a part of it."""


def read_document(data: bytes, *, references: bool = False) -> Document:
    """Read a file's bytes; raises Refusal.

    With `references` anchors and aliases are followed, as forges do in their workflows.
    """
    text = _decode_text(data)
    has_byte_order_mark = text.startswith(BYTE_ORDER_MARK)
    root = _compose_yaml(text.removeprefix(BYTE_ORDER_MARK), references=references)
    if references:
        _refuse_expansion(root)
    return Document(
        root=_build_node(root),
        has_byte_order_mark=has_byte_order_mark,
    )


def _decode_text(data: bytes) -> str:
    if len(data) > MAX_DOCUMENT_BYTES:
        raise Refusal(
            1, f"it is larger than {MAX_DOCUMENT_BYTES // 1024} KiB", "Split it, or shorten it."
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Refusal(line, "this is not UTF-8", "Save the file as UTF-8.") from None
    wrong = _NOT_TEXT.search(text)
    if wrong:
        line = text.count("\n", 0, wrong.start()) + 1
        problem = f"no YAML file may hold the character U+{ord(wrong[0]):04X}, as this line does"
        raise Refusal(line, problem, "Remove it, and save the file as UTF-8.")
    return text


def _refuse_expansion(root: yaml.Node) -> None:
    """Refuse aliases that make a document large, or let it hold itself."""
    waiting, values = [(root, 1)], 0
    while waiting:
        node, depth = waiting.pop()
        values += 1
        line = node.start_mark.line + 1
        if depth > MAX_DEPTH:
            raise Refusal(line, f"it is nested deeper than {MAX_DEPTH}", "Flatten it.")
        if values > MAX_VALUES:
            raise Refusal(line, f"it holds more than {MAX_VALUES} values", "Split it.")
        if isinstance(node, yaml.MappingNode):
            waiting += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]


def _compose_yaml(text: str, *, references: bool) -> yaml.Node:
    try:
        composer = _Composer(text)
        composer.references = references
        composer.get_event()  # type: ignore[no-untyped-call]
        empty = composer.check_event(yaml.StreamEndEvent)
        node = None if empty else composer.compose_document()
        if node is None:
            raise Refusal(1, "it holds nothing", "Is it the right file?")
        if not composer.check_event(yaml.StreamEndEvent):
            line = _event_line(composer.peek_event())  # type: ignore[no-untyped-call]
            raise Refusal(line, "a second document begins here", "Keep one document in one file.")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise Refusal(
            mark.line + 1 if mark else 1,
            f"this is not YAML ({error.problem or error.context})",
            "Indent with spaces alone, and put a text with ': ' or ' #' in it between quotes.",
        ) from None
    except (ValueError, OverflowError):  # chr() and int() of what PyYAML does not bound
        problem = "it holds an escape or a number that is out of all bounds"
        raise Refusal(1, problem, "Look for a '\\U' in double quotes.") from None
    return node


class _Composer(yaml.SafeLoader):
    """PyYAML's composer, stopped before it follows what a document of ours may not hold."""

    depth = 0
    values = 0
    references = False

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if not self.references or getattr(event, "tag", None):
            _refuse_reference(event)
        self.depth += 1
        self.values += 1
        if self.depth > MAX_DEPTH:
            raise Refusal(
                _event_line(event), f"it is nested deeper than {MAX_DEPTH}", "Flatten it."
            )
        if self.values > MAX_VALUES:
            raise Refusal(
                _event_line(event), f"it holds more than {MAX_VALUES} values", "Split it."
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _refuse_reference(event: yaml.Event) -> None:
    anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
    if anchor:
        raise Refusal(
            _event_line(event),
            f"the anchor or alias '{make_printable(anchor)}' makes one text stand for another",
            "Write the text out; one that begins with '&' or '*' wants quotes.",
        )
    if tag:
        raise Refusal(
            _event_line(event),
            f"the tag '{make_printable(tag.replace(STANDARD_TAG, '!!'))}' changes what a value is",
            "Leave it out; a text that begins with '!' wants quotes.",
        )


def _event_line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


def _build_node(node: yaml.Node) -> Node:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return Table(line=line, entries=tuple(_build_entries(node)))
    if isinstance(node, yaml.SequenceNode):
        return Listing(line=line, items=tuple(_build_node(item) for item in node.value))
    return Scalar(
        line=line, text=_decode_scalar(node.value, line), tag=node.tag.removeprefix(STANDARD_TAG)
    )


def _build_entries(node: yaml.MappingNode) -> Iterator[tuple[Scalar, Node]]:
    key_lines: dict[str, int] = {}
    for key_node, value in node.value:
        key = _build_node(key_node)
        if not isinstance(key, Scalar):
            raise Refusal(key.line, "a key is a list or a mapping", "Use a word as the key.")
        if key.tag == "merge":
            raise Refusal(key.line, "'<<' merges another mapping", "Write its fields out.")
        if key.text in key_lines:
            problem = (
                f"the key '{make_printable(key.text)}' stands here again, after "
                f"line {key_lines[key.text]}"
            )
            raise Refusal(key.line, problem, "Keep one of the two.")
        key_lines[key.text] = key.line
        yield key, _build_node(value)


def _decode_scalar(value: str, line: int) -> str:
    if "\0" in value:
        problem = "an escape in here makes a NUL, which no program can be given"
        raise Refusal(line, problem, "Leave it out; a shell script has 'printf' to write one.")
    try:
        # JSON is YAML, and writes what lies beyond U+FFFF as two escapes that belong together.
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        problem = "an escape in here makes half of a surrogate pair, which is not a character"
        raise Refusal(line, problem, "Write the character itself.") from None
