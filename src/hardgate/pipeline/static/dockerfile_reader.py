"""A Dockerfile as instructions, by the rules of BuildKit's own parser.

See https://github.com/moby/buildkit/blob/master/frontend/dockerfile/parser/parser.go; the
tests hold this reader to that parser, over the corpus and over generated files.
See D41 in ARCHITECTURE.md.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hardgate.pipeline.static.dockerfile_words import SPACES, BadWordError, Rules, split_words

WHITESPACE = "\t\v\f\r "
_WHITESPACE = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE = re.compile(r"#\s*([a-zA-Z][a-zA-Z0-9]*)\s*+=\s*+(\S(?:.*\S)?)\s*+\Z", re.ASCII)
_HERE_DOCUMENT = re.compile(r"(\d*)<<(-?)([^<]*)", re.ASCII)
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
WITH_DOCUMENTS = frozenset({"ADD", "COPY", "RUN"})
MAYBE_JSON = frozenset({"ADD", "CMD", "COPY", "ENTRYPOINT", "RUN", "SHELL", "VOLUME"})


class BadDockerfileError(ValueError):
    """Something that BuildKit refuses, with the line that it is at."""

    def __init__(self, line: int, problem: str) -> None:
        """Take the line, counted from 1, and a sentence without its full stop."""
        super().__init__(problem)
        self.line = line
        self.problem = problem


@dataclass(frozen=True, kw_only=True)
class HereDocument:
    """A here-document of an instruction."""

    name: str
    line: int
    """Where its text begins."""
    text: str
    """As written."""
    expands: bool
    """Its name has no quotes, so variables in it are expanded."""
    strips_tabs: bool

    @property
    def content(self) -> str:
        """What the program reads."""
        return re.sub(r"(?m)^\t+", "", self.text) if self.strips_tabs else self.text


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction, with continuations joined and comments taken out."""

    line: int
    end_line: int
    keyword: str
    """In upper case."""
    flags: tuple[str, ...]
    text: str
    """What follows keyword and flags."""
    starts: tuple[tuple[int, int], ...]
    """Of `text`: an offset, and the line that the characters from there on stand on."""
    json: tuple[str, ...] | None
    """The exec form's list."""
    documents: tuple[HereDocument, ...] = ()
    child: "Instruction | None" = None
    """What ONBUILD keeps for later."""

    def line_at(self, offset: int) -> int:
        """Give the line that a character of `text` stands on."""
        index = bisect_right([start for start, _ in self.starts], offset) - 1
        return self.starts[max(index, 0)][1]


def read_instructions(text: str) -> tuple[Instruction, ...]:
    """Read a Dockerfile; raises BadDockerfileError."""
    return _Parser(text).parse()


class _Parser:
    """One pass over the lines of a file."""

    def __init__(self, text: str) -> None:
        lines = text.removeprefix("\ufeff").split("\n")
        self.lines = [line + "\n" for line in lines[:-1]] + [lines[-1]] * bool(lines[-1])
        self.next = 0
        self.escape = "\\"
        self.seen_directives: set[str] | None = set()
        """None once there can be no further one."""

    def parse(self) -> tuple[Instruction, ...]:
        """Read all."""
        instructions = []
        while self.next < len(self.lines):
            raw = self._take_line().lstrip(SPACES)
            pieces, more = self._without_continuation(raw)
            if not more and not pieces:
                continue
            instructions.append(self._instruction(pieces, more=more))
        if not instructions:
            raise BadDockerfileError(max(self.next, 1), "it has no instructions")
        return tuple(instructions)

    def _take_line(self) -> str:
        """Take a line without its end; a comment is empty."""
        line = self.lines[self.next].rstrip("\r\n")
        self.next += 1
        self._note_directive(line.lstrip(SPACES))
        return "" if line.lstrip(SPACES).startswith("#") else line

    def _note_directive(self, line: str) -> None:
        if self.seen_directives is None:
            return
        match = _DIRECTIVE.match(line)
        if not match:
            self.seen_directives = None
            return
        name, value = match[1].lower(), match[2]
        if name not in _DIRECTIVES:
            return
        if name in self.seen_directives:
            raise BadDockerfileError(self.next, f"the directive '{name}' stands here twice")
        self.seen_directives.add(name)
        if name == "escape":
            if value not in {"\\", "`"}:
                raise BadDockerfileError(self.next, f"'{value}' is not an escape character")
            self.escape = value

    def _without_continuation(self, line: str) -> tuple[str, bool]:
        bare = line.rstrip(" \t")
        continues = bare.endswith(self.escape) and not bare[:-1].endswith(self.escape)
        return (bare[:-1], True) if continues else (line, False)

    def _instruction(self, first: str, *, more: bool) -> Instruction:
        begun, joined = self.next, first
        starts = [(0, begun)]
        while more and self.next < len(self.lines):
            is_comment = self.lines[self.next].lstrip(SPACES).startswith("#")
            line = self._take_line()
            if is_comment or not line.strip(SPACES):
                continue
            piece, more = self._without_continuation(line)
            starts.append((len(joined), self.next))
            joined += piece
        instruction = read_instruction(joined, starts, begun)
        return replace(self._with_documents(instruction, joined, begun), end_line=self.next)

    def _with_documents(self, instruction: Instruction, joined: str, begun: int) -> Instruction:
        holder = instruction.child or instruction
        if holder.keyword not in WITH_DOCUMENTS or holder.json is not None or "<<" not in joined:
            return instruction
        documents = tuple(
            self._document(match, begun) for match in _document_marks(joined, self.escape)
        )
        if instruction.child:
            return replace(instruction, child=replace(holder, documents=documents))
        return replace(instruction, documents=documents)

    def _document(self, mark: "_Mark", begun: int) -> HereDocument:
        line, content = self.next + 1, ""
        while self.next < len(self.lines):
            raw = self.lines[self.next]
            self.next += 1
            possible = raw.rstrip("\r\n")
            if (possible.lstrip("\t") if mark.strips_tabs else possible) == mark.name:
                return HereDocument(
                    name=mark.name,
                    line=line,
                    text=content,
                    expands=mark.expands,
                    strips_tabs=mark.strips_tabs,
                )
            content += raw
        raise BadDockerfileError(begun, f"the here-document '{mark.name}' does not end")


@dataclass(frozen=True, kw_only=True)
class _Mark:
    """What announces a here-document."""

    name: str
    strips_tabs: bool
    expands: bool


def _document_marks(line: str, escape: str) -> Sequence[_Mark]:
    """Find the words of a line that begin a here-document: whole words alone, outside quotes."""
    del escape  # BuildKit looks for them with a backslash, whatever the file's escape is
    rules = Rules(keep_quotes=True, keep_escapes=True, keep_unset=True)
    try:
        words = split_words(line, {}, rules)
    except BadWordError:
        return []
    return [mark for word in words if (mark := read_document_mark(word))]


def read_document_mark(word: str) -> _Mark | None:
    """Read a word such as `<<-"EOF"`; None where it begins no here-document."""
    match = _HERE_DOCUMENT.fullmatch(word)
    if not match or not match[3]:
        return None
    try:
        plain = split_words(match[3], {}, Rules(keep_unset=True))
        quoted = split_words(match[3], {}, Rules(keep_unset=True, keep_quotes=True))
    except BadWordError:
        return None
    if len(plain) != 1:
        return None
    return _Mark(name=plain[0], strips_tabs=match[2] == "-", expands=plain == quoted)


def read_instruction(
    joined: str, starts: Sequence[tuple[int, int]], line: int, *, nested: bool = False
) -> Instruction:
    """Read one logical line: keyword, flags, and the rest."""
    parts = _WHITESPACE.split(joined.strip(SPACES), maxsplit=1)
    keyword = parts[0].upper()
    rest = parts[1] if len(parts) > 1 else ""
    offset = len(joined.rstrip(SPACES)) - len(rest)
    flags, taken = read_flags(rest)
    text = rest[taken:]
    offset += taken + len(text) - len(text.lstrip(SPACES))
    text = text.strip(SPACES)
    child = None
    if keyword == "ONBUILD" and text and not nested:
        child = read_instruction(text, _moved(starts, offset), line, nested=True)
    return Instruction(
        line=line,
        end_line=line,
        keyword=keyword,
        flags=flags,
        text=text,
        starts=_moved(starts, offset),
        json=_read_exec_form(keyword, text),
        child=child,
    )


def _read_exec_form(keyword: str, text: str) -> tuple[str, ...] | None:
    if keyword == "HEALTHCHECK":
        return read_json([*text.split(maxsplit=1), "", ""][1])
    return read_json(text) if keyword in MAYBE_JSON else None


def _moved(starts: Sequence[tuple[int, int]], offset: int) -> tuple[tuple[int, int], ...]:
    """Count offsets from a later character on."""
    before = [line for start, line in starts if start <= offset]
    first = (0, before[-1] if before else starts[0][1])
    return (first, *((start - offset, line) for start, line in starts if start > offset))


def read_json(text: str) -> tuple[str, ...] | None:
    """Read the exec form; None where it is none. What follows the list is not looked at."""
    if not text.startswith("["):
        return None
    try:
        listed, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        return None
    return tuple(listed)


def read_flags(rest: str) -> tuple[tuple[str, ...], int]:
    """Read the flags before an instruction's arguments; give them, and where they end.

    BuildKit goes through them byte by byte, and takes each byte for a character.
    """
    single = rest.encode("utf-8", "surrogatepass").decode("latin-1")
    flags: list[str] = []
    position = 0
    while True:
        while single[position : position + 1] and single[position] in SPACES:
            position += 1
        if not single.startswith("--", position):
            break
        word, position = _read_flag(single, position)
        if word == "--":
            break
        if word:
            flags.append(word)
    taken = single[:position].encode("latin-1").decode("utf-8", "replace")
    return tuple(flags), len(taken)


def _read_flag(rest: str, position: int) -> tuple[str, int]:
    word, quote = "", ""
    while position < len(rest):
        char = rest[position]
        position += 1
        if char == "\\":
            word += rest[position : position + 1]
            position += 1
        elif quote or char in "'\"":
            quote, word = (
                ("", word) if char == quote else (quote or char, word + char * bool(quote))
            )
        elif char in SPACES:
            return word, position
        else:
            word += char
    return word, position
