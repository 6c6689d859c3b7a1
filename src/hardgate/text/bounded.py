"""Lines of a length that a pattern can be let loose on, of a text that somebody else wrote.

See D49 in ARCHITECTURE.md.
"""

from collections import deque
from typing import Any

MAX_LINE_CHARS = 2000
"""Characters of a line that are kept: more than a person reads, and a pattern is quick at it."""

MAX_LINES = 400
"""Lines of a text that is looked into; the decisive ones stand at its end."""


def bound_lines(text: str, max_chars: int = MAX_LINE_CHARS) -> str:
    """Cut the middle out of each line that is too long, and say how much is missing."""
    if len(text) <= max_chars:
        return text
    return "\n".join(_bound_line(line, max_chars) for line in text.split("\n"))


def _bound_line(line: str, max_chars: int) -> str:
    if len(line) <= max_chars:
        return line
    head = max_chars * 2 // 3
    tail = max_chars - head
    return f"{line[:head]} […{len(line) - max_chars} characters…] {line[-tail:]}"


def bound_value(value: Any, max_chars: int = MAX_LINE_CHARS) -> Any:
    """Do the same to every string of a JSON-like value; keys stay as they are."""
    match value:
        case str():
            return bound_lines(value, max_chars)
        case dict():
            return {key: bound_value(held, max_chars) for key, held in value.items()}
        case list() | tuple():
            return [bound_value(held, max_chars) for held in value]
        case _:
            return value


def last_lines(lines: list[str], count: int = MAX_LINES) -> list[str]:
    """Keep the last lines, in their order."""
    return list(deque(lines, maxlen=count))
