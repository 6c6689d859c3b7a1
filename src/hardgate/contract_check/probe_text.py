"""A probe's script as the rules read it: its commands, without comments and here-documents.

A reading for hints, not a shell: where quotes are nested deeper, a rule may say too little.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


@dataclass(frozen=True, kw_only=True)
class ScriptLine:
    """One line that a shell runs; what was continued by a backslash is one line."""

    number: int
    """In the probe, counted from 1."""
    text: str


def read_script_lines(script: str) -> tuple[ScriptLine, ...]:
    """Read the lines of shell in a script; programs of other languages are left out."""
    return tuple(
        ScriptLine(number=number, text=text)
        for number, raw in _join_continued_lines(_drop_heredocs(script))
        if (text := strip_comment(raw).strip())
    )


def _drop_heredocs(script: str) -> Iterator[tuple[int, str]]:
    ends: list[str] = []
    for number, line in enumerate(script.split("\n"), start=1):
        if ends:
            if line.strip() == ends[0]:
                ends.pop(0)
            continue
        yield number, line
        ends = [match[2] for match in HEREDOC.finditer(strip_comment(line))]


def _join_continued_lines(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    begun, held = 0, ""
    for number, line in lines:
        begun = begun or number
        if line.endswith("\\"):
            held += f"{line[:-1]} "
            continue
        yield begun, held + line
        begun, held = 0, ""
    if held:
        yield begun, held


def strip_comment(line: str) -> str:
    """Drop what follows a '#' that begins a word outside quotes."""
    quote = ""
    for index, char in enumerate(line):
        if quote:
            if char == quote and line[index - 1] != "\\":
                quote = ""
        elif char in "'\"":
            quote = char
        elif char == "#" and (index == 0 or line[index - 1].isspace()):
            return line[:index]
    return line


def blank_quoted(text: str) -> str:
    """Blank what stands in single quotes: a shell takes it as it is."""
    kept, quote = "", ""
    for index, char in enumerate(text):
        if quote == "'":
            if char == "'":
                kept, quote = kept + char, ""
            continue
        escaped = index > 0 and text[index - 1] == "\\"
        if char == '"' and not escaped:
            quote = "" if quote else '"'
        elif char == "'" and not quote and not escaped:
            quote = "'"
        kept += char
    return kept
