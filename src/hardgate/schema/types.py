"""What a field's value may be: each shape reads a node, and describes itself as JSON Schema.

A shape's Refusal begins with a verb: who reads the field puts its name before it.
"""

import re
from dataclasses import dataclass
from typing import Any, Protocol

from hardgate.schema.document import Listing, Node, Refusal, Scalar
from hardgate.text.printable import find_control_character, make_printable
from hardgate.text.typo import suggest_choice

_TYPE_NAMES = {
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "timestamp": "a date",
}


class Shape(Protocol):
    """One kind of value."""

    def read(self, node: Node) -> Any:
        """Give the value, or raise a Refusal."""

    def schema(self) -> dict[str, Any]:
        """Describe it for editors; where JSON Schema cannot say it all, the loader decides."""


def _require_scalar(node: Node, expected: str) -> Scalar:
    if isinstance(node, Scalar):
        return node
    what = "list" if isinstance(node, Listing) else "mapping"
    raise Refusal(node.line, f"is a {what}, not {expected}", f"Write {expected}.")


def read_string(node: Node, expected: str = "a text", remedy: str = "") -> str:
    """Take what YAML takes for a text, if it is not blank."""
    scalar = _require_scalar(node, expected)
    if scalar.tag == "null" or not scalar.text.strip():
        raise Refusal(scalar.line, "is empty", f"Write {expected}.")
    if scalar.tag != "str":
        type_name = _TYPE_NAMES.get(scalar.tag, "a special value")
        raise Refusal(
            scalar.line,
            f"is {make_printable(scalar.text)}, which YAML takes for {type_name}",
            remedy or f"Write it in quotes if {expected} is meant.",
        )
    return scalar.text


@dataclass(frozen=True, kw_only=True)
class Text:
    """Some prose, of one line or several."""

    def read(self, node: Node) -> str:
        """Refuse what would act on a terminal."""
        text = read_string(node)
        wrong = find_control_character(text)
        if wrong:
            raise Refusal(
                node.line, f"holds a control character ({wrong})", "Write it as plain text."
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Not blank."""
        return {"type": "string", "pattern": r"\S"}


@dataclass(frozen=True, kw_only=True)
class Name:
    """A word or a short line that reports, commands and files can carry."""

    max_chars: int = 200

    def read(self, node: Node) -> str:
        """Refuse what could be told from another name by no eye, or breaks a line."""
        text = read_string(node, "a name")
        if text != text.strip():
            raise Refusal(node.line, "begins or ends with white space", "Remove it.")
        if not text.isprintable():
            raise Refusal(
                node.line, "holds a character that cannot be printed", "Use plain characters."
            )
        if len(text) > self.max_chars:
            raise Refusal(
                node.line, f"is longer than {self.max_chars} characters", "Say more elsewhere."
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Neither blank nor framed in white space."""
        return {"type": "string", "pattern": r"^\S(.*\S)?$", "maxLength": self.max_chars}


@dataclass(frozen=True, kw_only=True)
class Script:
    """A POSIX shell script, kept to the byte."""

    max_bytes: int
    """In bytes of UTF-8; one argument of a process holds 128 KiB at most."""

    def read(self, node: Node) -> str:
        """Refuse a script that cannot fail because it does nothing."""
        text = read_string(node, "a shell script")
        lines = (line.strip(" \t\r") for line in text.split("\n"))  # as a shell ends lines
        if all(not line or line.startswith("#") for line in lines):
            raise Refusal(
                node.line,
                "holds comments alone, and would always pass",
                "Write a command that fails where the promise is not kept.",
            )
        if len(text.encode()) > self.max_bytes:
            raise Refusal(
                node.line,
                f"is larger than {self.max_bytes // 1024} KiB",
                "Put what is long into the image, and call it.",
            )
        return text

    def schema(self) -> dict[str, Any]:
        """Not blank."""
        return {"type": "string", "pattern": r"\S", "maxLength": self.max_bytes}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def read(self, node: Node) -> str:
        """Guess a typo."""
        listed = " or ".join(f"'{option}'" for option in self.options)
        text = read_string(node, listed, f"Use {listed}.")
        if text not in self.options:
            remedy = suggest_choice(text, self.options) or f"Use {listed}."
            raise Refusal(node.line, f"is '{make_printable(text)}'", remedy)
        return text

    def schema(self) -> dict[str, Any]:
        """The words."""
        return {"enum": list(self.options)}


@dataclass(frozen=True, kw_only=True)
class WholeNumber:
    """A whole number in plain decimal digits."""

    lowest: int
    highest: int

    def read(self, node: Node) -> int:
        """Refuse YAML's other numbers: `0x3E8`, `01750`, `1_000` and `16:40` are all 1000 to it."""
        expected = "a whole number"
        scalar = _require_scalar(node, expected)
        if scalar.tag == "null":
            raise Refusal(scalar.line, "is empty", f"Write {expected}.")
        if scalar.tag != "int" or not re.fullmatch(r"0|-?[1-9][0-9]{0,17}", scalar.text):
            what = "a text" if scalar.tag == "str" else f"'{make_printable(scalar.text)}'"
            raise Refusal(
                scalar.line, f"is {what}, not {expected}", "Write plain digits, without quotes."
            )
        number = int(scalar.text)
        if not self.lowest <= number <= self.highest:
            raise Refusal(scalar.line, f"is {number}", f"Use {self._describe_range()}.")
        return number

    def _describe_range(self) -> str:
        if self.lowest == self.highest:
            return str(self.lowest)
        return f"a number from {self.lowest} to {self.highest}"

    def schema(self) -> dict[str, Any]:
        """Its bounds."""
        if self.lowest == self.highest:
            return {"const": self.lowest}
        return {"type": "integer", "minimum": self.lowest, "maximum": self.highest}


@dataclass(frozen=True, kw_only=True)
class Seconds:
    """A length of time."""

    max_seconds: int

    def read(self, node: Node) -> float:
        """Take 5 and 2.5, and nothing with a unit."""
        scalar = _require_scalar(node, "a number of seconds")
        plain = scalar.tag in ("int", "float") and re.fullmatch(
            r"[0-9]{1,9}(\.[0-9]{1,9})?", scalar.text
        )
        if not plain or not 0 < float(scalar.text) <= self.max_seconds:
            raise Refusal(
                scalar.line,
                f"is '{make_printable(scalar.text)}', not a number of seconds",
                f"Use a number above 0, at most {self.max_seconds}, without a unit.",
            )
        return float(scalar.text)

    def schema(self) -> dict[str, Any]:
        """Its bounds."""
        return {"type": "number", "exclusiveMinimum": 0, "maximum": self.max_seconds}


@dataclass(frozen=True, kw_only=True)
class Flag:
    """True or false."""

    def read(self, node: Node) -> bool:
        """Take YAML 1.1's other words for it too: here nothing else is meant by them."""
        scalar = _require_scalar(node, "'true' or 'false'")
        if scalar.tag != "bool":
            raise Refusal(
                scalar.line,
                f"is '{make_printable(scalar.text)}', neither true nor false",
                "Use 'true' or 'false', without quotes.",
            )
        return scalar.text.lower() in ("true", "yes", "on")

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}
