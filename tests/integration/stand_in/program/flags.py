"""A command line, read strictly: known commands, known flags, nothing left over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .refusal import Refusal

Flags = Mapping[str, type]
"""By long name: whether a flag takes a word (str) or none (bool)."""


@dataclass(frozen=True)
class Line:
    """A command line."""

    command: str
    words: Mapping[str, str]
    switches: frozenset[str]


def read_line(
    arguments: Sequence[str],
    commands: Mapping[str, Flags],
    everywhere: Flags,
    short: Mapping[str, str],
) -> Line:
    """Read a command line; the flags of `everywhere` may stand before the command too."""
    command, words, switches = "", {}, set()
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            if command:
                raise Refusal(f'unknown command "{word}" for "{command}"')
            if word not in commands:
                raise Refusal(f'unknown command "{word}"')
            command = word
            continue
        name, given, value = _flag(word, short).partition("=")
        kind = (dict(everywhere) | dict(commands.get(command, {}))).get(name)
        if kind is None:
            raise Refusal(f"unknown flag: --{name}")
        if kind is bool:
            if value not in ({"true", "false"} if given else {""}):
                raise Refusal(f'invalid argument "{value}" for "--{name}" flag')
            switches |= {name} - ({name} if value == "false" else set())
            continue
        if not given:
            if not rest:
                raise Refusal(f"flag needs an argument: --{name}")
            value = rest.pop(0)
        words[name] = value
    return Line(command, words, frozenset(switches))


def _flag(word: str, short: Mapping[str, str]) -> str:
    if word.startswith("--"):
        return word[2:]
    letter, value = word[1:2], word[2:]
    if letter not in short:
        raise Refusal(f"unknown shorthand flag: '{letter}' in {word}")
    return f"{short[letter]}={value.removeprefix('=')}" if value else short[letter]
