"""Shapes of lists: URLs, paths, and pairs of a path and something more."""

import re
from dataclasses import dataclass
from typing import Any

from hardgate.schema.document import Listing, Node, Refusal, Scalar, Table
from hardgate.schema.source import is_web_url
from hardgate.schema.types import read_string
from hardgate.text.printable import make_printable
from hardgate.text.typo import suggest_choice

MAX_URL_CHARS = 2048


def read_listing(node: Node, noun: str) -> Listing:
    """Take a list; `wanted` says of what."""
    if isinstance(node, Listing):
        return node
    what = "mapping" if isinstance(node, Table) else "single value"
    if isinstance(node, Scalar) and node.tag == "null":
        raise Refusal(node.line, "is empty", f"Write a list of {noun}.")
    raise Refusal(
        node.line, f"is a {what}, not a list of {noun}", "Begin each with '- ' on its own line."
    )


@dataclass(frozen=True, kw_only=True)
class Urls:
    """A list of http and https URLs; it may be empty."""

    def read(self, node: Node) -> tuple[str, ...]:
        """Refuse what could not stand in a list that is separated by spaces."""
        return tuple(_read_url(item) for item in read_listing(node, "URLs").items)

    def schema(self) -> dict[str, Any]:
        """As far as a pattern can say it."""
        item = {"type": "string", "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^\s/@]+(/\S*)?$"}
        return {"type": "array", "items": item}


def _read_url(node: Node) -> str:
    text = read_string(node, "a URL")
    if not text.isprintable() or " " in text or len(text) > MAX_URL_CHARS:
        remedy = f"Use printable characters without white space, at most {MAX_URL_CHARS}."
        raise Refusal(node.line, "holds a URL that cannot be used", remedy)
    if "@" in text.partition("://")[2].partition("/")[0]:
        raise Refusal(
            node.line,
            "holds a URL with a user or a password, which every report would show",
            "Name a target that needs none.",
        )
    if not is_web_url(text):
        raise Refusal(
            node.line,
            f"holds '{make_printable(text)}', which is not an http or https URL",
            "Write it out, such as 'https://example.org/'.",
        )
    return text


@dataclass(frozen=True, kw_only=True)
class Choices:
    """A list of words out of a few; it may be empty."""

    known: tuple[str, ...]
    noun: str

    def read(self, node: Node) -> tuple[str, ...]:
        """Refuse a word that is not known, and one that comes twice; guess a typo."""
        choices: list[str] = []
        for item in read_listing(node, self.noun).items:
            choice = read_string(item)
            if choice not in self.known:
                remedy = (
                    suggest_choice(choice, self.known) or f"Use some of {', '.join(self.known)}."
                )
                raise Refusal(
                    item.line, f"holds '{make_printable(choice)}', which is not known", remedy
                )
            if choice in choices:
                raise Refusal(item.line, f"holds '{choice}' twice", "Leave one of them out.")
            choices.append(choice)
        return tuple(choices)

    def schema(self) -> dict[str, Any]:
        """Each once."""
        return {"type": "array", "items": {"enum": list(self.known)}, "uniqueItems": True}


@dataclass(frozen=True, kw_only=True)
class Words:
    """A list of words of one form; it may be empty."""

    noun: str
    pattern: str
    """What each has to match as a whole."""
    example: str

    def read(self, node: Node) -> tuple[str, ...]:
        """Refuse a word of another form, and one that comes twice."""
        words: list[str] = []
        for item in read_listing(node, self.noun).items:
            word = read_string(item)
            if not re.fullmatch(self.pattern, word):
                problem = f"holds '{make_printable(word)}', which is none of the {self.noun}"
                raise Refusal(item.line, problem, f"Write it as '{self.example}'.")
            if word in words:
                raise Refusal(item.line, f"holds '{word}' twice", "Leave one of them out.")
            words.append(word)
        return tuple(words)

    def schema(self) -> dict[str, Any]:
        """Each once."""
        item = {"type": "string", "pattern": f"^{self.pattern}$"}
        return {"type": "array", "items": item, "uniqueItems": True}


@dataclass(frozen=True, kw_only=True)
class Paths:
    """A list of absolute paths; it may be empty."""

    def read(self, node: Node) -> tuple[str, ...]:
        """Refuse a relative one."""
        return tuple(
            _check_path(read_string(item), item.line) for item in read_listing(node, "paths").items
        )

    def schema(self) -> dict[str, Any]:
        """Each begins with a slash."""
        return {"type": "array", "items": {"type": "string", "pattern": "^/"}}


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """A list of `/path:more`, as the engine's own command line writes them; it may be empty."""

    def read(self, node: Node) -> tuple[tuple[str, str], ...]:
        """Split each at its only colon."""
        return tuple(_read_pair(item) for item in read_listing(node, "pairs").items)

    def schema(self) -> dict[str, Any]:
        """One colon each."""
        return {"type": "array", "items": {"type": "string", "pattern": "^/[^:]*:[^:]+$"}}


def _read_pair(node: Node) -> tuple[str, str]:
    first, colon, second = read_string(node).partition(":")
    if not colon or not second or ":" in second:
        raise Refusal(node.line, "holds no pair", "Write '/path:more', with one colon.")
    return _check_path(first, node.line), second


def _check_path(text: str, line: int) -> str:
    if not text.startswith("/"):
        raise Refusal(
            line,
            f"holds '{make_printable(text)}', which is not an absolute path",
            "Begin it with '/'.",
        )
    return text
