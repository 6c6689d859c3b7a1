"""Words from a file that somebody else wrote, made safe to print."""

import re

_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""All control characters but tab, newline and carriage return."""


def make_printable(text: str, max_chars: int = 80) -> str:
    """Make a file's own words safe to print: on one line, not too long, no escape sequences."""
    plain = text if text.isprintable() else text.encode("unicode_escape").decode()
    return plain if len(plain) <= max_chars else f"{plain[:max_chars]}…"


def find_control_character(text: str) -> str:
    """Name the first control character that is not plain layout, such as `U+001B`."""
    wrong = _CONTROL_CHARACTERS.search(text)
    return f"U+{ord(wrong[0]):04X}" if wrong else ""
