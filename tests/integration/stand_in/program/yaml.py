"""The plain part of YAML that a configuration needs; hosts have no library for it."""

import json
import re
from typing import Any

from .refusal import Refusal

KEY = re.compile(r"""(?P<key>[A-Za-z_][\w.-]*|"[^"]*"|'[^']*'):(?:\s+(?P<value>.*))?$""")
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
Lines = list[tuple[int, str]]


def load(text: str) -> Any:
    """Read a document of mappings, lists of scalars, and scalars."""
    if text.lstrip().startswith("{"):
        return json.loads(text)
    lines: Lines = []
    for line in text.splitlines():
        if "\t" in line:
            raise Refusal("found a tab character in the configuration")
        plain = _without_comment(line)
        if plain.strip() and plain.strip() != "---":
            lines.append((len(plain) - len(plain.lstrip()), plain.strip()))
    read = _block(lines, 0)
    if lines:
        raise Refusal(f"cannot read '{lines[0][1]}' in the configuration")
    return read


def _block(lines: Lines, least: int) -> Any:
    if not lines or lines[0][0] < least:
        return None
    indent, first = lines[0]
    return _list(lines, indent) if first.startswith("- ") else _mapping(lines, indent)


def _list(lines: Lines, indent: int) -> list[Any]:
    listed = []
    while lines and lines[0][0] == indent and lines[0][1].startswith("- "):
        listed.append(_scalar(lines.pop(0)[1][2:].strip()))
    return listed


def _mapping(lines: Lines, indent: int) -> dict[str, Any]:
    mapped: dict[str, Any] = {}
    while lines and lines[0][0] == indent and not lines[0][1].startswith("- "):
        found = KEY.match(lines[0][1])
        if not found:
            raise Refusal(f"cannot read '{lines[0][1]}' in the configuration")
        lines.pop(0)
        key = found["key"].strip("\"'")
        if key in mapped:
            raise Refusal(f"mapping key '{key}' already defined")
        value = (found["value"] or "").strip()
        below = bool(lines) and (lines[0][0] > indent or lines[0][1].startswith("- "))
        mapped[key] = _block(lines, indent) if not value and below else _scalar(value)
    return mapped


def _scalar(text: str) -> Any:
    if text[:1] == '"':
        return json.loads(text)
    if text[:1] == "'":
        return text[1:-1].replace("''", "'")
    if text[:1] == "[" and text[-1:] == "]":
        return [_scalar(part.strip()) for part in text[1:-1].split(",") if part.strip()]
    if text == "{}":
        return {}
    if text[:1] in {"&", "*", "!", "|", ">", "{", "[", "%", "@", "`"}:
        raise Refusal(f"cannot read '{text}' in the configuration")
    if text in WORDS:
        return WORDS[text]
    return int(text) if re.fullmatch(r"-?\d+", text) else text


def _without_comment(line: str) -> str:
    """Cut a comment off; a '#' inside quotes is none."""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1] == " "):
            return line[:place].rstrip()
    return line.rstrip()
