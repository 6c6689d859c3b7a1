"""A shell text as the commands that it runs, in order: no more of a shell than the rules need.

Quotes, comments, line continuations, lists and groups are understood. What a variable or a command
substitution comes to is not.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

KEYWORDS = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "{", "}", "time"})
OPERATORS = ("&&", "||", ";;", "|&", ";", "|", "&", "\n", "(", ")")


_DEFAULT = re.compile(r"\$\{\w+:?-([^${}]*)\}")
"""What stands for a variable that nothing sets."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """One simple command."""

    line: int
    words: tuple[str, ...]
    joined_by: str
    """What stands before it: `&&`, `||`, `|`, `;`, `&`, a line end, or nothing."""
    depth: int = 0
    """How many groups it is in."""

    @property
    def name(self) -> str:
        """What is run, without its folder."""
        return self.words[0].rpartition("/")[2] if self.words else ""


def read_commands(text: str, line: int = 1) -> tuple[Command, ...]:
    """Read a script; its first line is `line` of its file."""
    return read_numbered((char, number) for char, number in _numbered(text, line))


def _numbered(text: str, line: int) -> Iterator[tuple[str, int]]:
    for char in text:
        yield char, line
        line += char == "\n"


def read_numbered(chars: Iterable[tuple[str, int]]) -> tuple[Command, ...]:
    """Read characters that know their lines."""
    commands: list[Command] = []
    words: list[str] = []
    begun, joined_by, depth = 0, "", 0

    def finish() -> None:
        kept = _without_keywords(words)
        if kept:
            commands.append(Command(line=begun, words=kept, joined_by=joined_by, depth=depth))
        words.clear()

    for part, line, is_operator in _tokens(list(chars)):
        if not is_operator:
            begun = begun if words else line
            words.append(part)
            continue
        had_words = bool(words)
        finish()
        depth = max(depth + (part == "(") - (part == ")"), 0)
        if had_words or part not in {"\n", "(", ")"}:
            joined_by = part if part not in {"(", ")"} else ";"
    finish()
    return tuple(commands)


def _without_keywords(words: Sequence[str]) -> tuple[str, ...]:
    start = 0
    while start < len(words) and words[start] in KEYWORDS:
        start += 1
    return tuple(words[start:])


def _tokens(chars: Sequence[tuple[str, int]]) -> Iterator[tuple[str, int, bool]]:
    text = "".join(char for char, _ in chars)
    position, word, begun, inside = 0, "", 0, False
    while position < len(text):
        char, line = chars[position]
        rest = text[position : position + 2]
        if rest == "\\\n":
            position += 2
            continue
        operator = next((one for one in OPERATORS if rest.startswith(one)), "")
        if inside and rest.endswith("&") and char in "<>":  # a redirection such as 2>&1
            operator, word, position = "", word + rest, position + 2
            continue
        if operator or char in " \t\r":
            if inside:
                yield word, begun, False
                word, inside = "", False
            if operator:
                yield operator, line, True
            position += len(operator) or 1
            continue
        if char == "#" and not inside:
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        begun = begun if inside else line
        inside = True
        piece, position = _piece(text, position)
        word += piece
    if inside:
        yield word, begun, False


def _piece(text: str, position: int) -> tuple[str, int]:
    """Take one character, or all that a quote or a substitution holds together."""
    char = text[position]
    if char == "'":
        end = text.find("'", position + 1)
        return (text[position + 1 : end], end + 1) if end >= 0 else (text[position:], len(text))
    if char == '"':
        return _double_quoted(text, position + 1)
    if text.startswith("$(", position):
        end = _closing(text, position + 2)
        return text[position:end], end
    if char == "\\" and position + 1 < len(text):
        return text[position + 1], position + 2
    return char, position + 1


def _double_quoted(text: str, position: int) -> tuple[str, int]:
    held = ""
    while position < len(text) and text[position] != '"':
        if text.startswith("$(", position):
            end = _closing(text, position + 2)
            held, position = held + text[position:end], end
        elif text[position] == "\\" and position + 1 < len(text):
            held, position = held + text[position + 1], position + 2
        else:
            held, position = held + text[position], position + 1
    return held, position + 1


def _closing(text: str, position: int) -> int:
    depth = 1
    while position < len(text) and depth:
        depth += (text[position] == "(") - (text[position] == ")")
        position += 1
    return position


def chain_before(commands: Sequence[Command], index: int) -> tuple[Command, ...]:
    """Give the commands whose failure the `||` before `commands[index]` takes over."""
    chain = []
    for number in range(index - 1, -1, -1):
        command = commands[number]
        if command.depth < commands[index].depth:
            break
        chain.append(command)
        if command.depth == commands[index].depth and command.joined_by not in {"&&", "||", "|"}:
            break
    return tuple(chain)


def swallows(commands: Sequence[Command], index: int) -> bool:
    """Tell whether a command stands after `||` only so that a failure is none."""
    command = commands[index]
    if command.joined_by != "||":
        return False
    return command.name in {"true", ":", "echo", "printf"} or command.words[:2] == ("exit", "0")


def expanded(command: Command, values: dict[str, str]) -> Command:
    """Put in what is known of variables; assignments of its own are taken into `values`."""
    words = tuple(expand(word, values) for word in command.words)
    for word in words:
        name, equals, value = word.partition("=")
        if not (equals and name.isidentifier()):
            break
        values[name] = value
        words = words[1:]
    return replace(command, words=words)


def expand(word: str, values: dict[str, str]) -> str:
    """Put in what is known of variables; `${A:-b}` is b where A is not known."""
    if "$" not in word:
        return word
    for name, value in values.items():
        word = word.replace(f"${{{name}}}", value)
        start = word.find(f"${{{name}:-")
        if start >= 0 and (end := word.find("}", start)) >= 0:
            word = word[:start] + value + word[end + 1 :]
        at = word.find(f"${name}")
        following = word[at + 1 + len(name) : at + 2 + len(name)] if at >= 0 else "_"
        if not (following.isalnum() or following == "_"):
            word = word.replace(f"${name}", value)
    return _DEFAULT.sub(r"\1", word)


def option(words: Sequence[str], short: str, long: str) -> str:
    """Find an option's value, in any of the ways to write it."""
    for number, word in enumerate(words):
        if word in {short, long}:
            return words[number + 1] if number + 1 < len(words) else ""
        if word.startswith(f"{long}="):
            return word.partition("=")[2]
        if word.startswith(short) and not word.startswith("--") and len(word) > len(short):
            return word[len(short) :]
        if re.fullmatch(rf"-[A-Za-z]+{short[1]}", word) and number + 1 < len(words):
            return words[number + 1]
    return ""
