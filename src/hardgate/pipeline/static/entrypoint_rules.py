"""What an entrypoint must do: repair its volumes on each start, and leave root for good."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.rule import rules
from hardgate.pipeline.static.shell import Command, expanded, option, read_commands

DROPS = frozenset(
    {"gosu", "su-exec", "setpriv", "runuser", "chroot", "s6-setuidgid", "chpst", "setuidgid"}
)
KEEPS_ROOT = frozenset({"su", "sudo"})
VOLUMES = ("/agent-home", "/configs", "/workspace")
NO_LIST = frozenset({"export", "cd", "exec", "echo", "mkdir", "test", "["})
"""Commands that may name a folder and give it to nobody."""


@dataclass(frozen=True, kw_only=True)
class Entrypoint:
    """A shell script that was read, for the rules to look at."""

    name: str
    """From the repository's root."""
    text: str
    agent: frozenset[str]
    """What the agent is called."""


def look(script: Entrypoint) -> Iterator[Finding]:
    """Apply every rule of the group."""
    values: dict[str, str] = {}
    read = (expanded(one, values) for one in read_commands(script.text))
    commands = tuple(one for one in read if one.words)
    yield from _drop(script, commands)
    yield from _repairs(script, commands)
    yield from _idempotence(script, commands)


def _drop(script: Entrypoint, commands: Sequence[Command]) -> Iterator[Finding]:
    rule = rules()["drops-privileges"]
    last = commands[-1].line if commands else 0
    drops = [(one, words) for one in commands if (words := _drop_words(one))]
    if not drops:
        parent = next((one for one in commands if _plain_name(one) in KEEPS_ROOT), None)
        seen = "The entrypoint never leaves root: no gosu, setpriv or the like is run"
        if parent:
            seen = f"'{_plain_name(parent)}' stays above what it starts, as root"
        yield rule.broken(script.name, parent.line if parent else last, seen=seen)
        return
    for one, words in drops:
        user = _user_of(words)
        if user.partition(":")[0] in {"root", "0"}:
            yield rule.broken(
                script.name, one.line, seen=f"'{words[0]}' drops to '{user}', which is root"
            )
    if not any(one.name == "exec" for one, _ in drops):
        one, words = drops[-1]
        seen = f"'{words[0]}' is run without exec, so the entrypoint itself stays above it as root"
        yield rule.broken(script.name, one.line, seen=seen)


def _plain_name(one: Command) -> str:
    words = one.words[1:] if one.name == "exec" else one.words
    return words[0].rpartition("/")[2] if words else ""


def _drop_words(one: Command) -> tuple[str, ...]:
    """Give a drop's words, from its own name on."""
    words = one.words
    if one.name == "exec":
        start = next((n for n, w in enumerate(words[1:], 1) if w.rpartition("/")[2] in DROPS), None)
        return words[start:] if start else ()
    return words if one.name in DROPS else ()


def _user_of(words: Sequence[str]) -> str:
    name = words[0].rpartition("/")[2]
    if name == "setpriv":
        return option(words, "--reuid", "--reuid")
    if name in {"runuser", "chpst"}:
        return option(words, "-u", "--user")
    if name == "chroot":
        return option(words, "--userspec", "--userspec")
    return next((word for word in words[1:] if not word.startswith("-")), "")


def _repairs(script: Entrypoint, commands: Sequence[Command]) -> Iterator[Finding]:
    owners = [one for one in commands if _gives(one)]
    open_ended = any("$" in word for one in owners for word in one.words[1:])
    for path in VOLUMES:
        direct = any(_holds(one.words, path) for one in owners)
        listed = any(_holds(one.words, path) for one in commands if one.name not in NO_LIST)
        if not direct and not (open_ended and listed):
            yield rules()["repairs-volumes"].broken(script.name, 0, path=path)


def _gives(one: Command) -> bool:
    words = one.words
    return "chown" in words or (one.name == "install" and bool(option(words, "-o", "--owner")))


def _holds(words: Sequence[str], path: str) -> bool:
    return any(path in re.split(r"[\s=\"']+", word.rstrip("/;")) for word in words)


def _idempotence(script: Entrypoint, commands: Sequence[Command]) -> Iterator[Finding]:
    rule = rules()["repairs-idempotently"]
    for number, one in enumerate(commands):
        following = commands[number + 1].joined_by if number + 1 < len(commands) else ""
        guarded = one.joined_by in {"&&", "||"} or following == "||" or _inside_if(script, one)
        if guarded:
            continue
        flags = "".join(word for word in one.words[1:] if word.startswith("-"))
        if one.name == "mkdir" and "p" not in flags:
            yield rule.broken(script.name, one.line, command=_short(one), instead="'mkdir -p'")
        if one.name == "ln" and "f" not in flags:
            yield rule.broken(script.name, one.line, command=_short(one), instead="'ln -sfn'")
        if one.name in {"useradd", "groupadd", "adduser", "addgroup"}:
            instead = "ask 'getent' first, or create it in the Dockerfile"
            yield rule.broken(script.name, one.line, command=_short(one), instead=instead)


def _inside_if(script: Entrypoint, one: Command) -> bool:
    """Tell by indentation: a line of its own inside a condition or a function."""
    line = script.text.splitlines()[one.line - 1]
    return line[:1].isspace()


def _short(one: Command) -> str:
    return " ".join(one.words[:4])
