"""What an image does when it is started: its entrypoint, run in thought as root."""

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import cache

from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.dockerfile_run import looks_like_shell
from hardgate.pipeline.static.image_users import ImageUsers, operands, option
from hardgate.pipeline.static.install_rules import find_command
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_state import UNKNOWN, Call, State, is_known
from hardgate.pipeline.static.shell_tree import Script, Simple, Text, Word
from hardgate.pipeline.static.shell_ways import start_folders
from hardgate.pipeline.static.shell_world import SourceFile, TooManyWaysError, World

STAY_ABOVE = frozenset({"su", "sudo", "runuser", "doas"})
"""They wait for what they start, as root (tried: runuser and su too, with -u and with -c)."""
DROPPERS = frozenset({"gosu", "su-exec", "setpriv", "setuidgid", "s6-setuidgid", "chpst"})
SUPERVISORS = frozenset(
    {"init", "systemd", "supervisord", "runsvdir", "s6-svscan", "my_init", "s6-overlay-init"}
)
"""Programs that begin as root and start others as whom their own configuration says."""
STAYS = re.compile(
    r"python[\d.]*|pypy[\d.]*|node(js)?|deno|bun|ruby|perl|php|java|dotnet|R|Rscript|"
    r"npm|npx|yarn|pnpm|pip|uv|uvx|poetry|pipenv|pdm|flask|uvicorn|gunicorn|hypercorn|celery|"
    r"(ba|da|a|z|k)?sh|sleep|tail|cat|env|echo|true|top|bash|busybox"
)
"""Programs that run as who starts them, and so does a script of theirs but where it says so."""
_DROPS_BY_ITSELF = re.compile(r"set(?:res|re)?[ug]id|setgroups|gosu|su-exec|setpriv|initgroups")
_OPEN_MODE = re.compile(r"0?1?777|(?:a|o|ugo|)\+[rwxXt]*w[rwxXt]*")


class Ending(Enum):
    """As whom one way through a boot ends."""

    AGENT = "the agent"
    ROOT = "root"
    ANOTHER = "another user"
    ABOVE = "the agent, below a program of root's"
    NOTHING = "nobody: it is given no command"
    UNKNOWN = "nobody can tell"


@dataclass(frozen=True, kw_only=True)
class End:
    """The end of one way through a boot."""

    ending: Ending
    file: str
    line: int
    command: str
    user: str = ""


@dataclass(frozen=True, kw_only=True)
class Boot:
    """A boot that was gone through."""

    name: str = ""
    """The file that it begins in, from the repository's root."""
    line: int = 0
    """Of ENTRYPOINT or CMD in the Dockerfile."""
    unread: str = ""
    """Why it cannot be read; empty where it can."""
    ends: tuple[End, ...] = ()
    calls: tuple[Call, ...] = ()
    """All that may be called on some way, in order."""
    always: frozenset[Call] = frozenset()
    """What is called on each way that ends well."""
    repairs: frozenset[str] = frozenset()
    """Folders that are given to the agent."""
    may_give: frozenset[str] = frozenset()
    """Folders that may be given to the agent; what is not known of them is marked."""
    repairs_by_sudo: bool = False
    texts: tuple[str, ...] = field(default=(), repr=False)
    """Of the programs in other languages that it runs."""

    def may_repair(self, path: str) -> bool:
        """Tell whether a folder may be given to the agent by what nobody can follow."""
        in_program = any("chown" in text and path in text for text in self.texts)
        return in_program or any(_may_be(folder, path) for folder in self.may_give)


def read_boot(file: Dockerfile, users: ImageUsers) -> Boot:
    """Go through what the image starts."""
    start = file.entrypoint or file.command
    if start is None:
        return Boot(name=file.name, line=file.line, unread="nothing is started")
    words = start.words
    if file.entrypoint and file.command:
        words = (*words, *file.command.words)
    world, why = _world(file, users), ""
    for tried in (world, replace(world, ends_at_drop=True)):
        machine = Machine(tried)
        try:
            states = machine.finish(_by_exec(words, start.line), _state(file, users))
        except TooManyWaysError as error:
            why = f"of the entrypoint, {error}"
        else:
            return _boot(file, users, start.line, machine, states)
    return Boot(name=file.name, line=start.line, unread=why)


def _boot(
    file: Dockerfile, users: ImageUsers, line: int, machine: Machine, states: Sequence[State]
) -> Boot:
    ends = tuple(_ends(file, users, states))
    going = [state for state in states if state.replaced_by] or [
        state for state in states if state.status != "1"
    ]
    always = frozenset.intersection(*(one.must for one in going)) if going else frozenset()
    calls = tuple(machine.calls)
    # Where USER is another than root, user-stays-root says so: each miss is one finding.
    begins_as = users.uid_of(file.user.words[0].partition(":")[0]) if file.user else "0"
    repairs, unsure = _repairs(calls, users, frozenset({"0", "root", UNKNOWN, begins_as}))
    programs = tuple(_programs(file, calls))
    return Boot(
        name=next((call.file for call in calls if call.file != file.name), file.name),
        line=line,
        ends=ends,
        calls=calls,
        always=always,
        repairs=repairs,
        may_give=unsure,
        repairs_by_sudo=any("sudo" in one.wrappers for one in calls if one.name in _GIVERS)
        or any("sudo" in text for text in programs),
        unread=_why_unread(file, ends, states),
        texts=programs,
    )


def _why_unread(file: Dockerfile, ends: Sequence[End], states: Sequence[State]) -> str:
    """Say why nothing is known of a boot; empty where something is."""
    if any(end.ending is not Ending.UNKNOWN for end in ends) or not states:
        return ""
    first = next((end for end in ends), None)
    if first is None or first.file != file.name or first.line in _run_lines(file):
        return ""
    return f"'{first.command}' is not a shell script of the context"


def _run_lines(file: Dockerfile) -> frozenset[int]:
    """Give the lines of scripts that the Dockerfile itself writes out."""
    return frozenset(run.line for run in file.runs)


def _by_exec(words: Sequence[str], line: int) -> Script:
    listed = ("exec", *words)
    return Script(
        items=(
            Simple(
                line=line,
                words=tuple(Word(parts=(Text(text=word, quoted=True),)) for word in listed),
            ),
        )
    )


def _state(file: Dockerfile, users: ImageUsers) -> State:
    user = file.user.words[0].partition(":")[0] if file.user else "0"
    variables = {**file.variables, "PWD": file.folder, "HOME": "/root"}
    return State(variables=variables, user=users.uid_of(user))


def _world(file: Dockerfile, users: ImageUsers) -> World:
    @cache
    def read_file(path: str, folder: str) -> SourceFile | None:
        where = posixpath.normpath(posixpath.join(folder or "/", path))
        if "/" not in path:
            where = file.files.find_command(path, file.variables.get("PATH", "")) or where
        found = file.files.find(where)
        text = found.read() if found else None
        if found is None or text is None or not looks_like_shell(where, text):
            return None
        return SourceFile(name=_shown(file, found.path, path), text=text)

    return World(
        file=file.name,
        read_file=read_file,
        has_command=cache(lambda name: find_command(file, name)),
        users=users.uid_of,
        unset_is_empty=True,
    )


def _shown(file: Dockerfile, path: object, in_image: str) -> str:
    """Name a script by its place in the repository, as the Dockerfile's own name begins."""
    if path is None:
        return in_image
    inside = str(path).removeprefix(str(file.files.context)).lstrip("/")
    return posixpath.join(posixpath.dirname(file.name), inside)


def _ends(file: Dockerfile, users: ImageUsers, states: Sequence[State]) -> Iterator[End]:
    became = [state for state in states if state.replaced_by]
    for state in became:
        if state.replaced_by:
            yield _end(file, users, state.replaced_by, by_exec=True)
    for state in () if became else states:
        if state.last is not None and state.status != "1":
            yield _end(file, users, state.last, by_exec=False)


def _end(file: Dockerfile, users: ImageUsers, call: Call, *, by_exec: bool) -> End:
    uid = users.uid_of(call.user.partition(":")[0])
    ending = Ending.UNKNOWN
    if call.name in DROPPERS and by_exec:
        ending = Ending.NOTHING
    elif users.is_agent(call.user) or uid == users.agent_uid:
        above = not by_exec or STAY_ABOVE & set(call.wrappers)
        started_as_agent = file.user is not None and not call.wrappers
        ending = Ending.ABOVE if above and not started_as_agent else Ending.AGENT
    elif uid == "0":
        ending = Ending.UNKNOWN if _may_drop_itself(file, call) else Ending.ROOT
    elif is_known(uid):
        ending = Ending.ANOTHER
    elif STAY_ABOVE & set(call.wrappers):
        ending = Ending.ABOVE
    elif call.wrappers and is_known(call.user) and call.user not in {"", "0"}:
        ending = Ending.ANOTHER if users.uids and not file.unread else Ending.UNKNOWN
    shown = call.wrappers[-1] if ending is Ending.ABOVE and call.wrappers else call.name
    return End(ending=ending, file=call.file, line=call.line, command=shown, user=call.user)


def _may_drop_itself(file: Dockerfile, call: Call) -> bool:
    """Tell whether a program that is started as root may leave root by its own doing."""
    if call.name in SUPERVISORS or not is_known(call.argv[0]):
        return True
    if call.file == file.name and not STAYS.fullmatch(call.name):
        return True  # ENTRYPOINT itself, and no script of the context
    return any(_DROPS_BY_ITSELF.search(text) for text in _programs(file, [call]))


def _programs(file: Dockerfile, calls: Sequence[Call]) -> Iterator[str]:
    """Yield the text of each file of the context that a call names, and that is not a shell's."""
    for call in calls:
        for word in call.argv:
            if not is_known(word):
                continue
            found = file.files.find(posixpath.normpath(posixpath.join(file.folder, word)))
            text = found.read() if found else None
            if (text is not None and not looks_like_shell(word, text)) or (
                text is not None and word.endswith((".py", ".js", ".rb", ".pl"))
            ):
                yield text


_GIVERS = frozenset({"chown", "chmod", "install", "find", "setfacl"})


def _repairs(
    calls: Sequence[Call], users: ImageUsers, by: frozenset[str]
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the folders that some users give to the agent, and those that they may give."""
    given: set[str] = set()
    maybe: set[str] = set()
    for call in calls:
        if call.name not in _GIVERS or call.user not in by:
            continue
        owner, folders = _given(call)
        name = users.name_in(owner)
        bare = {_absolute(folder, call.folder) for folder in folders}
        if not is_known(name):
            maybe |= bare
        elif users.is_agent(name) or name == "*":
            given |= {folder for folder in bare if is_known(folder)}
            maybe |= {folder for folder in bare if not is_known(folder)}
    return frozenset(given), frozenset(maybe)


def _absolute(path: str, folder: str) -> str:
    """Name a path from the top; where not even its begin is known, it stays as it is."""
    return posixpath.normpath(posixpath.join(folder if is_known(path[:1]) else "", path))


def _may_be(folder: str, path: str) -> bool:
    """Tell whether a folder that is known in part may be a path."""
    pattern = ".*".join(map(re.escape, folder.split(UNKNOWN)))
    return bool(re.fullmatch(pattern, path))


def _given(call: Call) -> tuple[str, list[str]]:
    """Give the new owner and the folders of a call; `*` where everybody may write."""
    words = operands(call.argv, frozenset({"--from", "--reference", "-m", "--mode", "-g"}))
    if call.name == "chown":
        return (words[0], words[1:]) if words else ("", [])
    if call.name == "chmod":
        return ("*", words[1:]) if words and _OPEN_MODE.fullmatch(words[0]) else ("", [])
    if call.name == "install":
        flags = "".join(word for word in call.argv if word.startswith("-"))
        words = operands(call.argv, frozenset({"-o", "--owner", "-m", "--mode", "-g", "--group"}))
        return option(call.argv, "-o", "--owner") if "d" in flags else "", words
    if call.name == "setfacl":
        match = re.search(r"u(?:ser)?:([^:]+):rwx", " ".join(call.argv))
        return (match[1] if match else ""), words[-1:]
    if "chown" not in call.argv:
        return "", []
    behind = [w for w in call.argv[call.argv.index("chown") + 1 :] if not w.startswith("-")]
    return (behind[0] if behind else ""), list(start_folders(call.argv))
