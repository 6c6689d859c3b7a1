"""What `[ … ]`, `[[ … ]]` and `(( … ))` come to, as far as their words are known."""

import fnmatch
import operator
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

from hardgate.pipeline.static.shell_state import FAILED, UNKNOWN, is_known

_NUMERIC: dict[str, Callable[[int, int], bool]] = {
    "-eq": operator.eq,
    "-ne": operator.ne,
    "-gt": operator.gt,
    "-ge": operator.ge,
    "-lt": operator.lt,
    "-le": operator.le,
}
_TEXT = frozenset({"=", "==", "!="})
_BINARY = frozenset({*_NUMERIC, *_TEXT, "=~", "<", ">", "-nt", "-ot", "-ef"})
MAX_SEARCHED, MAX_REPEATED = 200, 2
_ATOM = r"(?:[\w ./:@,=#%~-]|\\[.+*?/()\[\]{{}}|^$\\-]|\[\^?(?:\[:[a-z]+:\]|[\w ./:@,=#%~-])+\])"
_PLAIN_PATTERN = re.compile(rf"\^?(?:{_ATOM}[*+?]?|\({_ATOM}*(?:\|{_ATOM}*)*\))*\$?", re.ASCII)
_CLASSES = {
    "[:digit:]": "0-9",
    "[:alpha:]": "a-zA-Z",
    "[:alnum:]": "a-zA-Z0-9",
    "[:space:]": r"\s",
    "[:lower:]": "a-z",
    "[:upper:]": "A-Z",
}
_UNARY = re.compile(r"-[a-zA-Z]")


def judge_test(
    words: Sequence[str], *, patterns: bool, files: Mapping[str, bool] | None = None
) -> bool | None:
    """Judge a test's words; `patterns`: the right side of `==` is one, as in `[[`.

    `files` tells of paths whether they are there. None is: it cannot be told.
    """
    parser = _Tests(words, patterns=patterns, files=files or {})
    answer = parser.either()
    return answer if parser.position == len(words) else None


def is_extended(pattern: str) -> bool:
    """Tell whether a pattern has `+(…)` or the like in it, which is not read here."""
    return bool(re.search(r"[@+?*!]\(", pattern))


def both(one: bool | None, two: bool | None) -> bool | None:
    """Join by "and"."""
    if one is False or two is False:
        return False
    return True if one and two else None


def either(one: bool | None, two: bool | None) -> bool | None:
    """Join by "or"."""
    if one or two:
        return True
    return False if one is False and two is False else None


def inverted(answer: bool | None) -> bool | None:
    """Negate."""
    return None if answer is None else not answer


class _Tests:
    """One pass over a test's words."""

    def __init__(self, words: Sequence[str], *, patterns: bool, files: Mapping[str, bool]) -> None:
        self.words = words
        self.files = files
        self.patterns = patterns
        self.position = 0

    def peek(self, ahead: int = 0) -> str | None:
        """Give a word further on."""
        at = self.position + ahead
        return self.words[at] if at < len(self.words) else None

    def either(self) -> bool | None:
        """Read `a || b`."""
        answer = self.both()
        while self.peek() in {"||", "-o"}:
            self.position += 1
            answer = either(answer, self.both())
        return answer

    def both(self) -> bool | None:
        """Read `a && b`."""
        answer = self.one()
        while self.peek() in {"&&", "-a"}:
            self.position += 1
            answer = both(answer, self.one())
        return answer

    def one(self) -> bool | None:
        """Read one condition."""
        word, following = self.peek(), self.peek(1)
        if word is None:
            return False
        if following in _BINARY and self.peek(2) is not None:
            self.position += 3
            return self._compared(word, str(following), self.words[self.position - 1])
        if word == "!":
            self.position += 1
            return inverted(self.one())
        if word == "(":
            self.position += 1
            answer = self.either()
            self.position += self.peek() == ")"
            return answer
        if _UNARY.fullmatch(word) and following is not None:
            self.position += 2
            return self._judge_unary(word, following)
        self.position += 1
        return _is_filled(word)

    def _judge_unary(self, sign: str, word: str) -> bool | None:
        if sign == "-n":
            return _is_filled(word)
        if sign == "-z":
            return inverted(_is_filled(word))
        there = self.files.get(posixpath.normpath(word)) if word else None
        return there if there is False or sign == "-e" or (sign == "-f" and there) else None

    def _compared(self, left: str, sign: str, right: str) -> bool | None:
        if sign in _NUMERIC:
            return compare_numbers(left, sign, right)
        if sign in _TEXT:
            same = self._same(left, right)
            return inverted(same) if sign == "!=" else same
        return _found(left, right) if sign == "=~" else None

    def _same(self, left: str, right: str) -> bool | None:
        if left == FAILED and right.isdigit() and int(right) == 0:
            return False
        if not is_known(left) or not is_known(right) or (self.patterns and is_extended(right)):
            return None
        return fnmatch.fnmatchcase(left, right) if self.patterns else left == right


def _found(text: str, pattern: str) -> bool | None:
    """Search as `=~` does, by patterns that are plain enough to be sure and quick."""
    if not is_known(text) or not is_known(pattern) or len(text) > MAX_SEARCHED:
        return None
    if not _PLAIN_PATTERN.fullmatch(pattern) or sum(map(pattern.count, "*+?")) > MAX_REPEATED:
        return None
    for name, letters in _CLASSES.items():
        pattern = pattern.replace(name, letters)
    try:
        return bool(re.search(pattern.replace("$", r"\Z"), text, re.DOTALL))
    except re.error:
        return None


def compare_numbers(left: str, sign: str, right: str) -> bool | None:
    """Compare two numbers; a failed status is any number but 0."""
    if left == FAILED and right == "0":
        return {"-eq": False, "-ne": True, "-gt": True, "-ge": True}.get(sign)
    if right == FAILED and left == "0":
        return {"-eq": False, "-ne": True, "-lt": True, "-le": True}.get(sign)
    if left == FAILED and right == "1" and sign in {"-ge", "-lt"}:
        return sign == "-ge"
    if not re.fullmatch(r"-?\d{1,18}", left) or not re.fullmatch(r"-?\d{1,18}", right):
        return None
    return _NUMERIC[sign](int(left), int(right))


def _is_filled(word: str) -> bool | None:
    return bool(word.replace(UNKNOWN, "")) or (None if UNKNOWN in word else False)
