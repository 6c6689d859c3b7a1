"""Words of a Dockerfile's instruction, split and expanded as BuildKit's own lexer does.

See https://github.com/moby/buildkit/blob/master/frontend/dockerfile/shell/lex.go; the tests compare
it with BuildKit's parser. A quirk of that lexer is kept: what `${NAME:-a b}` stands for is split at
its blanks, also where the variable is not set.
"""

import fnmatch
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
SPACES += "\u200a\u2028\u2029\u202f\u205f\u3000"
"""What Go's unicode.IsSpace takes for a blank; Python's isspace() takes four more."""
SPECIAL = "@*#?-$!0"
MAX_DEPTH = 100


class BadWordError(ValueError):
    """A quote or a substitution that does not end, or that BuildKit does not know."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How words are read: with which escape character, and what is kept as it was written."""

    escape: str = "\\"
    keep_quotes: bool = False
    keep_escapes: bool = False
    keep_unset: bool = False
    """A variable without a value stays as it was written."""


@dataclass(kw_only=True)
class _Words:
    """Words in the making."""

    done: list[str] = field(default_factory=list)
    word: str = ""

    def add(self, text: str) -> None:
        """Add text that is split at blanks."""
        for char in text:
            if char not in SPACES:
                self.word += char
            elif self.word:
                self.end()

    def add_whole(self, text: str) -> None:
        """Add text that belongs together."""
        self.word += text

    def end(self) -> None:
        """End the word, if there is one."""
        if self.word:
            self.done.append(self.word)
        self.word = ""


def split_words(text: str, values: Mapping[str, str], rules: Rules | None = None) -> list[str]:
    """Split a text into words and expand its variables; raises BadWordError."""
    words = _Words()
    _Reader(text, values, rules or Rules()).read("", words)
    words.end()
    return words.done


def expand_text(text: str, values: Mapping[str, str], rules: Rules | None = None) -> str:
    """Expand a text's variables and take its quotes off; raises BadWordError."""
    return _Reader(text, values, rules or Rules()).read("", _Words())


class _Reader:
    """One pass over a text."""

    def __init__(self, text: str, values: Mapping[str, str], rules: Rules) -> None:
        self.text = text
        self.position = 0
        self.values = values
        self.rules = rules
        self.keep_escapes = rules.keep_escapes
        self.depth = 0

    def peek(self) -> str:
        """Give the next character; empty at the end."""
        return self.text[self.position : self.position + 1]

    def take(self) -> str:
        """Take the next character; empty at the end."""
        char = self.peek()
        self.position += 1
        return char

    def read(self, stop: str, words: _Words) -> str:
        """Read to a character, or to the end; give what was read, and fill `words`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise BadWordError("substitutions are nested too deeply")
        result = ""
        while char := self.peek():
            if char == stop:
                self.take()
                self.depth -= 1
                return result
            result += self._piece(char, words)
        if stop:
            raise BadWordError(f"'{stop}' is missing")
        self.depth -= 1
        return result

    def _piece(self, char: str, words: _Words) -> str:
        if char == "$":
            piece = self._dollar()
            words.add(piece)
        elif char in "'\"":
            piece = self._single_quoted() if char == "'" else self._double_quoted()
            words.add_whole(piece)
        elif char == self.rules.escape:
            self.take()
            piece = char * self.keep_escapes + self.take()
            words.add_whole(piece)
        else:
            piece = self.take()
            words.add(piece)
        return piece

    def _single_quoted(self) -> str:
        end = self.text.find("'", self.position + 1)
        if end < 0:
            raise BadWordError("a single quote is not closed")
        whole = self.text[self.position : end + 1]
        self.position = end + 1
        return whole if self.rules.keep_quotes else whole[1:-1]

    def _double_quoted(self) -> str:
        quote = self.take() * self.rules.keep_quotes
        result = quote
        while char := self.peek():
            if char == '"':
                self.take()
                return result + quote
            if char == "$":
                result += self._dollar()
                continue
            self.take()
            if char == self.rules.escape:
                result += char * self.keep_escapes
                following = self.peek()
                if following and following in ('"', "$", self.rules.escape):
                    char = self.take()
                elif not following:
                    continue
            result += char
        raise BadWordError("a double quote is not closed")

    def _dollar(self) -> str:
        self.take()
        if self.peek() != "{":
            name = self._name()
            if not name:
                return "$"
            return self.values.get(name, f"${name}" if self.rules.keep_unset else "")
        self.take()
        if self.peek() in {"", "{", "}", ":"}:
            raise BadWordError("a substitution is empty")
        return self._braced(self._name())

    def _name(self) -> str:
        first = self.peek()
        if first and first in SPECIAL and not first.isdigit():
            return self.take()
        pattern = r"\d+" if first.isdigit() else r"\w*"
        match = re.compile(pattern).match(self.text, self.position)
        name = match[0] if match else ""
        self.position += len(name)
        return name

    def _braced(self, name: str) -> str:
        modifier = self.take()
        value = self.values.get(name)
        if modifier == "}":
            if value is None:
                return f"${{{name}}}" if self.rules.keep_unset else ""
            return value
        if modifier == ":":
            modifier += self.take()
        if modifier in {"/", "//"}:
            return self._replaced(name, value)
        if modifier not in {"+", "-", "?", "#", "%", ":+", ":-", ":?"}:
            raise BadWordError(f"'{modifier}' is not a modifier")
        if modifier in {"#", "%"} and self.peek() == modifier:
            modifier += self.take()
        word = self._modifier_word(raw=modifier[0] in "#%")
        if value is None and self.rules.keep_unset:
            return f"${{{name}{modifier}{word}}}"
        return _substitute(value, modifier, word)

    def _modifier_word(self, *, raw: bool, stop: str = "}") -> str:
        kept, self.keep_escapes = self.keep_escapes, raw
        word = self.read(stop, _Words())
        self.keep_escapes = kept
        return word

    def _replaced(self, name: str, value: str | None) -> str:
        every = self.peek() == "/"
        if every:
            self.take()
        pattern = self._modifier_word(raw=True, stop="/")
        instead = self._modifier_word(raw=True)
        if value is None and self.rules.keep_unset:
            return f"${{{name}/{'/' * every}{pattern}/{instead}}}"
        matcher = re.compile(fnmatch.translate(pattern).removesuffix(r"\Z").removesuffix("$"))
        return matcher.sub(lambda _: instead, value or "", count=0 if every else 1)


def _substitute(value: str | None, modifier: str, word: str) -> str:
    is_set = bool(value) if modifier.startswith(":") else value is not None
    kind = modifier[-1]
    if kind == "+":
        return word if is_set else ""
    if kind == "-":
        return (value or "") if is_set else word
    if kind == "?":
        if not is_set:
            raise BadWordError("a variable that has to be set is not")
        return value or ""
    return strip_pattern(value or "", modifier, word)


def strip_pattern(value: str, modifier: str, pattern: str) -> str:
    """Take the shortest or longest match of a pattern off a value's begin (#) or end (%)."""
    lengths = range(len(value) + 1)
    for length in lengths if len(modifier) == 1 else reversed(lengths):
        part = value[:length] if modifier[0] == "#" else value[len(value) - length :]
        if fnmatch.fnmatchcase(part, pattern):
            return value[length:] if modifier[0] == "#" else value[: len(value) - length]
    return value
