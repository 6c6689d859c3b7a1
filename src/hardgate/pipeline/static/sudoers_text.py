"""Reads a sudoers file: what a user may do as root, and whether sudo asks for a password.

The grammar is that of sudoers(5). Of several lines that match, sudo goes by the last one. What a
text alone does not tell (a variable in it, an alias or a host that stands elsewhere) is None.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from hardgate.pipeline.static.shell_state import is_known

MAX_ALIASES_DEEP = 8
_ALIAS = re.compile(r"(?:User|Runas|Host|Cmnd|Cmd)_Alias[ \t]++(.++)")
_ALIAS_NAME = re.compile(r"[A-Z][A-Z0-9_]*+")
_COMMENT = re.compile(r"(?:^|(?<=[ \t]))#(?!\d).*+|^[#@]include.*+")
_NEXT_HOST = re.compile(r":(?=[ \t]*+[\w.,!]++[ \t]*+=)")
_TAG = re.compile(r"((?:NO)?[A-Z_]++)[ \t]*+:[ \t]*+")
_SETTING = re.compile(r"[A-Z_]++=\S++[ \t]++")
_RUNAS = re.compile(r"\(([^()]*+)\)[ \t]*+")

IsUser = Callable[[str], bool]
"""Tells whether a word of a user list (`name`, `#uid`, `%group`) means the user in question."""


@dataclass(frozen=True, kw_only=True)
class Permission:
    """What one line says of one command."""

    users: Sequence[str]
    hosts: Sequence[str]
    runas: Sequence[str]
    command: str
    """As it stands there; `!` before it forbids it."""
    asks: bool
    """sudo asks for a password before it."""


def may_become_root(text: str, is_user: IsUser, *, command: str) -> bool | None:
    """Tell whether sudo lets a user run `command` (its base name) as root, and asks for nothing.

    None where the text does not tell.
    """
    lines = list(_read_lines(text))
    aliases = dict(_read_aliases(lines))
    never_asks = any(re.match(r"Defaults\b.*!authenticate", line) for line in lines)
    answer: bool | None = False
    for one in _read_permissions(lines):
        parts = (
            _holds(one.users, aliases, is_user),
            _holds(one.hosts, aliases, lambda host: True if host == "ALL" else None),
            _holds(one.runas, aliases, lambda user: user in {"ALL", "root", "#0"}),
            _holds([one.command.lstrip("! \t")], aliases, lambda words: _means(words, command)),
        )
        if False in parts:
            continue
        allowed = not one.command.startswith("!") and (never_asks or not one.asks)
        answer = allowed if None not in parts else (answer if answer == allowed else None)
    return answer


def _read_lines(text: str) -> Iterator[str]:
    """Yield the logical lines, without comments."""
    for line in text.replace("\\\n", " ").splitlines():
        if kept := _COMMENT.sub("", line).strip():
            yield kept


def _read_aliases(lines: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
    for line in lines:
        if match := _ALIAS.fullmatch(line):
            for definition in re.split(r"[ \t]:[ \t]", match[1]):
                name, _, members = definition.partition("=")
                yield name.strip(), _split_list(members)


def _split_list(text: str) -> Sequence[str]:
    return tuple(word.strip().strip('"') for word in text.split(",") if word.strip())


def _split_outside_parentheses(text: str) -> Iterator[str]:
    """Split a list at its commas, but not at those of a list in parentheses."""
    kept: list[str] = []
    is_open = False
    for part in text.split(","):
        kept.append(part)
        if "(" in part or ")" in part:
            is_open = part.rfind("(") > part.rfind(")")
        if not is_open:
            yield ",".join(kept)
            kept = []
    if kept:
        yield ",".join(kept)


def _read_permissions(lines: Sequence[str]) -> Iterator[Permission]:
    for line in lines:
        if line.startswith("Defaults") or _ALIAS.match(line):
            continue
        first, *more = _NEXT_HOST.split(line)
        who, _, rest = ",".join(map(str.strip, first.split(","))).partition("=")
        words = who.split()
        if len(words) != 2:  # noqa: PLR2004 - users, and hosts
            continue
        users = _split_list(words[0])
        for hosts, items in ((words[1], rest), *(part.split("=", 1) for part in more)):
            yield from _read_items(users, _split_list(hosts), items)


def _read_items(users: Sequence[str], hosts: Sequence[str], text: str) -> Iterator[Permission]:
    """Read the commands of one host list: users in parentheses and tags hold for what follows."""
    runas: Sequence[str] = ("root",)
    asks = True
    for item in _split_outside_parentheses(text):
        rest = item.strip()
        if match := _RUNAS.match(rest):
            users_part = match[1].partition(":")[0]
            runas, rest = _split_list(users_part) or ("root",), rest[match.end() :]
        while match := _TAG.match(rest) or _SETTING.match(rest):
            asks = {"NOPASSWD": False, "PASSWD": True}.get(match[0].partition(":")[0].strip(), asks)
            rest = rest[match.end() :]
        if rest:
            yield Permission(users=users, hosts=hosts, runas=runas, command=rest, asks=asks)


def _holds(
    words: Sequence[str],
    aliases: Mapping[str, Sequence[str]],
    is_meant: Callable[[str], bool | None],
    depth: int = 0,
) -> bool | None:
    """Tell whether a list means somebody or something; its last word that does decides."""
    answer: bool | None = False
    for word in words:
        name = word.lstrip("!")
        denied = (len(word) - len(name)) % 2 == 1
        meant = _is_word_meant(name, aliases, is_meant, depth)
        if meant is not False:
            answer = None if meant is None else not denied
    return answer


def _is_word_meant(
    name: str,
    aliases: Mapping[str, Sequence[str]],
    is_meant: Callable[[str], bool | None],
    depth: int,
) -> bool | None:
    if not is_known(name):
        return None
    if name == "ALL" or not _ALIAS_NAME.fullmatch(name):
        return is_meant(name)
    if name not in aliases or depth > MAX_ALIASES_DEEP:
        return True if is_meant(name) else None
    return _holds(aliases[name], aliases, is_meant, depth + 1)


def _means(words: str, command: str) -> bool | None:
    """Tell whether a command of a file is this one; with arguments or patterns it may be."""
    if words == "ALL":
        return True
    program, _, arguments = words.partition(" ")
    name = program.rpartition("/")[2]
    if name == command and program.startswith("/"):
        return None if arguments.strip() else True
    return None if name in {"", "*"} or re.search(r"[*?\[]", name) else False
