"""Counts the steps that a backtracking matcher takes, and makes the texts that cost it most.

`re` tells nobody how much it worked, and seconds depend on the machine. So a pattern's own tree is
walked here by a matcher of the same kind, which counts; only its growth with the text is used.
"""

import re
import string
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

Next = Callable[[int], bool]
Node = Callable[[int, Next], bool]

PUMPS = (
    "a",
    "A",
    "0",
    "_",
    "-",
    ".",
    "/",
    ":",
    " ",
    "\t",
    "\n",
    "=",
    '"',
    "'",
    "(",
    "|",
    "\\",
    "x,",
)
"""What is repeated, beside what a pattern's own parts ask for."""
MISFITS = ("", "\n\x00")
"""What a repetition ends in, so that the rest of the pattern fails."""


class TooMuchWorkError(Exception):
    """The matcher has taken more steps than anybody would wait for."""


class Matcher:
    """One pattern, matched as `re` would, with every step counted."""

    def __init__(self, pattern: str, flags: int, limit: int) -> None:
        """Build the matcher; more than `limit` steps raise TooMuchWorkError."""
        self._tree = _parser.parse(pattern, flags)
        self._flags = self._tree.state.flags
        self._limit = limit
        self._text = ""
        self._groups: dict[int, tuple[int, int]] = {}
        self.steps = 0
        self._start = self._sequence(self._tree)

    def match(self, text: str) -> int:
        """Look for a match at the text's start alone, and count the steps."""
        self._text, self.steps, self._groups = text, 0, {}
        self._start(0, lambda _end: True)
        return self.steps

    def search_all(self, text: str) -> int:
        """Look for every match, as `finditer` does, and count the steps."""
        self._text, self.steps, position = text, 0, 0
        while position <= len(text):
            self._groups = {}
            end = self._first_end(self._start, position)
            position = position + 1 if end is None else max(end, position + 1)
        return self.steps

    @staticmethod
    def _first_end(node: Node, position: int) -> int | None:
        ends: list[int] = []

        def ended(end: int) -> bool:
            ends.append(end)
            return True

        return ends[-1] if node(position, ended) else None

    def _count(self) -> None:
        self.steps += 1
        if self.steps > self._limit:
            raise TooMuchWorkError

    def _sequence(self, items: Sequence[Any]) -> Node:
        nodes = [self._node(op, value) for op, value in items]

        def run(position: int, then: Next, index: int = 0) -> bool:
            if index == len(nodes):
                return then(position)
            return nodes[index](position, lambda end: run(end, then, index + 1))

        return run

    def _node(self, op: Any, value: Any) -> Node:  # noqa: PLR0911 - one for each kind
        if op in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN):
            return self._single(_class_test(op, _freeze(value), self._flags))
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            low, high, body = value
            node = self._repeat(self._sequence(body), low, high, lazy=op is ops.MIN_REPEAT)
            return self._atomic(node) if op is ops.POSSESSIVE_REPEAT else node
        if op is ops.SUBPATTERN:
            return self._group(value[0], self._sequence(value[3]))
        if op is ops.ATOMIC_GROUP:
            return self._atomic(self._sequence(value))
        if op is ops.BRANCH:
            nodes = [self._sequence(branch) for branch in value[1]]
            return lambda position, then: any(node(position, then) for node in nodes)
        if op in (ops.ASSERT, ops.ASSERT_NOT):
            return self._look(self._sequence(value[1]), value[0], value[1], op is ops.ASSERT)
        if op is ops.AT:
            return lambda position, then: self._is_at(value, position) and then(position)
        if op is ops.GROUPREF:
            return self._reference(value)
        raise NotImplementedError(op)

    def _single(self, fits: Callable[[str], bool]) -> Node:
        def run(position: int, then: Next) -> bool:
            self._count()
            return position < len(self._text) and fits(self._text[position]) and then(position + 1)

        return run

    def _repeat(self, body: Node, low: int, high: Any, *, lazy: bool) -> Node:
        def run(position: int, then: Next, done: int = 0, last: int = -1) -> bool:
            self._count()
            may_end = done >= low
            if lazy and may_end and then(position):
                return True
            if (high is ops.MAXREPEAT or done < high) and position != last:
                again = body(position, lambda end: run(end, then, done + 1, position))
                if again:
                    return True
            return not lazy and may_end and then(position)

        return run

    def _group(self, number: int | None, body: Node) -> Node:
        def run(position: int, then: Next) -> bool:
            def ended(end: int) -> bool:
                before = self._groups.get(number or 0)
                self._groups[number or 0] = (position, end)
                if then(end):
                    return True
                if before is not None:
                    self._groups[number or 0] = before
                return False

            return body(position, ended)

        return run

    def _atomic(self, body: Node) -> Node:
        def run(position: int, then: Next) -> bool:
            end = self._first_end(body, position)
            return end is not None and then(end)

        return run

    def _look(self, body: Node, direction: int, items: Any, wanted: bool) -> Node:
        def run(position: int, then: Next) -> bool:
            self._count()
            start = position if direction > 0 else position - items.getwidth()[0]
            found = start >= 0 and body(start, lambda _end: True)
            return found == wanted and then(position)

        return run

    def _reference(self, number: int) -> Node:
        def run(position: int, then: Next) -> bool:
            self._count()
            if number not in self._groups:
                return False
            start, end = self._groups[number]
            held = self._text[start:end]
            return self._text.startswith(held, position) and then(position + len(held))

        return run

    def _is_at(self, where: Any, position: int) -> bool:
        self._count()
        text, multiline = self._text, bool(self._flags & re.MULTILINE)
        if where is ops.AT_BEGINNING_STRING or (where is ops.AT_BEGINNING and not multiline):
            return position == 0
        if where is ops.AT_BEGINNING:
            return position == 0 or text[position - 1] == "\n"
        if where is ops.AT_END_STRING:
            return position == len(text)
        if where is ops.AT_END:
            rest = text[position : position + 2]
            return rest in ("", "\n") or (multiline and rest[:1] == "\n")
        before = position > 0 and _is_word(text[position - 1])
        after = position < len(text) and _is_word(text[position])
        return (before != after) == (where is ops.AT_BOUNDARY)


def _freeze(value: Any) -> Any:
    return tuple(map(tuple, value)) if isinstance(value, list) else value


@cache
def _class_test(op: Any, value: Any, flags: int) -> Callable[[str], bool]:
    known: dict[str, bool] = {}

    def fits(character: str) -> bool:
        if character not in known:
            known[character] = _fits(op, value, flags, character)
        return known[character]

    return fits


def _fits(op: Any, value: Any, flags: int, character: str) -> bool:
    folded = {character, character.lower(), character.upper()}
    codes = {
        ord(one) for one in (folded if flags & re.IGNORECASE else {character}) if len(one) == 1
    }
    if op is ops.LITERAL:
        return value in codes
    if op is ops.NOT_LITERAL:
        return value not in codes
    if op is ops.ANY:
        return character != "\n" or bool(flags & re.DOTALL)
    items = list(value)
    negated = bool(items) and items[0][0] is ops.NEGATE
    return negated != any(_holds(item, codes, character) for item in items)


def _holds(item: tuple[Any, Any], codes: set[int], character: str) -> bool:
    kind, value = item
    if kind is ops.LITERAL:
        return value in codes
    if kind is ops.RANGE:
        return any(value[0] <= code <= value[1] for code in codes)
    if kind is ops.CATEGORY:
        name = str(value).rpartition("_")[2]
        tests = {"DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": _is_word}
        return tests[name](character) != ("NOT" in str(value))
    return False


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def list_attacks(pattern: str, flags: int = 0) -> tuple[tuple[str, str, str], ...]:
    """Give what costs a pattern most: a text's start, what is repeated in it, and its end."""
    tree = _parser.parse(pattern, flags)
    if not _repeats(tree):
        return ()
    found: dict[tuple[str, str, str], None] = {}
    starts: dict[str, None] = {"": None}
    for prefix, body in _walk(tree, "", tree.state.flags):
        starts[prefix] = None
        for pump in dict.fromkeys((body, prefix + body, f"{prefix}{body * 8}-")):
            for misfit in MISFITS if pump else ():
                found[(prefix if pump == body else "", pump, misfit)] = None
    singles = [body for body in _repeated_bodies(tree) if len(body) == 1]
    for start in starts:
        for pump in PUMPS:
            if any(_takes(body, pump[0], tree.state.flags) for body in singles):
                found[(start, pump, "\x00")] = None
    return tuple(found)


def _takes(body: Sequence[Any], character: str, flags: int) -> bool:
    op, value = body[0]
    if op not in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN):
        return True
    return _class_test(op, _freeze(value), flags)(character)


def _repeated_bodies(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for op, value in items:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            yield value[2]
            yield from _repeated_bodies(value[2])
        elif op is ops.SUBPATTERN:
            yield from _repeated_bodies(value[3])
        elif op is ops.ATOMIC_GROUP:
            yield from _repeated_bodies(value)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _repeated_bodies(branch)
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _repeated_bodies(value[1])


def _repeats(items: Sequence[Any]) -> bool:
    return any(True for _ in _walk(items, "", 0))


def _walk(items: Sequence[Any], prefix: str, flags: int) -> Iterator[tuple[str, str]]:
    """Yield each part that repeats often: what stands before it, and one round of it."""
    for op, value in items:
        if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
            if value[1] is ops.MAXREPEAT or value[1] > 16:
                yield prefix, _sample(value[2], flags)
            yield from _walk(value[2], prefix, flags)
        elif op is ops.SUBPATTERN:
            yield from _walk(value[3], prefix, flags)
        elif op is ops.ATOMIC_GROUP:
            yield from _walk(value, prefix, flags)
        elif op is ops.BRANCH:
            for branch in value[1]:
                yield from _walk(branch, prefix, flags)
        elif op in (ops.ASSERT, ops.ASSERT_NOT):
            yield from _walk(value[1], prefix, flags)
        prefix += _sample([(op, value)], flags)


def _sample(items: Sequence[Any], flags: int) -> str:
    return "".join(_sample_one(op, value, flags) for op, value in items)


def _sample_one(op: Any, value: Any, flags: int) -> str:  # noqa: PLR0911 - one for each kind
    if op in (ops.LITERAL, ops.NOT_LITERAL, ops.ANY, ops.IN):
        if op is ops.LITERAL:
            return chr(value)
        fits = _class_test(op, _freeze(value), flags)
        return str(next((one for one in string.printable if fits(one)), ""))
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return _sample(value[2], flags) * int(value[0])
    if op is ops.SUBPATTERN:
        return _sample(value[3], flags)
    if op is ops.ATOMIC_GROUP:
        return _sample(value, flags)
    if op is ops.BRANCH:
        return _sample(value[1][0], flags)
    return ""


FILTER_SIZE = 96
SIZES = (256, 1024)
"""Characters of the two texts whose costs are compared."""
CHEAP_STEPS = 6
"""Steps for each character, beside a harmless text's, below which the longer need not be tried."""
MAX_STEPS = 250
"""Steps for each character that no pattern may take, however it grows."""


STACK_BYTES = 512 * 2**20
"""The matcher calls itself for each character: a thread of its own has room for that."""
MAX_DEPTH = 1_000_000


def find_costly_text(pattern: str, flags: int = 0, *, anchored: bool = False) -> str:
    """Give a text whose cost grows faster than its length; empty where there is none.

    `anchored` is for patterns that are only ever tried at a text's start.
    """
    with ThreadPoolExecutor(1) as worker:
        depth, size = sys.getrecursionlimit(), threading.stack_size(STACK_BYTES)
        sys.setrecursionlimit(MAX_DEPTH)
        try:
            return worker.submit(_find_costly_text, pattern, flags, anchored).result()
        finally:
            sys.setrecursionlimit(depth)
            threading.stack_size(size)


def _find_costly_text(pattern: str, flags: int, anchored: bool) -> str:
    harmless = _steps_per_character(pattern, flags, ("", "§", ""), FILTER_SIZE, anchored)
    for attack in list_attacks(pattern, flags):
        first = _steps_per_character(pattern, flags, attack, FILTER_SIZE, anchored)
        if first <= 2 * harmless + CHEAP_STEPS:
            continue
        short = _steps_per_character(pattern, flags, attack, SIZES[0], anchored)
        long = _steps_per_character(pattern, flags, attack, SIZES[1], anchored)
        if long > MAX_STEPS or long > 2 * short:
            start, pump, end = attack
            return f"{start!r} + {pump!r} * n + {end!r}: {short:.0f}, then {long:.0f} steps"
    return ""


def _steps_per_character(
    pattern: str, flags: int, attack: tuple[str, str, str], size: int, anchored: bool
) -> float:
    start, pump, end = attack
    text = start + pump * max(size // len(pump), 2) + end
    matcher = _matcher(pattern, flags, 2 * MAX_STEPS * len(text))
    try:
        steps = matcher.match(text) if anchored else matcher.search_all(text)
    except TooMuchWorkError:
        steps = matcher.steps
    return steps / len(text)


@cache
def _matcher(pattern: str, flags: int, limit: int) -> Matcher:
    return Matcher(pattern, flags, limit)
