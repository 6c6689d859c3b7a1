"""Whether the image lets the agent become root by sudo, without a password.

Tried with sudo 1.9.16: of the files below /etc/sudoers.d it refuses those that the world may
write to, or that are not root's, and passes over names with a dot in them or a `~` at their end.
Any other mode does.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.dockerfile_stage import Act
from hardgate.pipeline.static.image_users import ImageUsers, operands, option
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import UNKNOWN, is_known
from hardgate.pipeline.static.sudoers_text import may_become_root

FOLDER = "/etc/sudoers.d"
MAIN = "/etc/sudoers"
ESCALATION = "nsenter"
"""What the contract's agent runs by sudo to reach the host."""
_CHANGERS = frozenset({"sed", "perl", "ex", "awk", "gawk"})


@dataclass(frozen=True, kw_only=True)
class _Sudoers:
    """One file of sudo's, after some acts."""

    path: str
    line: int
    text: str | None
    """None where nobody can tell what it holds."""
    mode: str = ""
    owner: str = "root"


def find_sudoers_findings(file: Dockerfile, users: ImageUsers) -> Iterator[Finding]:
    """Apply the rules on sudo's files."""
    found = _read_files(file)
    yield from _grant(file, users, found)
    last = max((one.line for one in found.values()), default=0)
    acts = [act for act in file.acts if act.line >= last]
    if found and not any(map(_validates, acts)):
        yield rules()["sudoers-validated"].broken(file.name, last)


def _grant(file: Dockerfile, users: ImageUsers, found: Mapping[str, _Sudoers]) -> Iterator[Finding]:
    """sudo must find a line that lets the agent do all, in a file that it takes."""
    rule = rules()["sudoers-mode"]
    if not found:
        seen = f"Nothing is put into '{FOLDER}': sudo would ask the agent for a password"
        if file.unread:
            yield rule.untold(file.name, file.unread[0], "what is run there may write one")
        elif file.base.is_known or users.made:
            yield rule.broken(file.name, file.line, seen=seen, agent=users.agent_name)
        else:
            yield rule.untold(file.name, file.line, f"'{file.base.reference}' may bring one")
        return
    wrong = {path: why for path, one in found.items() if (why := _refused(one))}
    granting = [one for path, one in found.items() if path not in wrong]
    answers = [_grants(one.text, users) for one in granting]
    if True not in answers:
        yield from _why_not(file, users, found, wrong, answers)
    elif wrong:
        path, why = next(iter(wrong.items()))
        seen = f"'{path}' {why}"
        yield rule.advice(file.name, found[path].line, seen=seen, agent=users.agent_name)
    for one in granting:
        if one.mode and not re.fullmatch(r"0?44?0|0?400|[ug]*=r,?.*|a=,ug=r", one.mode):
            seen = f"'{one.path}' has mode {one.mode}, and sudo's own is 0440"
            yield rule.advice(file.name, one.line, seen=seen, agent=users.agent_name)


def _why_not(
    file: Dockerfile,
    users: ImageUsers,
    found: Mapping[str, _Sudoers],
    wrong: Mapping[str, str],
    answers: list[bool | None],
) -> Iterator[Finding]:
    rule = rules()["sudoers-mode"]
    first = next(iter(found.values()))
    if wrong:
        path, why = next(iter(wrong.items()))
        seen = f"'{path}' {why}"
        yield rule.broken(file.name, found[path].line, seen=seen, agent=users.agent_name)
    elif None in answers:
        yield rule.untold(file.name, first.line, f"what '{first.path}' holds is not written here")
    else:
        seen = f"No line of '{first.path}' lets the agent do all without a password"
        yield rule.broken(file.name, first.line, seen=seen, agent=users.agent_name)


def _refused(one: _Sudoers) -> str:
    """Say why sudo does not take a file; empty where it does."""
    name = posixpath.basename(one.path)
    if one.path != MAIN and ("." in name or name.endswith("~")):
        return "has a dot in its name, and sudo passes such files over"
    if one.owner not in {"root", "0", ""} and is_known(one.owner):
        return f"belongs to '{one.owner}', and sudo takes root's alone"
    if _world_may_write(one.mode):
        return f"has mode {one.mode}: the world may write to it, and sudo refuses that"
    return ""


def _world_may_write(mode: str) -> bool:
    if mode.isdigit():
        return int(mode[-1]) & 2 != 0
    return any(
        re.match(r"(a|o|ugo|)[+=]", part) and "w" in part.partition("=")[2] + part.partition("+")[2]
        for part in mode.split(",")
    )


def _grants(text: str | None, users: ImageUsers) -> bool | None:
    """Tell whether sudo's lines let the agent run what it reaches the host by, and ask nothing."""
    if text is None:
        return None
    answer = may_become_root(text, lambda who: _is_agent(who, users), command=ESCALATION)
    return None if answer is False and UNKNOWN in text else answer


def _is_agent(who: str, users: ImageUsers) -> bool:
    names = users.agents
    if who == "ALL" or who.removeprefix("#") in names:
        return True
    if not who.startswith("%"):
        return False
    groups = {group for name in names for group in users.groups.get(name, ())}
    return who[1:] in groups or who[1:] in names


def _read_files(file: Dockerfile) -> dict[str, _Sudoers]:
    found: dict[str, _Sudoers] = {}
    for act in file.acts:
        for path, text in _written(act, file):
            before = found.get(path)
            joined = text if before is None or not text else f"{before.text or ''}\n{text}"
            mode = act.flags.get("chmod", "") or option(act.words, "-m", "--mode")
            owner = act.flags.get("chown", "root").partition(":")[0]
            found[path] = _Sudoers(
                path=path,
                line=act.line,
                text=joined,
                mode=mode if act.name in {"COPY", "ADD", "install"} else "",
                owner=owner,
            )
        _change(act, found)
    return found


def _written(act: Act, file: Dockerfile) -> Iterator[tuple[str, str | None]]:
    """Yield the files of sudo's that an act writes, with what they hold then."""
    if act.keyword in {"COPY", "ADD"} and len(act.words) > 1:
        for path in _copied(act):
            held = file.files.find(path)
            yield path, held.read() if held else None
        return
    if act.call is None:
        return
    targets = [*act.call.writes]
    if act.name == "tee":
        targets += operands(act.words, frozenset())
    if act.name in {"cp", "mv", "install", "ln"}:
        targets += operands(act.words, frozenset({"-m", "-o", "-g", "--mode"}))[-1:]
    for path in map(posixpath.normpath, targets):
        if path.startswith(f"{FOLDER}/") or path == MAIN:
            held = file.files.find(path) if path != MAIN else None
            yield path, _text_of(act) if held is None else held.read()
    if act.name in _CHANGERS and MAIN in act.words:
        yield MAIN, _text_of_change(act.words)
    if act.name == "visudo" and {"-f", "--file"} & set(act.words) and "EDITOR" in act.words:
        yield MAIN, None


def _text_of_change(words: Sequence[str]) -> str:
    """Give what an editor adds; what it makes of the distribution's own lines is not known."""
    if not any("NOPASSWD" in word for word in words):
        return ""
    text = "\n".join(words)
    return f"{text}\n{UNKNOWN}" if any(map(_is_substitution, words)) else text


def _is_substitution(word: str) -> bool:
    """Tell whether an editor's word puts a line without a password in another one's place."""
    expression = word.partition("s")[2]
    mark = expression[:1]
    if not mark or mark.isalnum():
        return False
    return "NOPASSWD" in expression[1:].partition(mark)[2]


def _copied(act: Act) -> Iterator[str]:
    target = act.words[-1]
    if target.rstrip("/") == FOLDER or target.startswith(f"{FOLDER}/"):
        for source in act.words[:-1]:
            name = posixpath.basename(source.rstrip("/"))
            is_folder = target.endswith("/") or target == FOLDER
            yield posixpath.join(target, name) if is_folder else target
    elif target == MAIN:
        yield MAIN


def _text_of(act: Act) -> str | None:
    """Give what an act writes by itself; an unknown source is None."""
    words = [" ".join(act.words[1:])] if act.name == "echo" else act.words[1:]
    text = "\n".join([*words, (act.call.stdin if act.call else None) or ""])
    if act.name in {"echo", "printf", "cat"}:
        return text.replace("\\n", "\n")
    return None


def _change(act: Act, found: dict[str, _Sudoers]) -> None:
    """Take a later chmod, chown or rm of such a file."""
    if act.call is None or act.name not in {"chmod", "chown", "rm", "mv"}:
        return
    if act.name == "mv":
        for source in operands(act.words, frozenset({"-S", "-t"}))[:-1]:
            found.pop(source, None)
        return
    words = operands(act.words, frozenset({"--reference"}))
    targets = words if act.name == "rm" else words[1:]
    if act.name == "chmod" and not words and len(act.words) > 2:  # noqa: PLR2004 - MODE FILE
        targets = list(act.words[2:])
    for path in [path for path in found if any(_means(target, path) for target in targets)]:
        if act.name == "rm":
            del found[path]
        elif act.name == "chmod":
            found[path] = replace(found[path], mode=words[0], line=act.line)
        else:
            owner = words[0].partition(":")[0]
            found[path] = replace(found[path], owner=owner, line=act.line)


def _means(target: str, path: str) -> bool:
    """Tell whether a word of a command means a file: by its name, a pattern, or its folder."""
    if target.rstrip("/") == FOLDER:
        return path.startswith(f"{FOLDER}/")
    pattern = re.escape(target).replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return bool(re.fullmatch(pattern, path))


def _validates(act: Act) -> bool:
    return act.name == "visudo" and any(
        word == "--check" or re.fullmatch(r"-[a-z]*c[a-z]*", word) for word in act.words[1:]
    )
