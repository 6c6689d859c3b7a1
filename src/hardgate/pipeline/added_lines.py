"""Which lines of a file are new against its earlier versions."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

CONTEXT_LINES = 5
"""Lines around an added one that are kept, for a name may stand above its value."""
LONG_LINE_BYTES = 1000
"""From here on a line is as good as a file: it is compared word by word."""
MAX_COMPARED = 1_000_000
"""Lines or words that are compared; where there are more, all of them count as added."""
_WORD = re.compile(rb"[A-Za-z0-9+/=_.~-]{8,}")


@dataclass(frozen=True, kw_only=True)
class AddedLines:
    """The lines of a text that are new."""

    text: bytes
    """The text with its other lines left empty, but for a few around each added one."""
    numbers: frozenset[int] | None
    """The added lines, from 1 on; None where all are."""
    long_lines: frozenset[int] = frozenset()
    """Those of the added lines of which only some words may be new."""
    old_words: frozenset[bytes] = field(default=frozenset(), repr=False)
    """Words of the long lines that an earlier version had."""

    def has(self, first: int, last: int, value: bytes) -> bool:
        """Tell whether lines `first` to `last` are new, or in a long one the value."""
        if self.numbers is not None and not self.numbers.intersection(range(first, last + 1)):
            return False
        words = set(_WORD.findall(value)) if first in self.long_lines else set()
        return not words or not words <= self.old_words


def find_added_lines(new: bytes, old_versions: Sequence[bytes]) -> AddedLines | None:
    """Compare a text with its earlier versions, of which a merge has several; None: none is new.

    Against one version a line is new where it stands more often than it did; against several
    where it stands in none of them.
    """
    if not old_versions:
        return AddedLines(text=new, numbers=None) if new else None
    if new in old_versions:
        return None
    lines = new.split(b"\n") if new.count(b"\n") <= MAX_COMPARED else None
    numbers = _number_added(lines, old_versions) if lines is not None else None
    if lines is None or numbers is None:
        return AddedLines(text=new, numbers=None)
    if not numbers:
        return None
    long_lines = {number for number in numbers if len(lines[number - 1]) >= LONG_LINE_BYTES}
    return AddedLines(
        text=_blank_others(lines, numbers),
        numbers=frozenset(numbers),
        long_lines=frozenset(long_lines),
        old_words=_find_old_words(old_versions) if long_lines else frozenset(),
    )


def _number_added(lines: list[bytes], old_versions: Sequence[bytes]) -> set[int] | None:
    if any(old.count(b"\n") > MAX_COMPARED for old in old_versions):
        return None
    if len(old_versions) > 1:
        known = {line for old in old_versions for line in old.split(b"\n")}
        return {number for number, line in enumerate(lines, 1) if line not in known}
    old = old_versions[0].split(b"\n")
    start = _count_equal(lines, old)
    end = _count_equal(lines[start:][::-1], old[start:][::-1])
    left = Counter(old[start : len(old) - end])
    added = set()
    for number, line in enumerate(lines[start : len(lines) - end], start + 1):
        if left[line]:
            left[line] -= 1
        else:
            added.add(number)
    return added


def _count_equal(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    pairs = zip(one, other, strict=False)
    shorter = min(len(one), len(other))
    return next((index for index, (a, b) in enumerate(pairs) if a != b), shorter)


def _blank_others(lines: Sequence[bytes], numbers: set[int]) -> bytes:
    kept = {
        near
        for number in numbers
        for near in range(number - CONTEXT_LINES, number + CONTEXT_LINES + 1)
    }
    return b"\n".join(
        line if number in numbers or (number in kept and len(line) < LONG_LINE_BYTES) else b""
        for number, line in enumerate(lines, 1)
    )


def _find_old_words(old_versions: Sequence[bytes]) -> frozenset[bytes]:
    """Give the words of earlier versions' long lines; none where they are too many to compare."""
    words: set[bytes] = set()
    for line in (line for old in old_versions for line in old.split(b"\n")):
        if len(line) >= LONG_LINE_BYTES:
            words.update(_WORD.findall(line))
        if len(words) > MAX_COMPARED:
            return frozenset()
    return frozenset(words)
