"""What the Dockerfile of a template must do."""

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from hardgate.pipeline.static.boot import Boot
from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.dockerfile_stage import Act
from hardgate.pipeline.static.image_users import SYSTEM, ImageUsers, operands, option
from hardgate.pipeline.static.install_rules import find_install_findings
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import UNKNOWN, is_known
from hardgate.pipeline.static.sudoers import find_sudoers_findings

HOME = "/agent-home"
_OPEN_MODE = re.compile(r"0?1?777|[ao]*[ao]?\+[rwxXt]*w[rwxXt]*|ugo\+[rwxX]*w[rwxX]*|a=[rwxXt]+")


def find_dockerfile_findings(file: Dockerfile, users: ImageUsers, boot: Boot) -> Iterator[Finding]:
    """Apply every rule of the group."""
    yield from _agent(file, users)
    yield from _home(file, users)
    yield from find_sudoers_findings(file, users)
    yield from find_install_findings(file)
    yield from _user(file, users, boot)
    yield from _entrypoint(file, boot)


def _agent(file: Dockerfile, users: ImageUsers) -> Iterator[Finding]:
    rule, uids = rules()["agent-uid"], users.uids
    if users.refused:
        act, holder = users.refused
        seen = f"'{holder}' has that number already, so '{act.name}' fails"
        yield rule.broken(file.name, act.line, uid=file.agent_uid, seen=seen)
        return
    if users.agent_uid in uids.values():
        return
    line = users.made[0].line if users.made else file.line
    if UNKNOWN in uids.values():
        name = next(name for name, uid in uids.items() if uid == UNKNOWN)
        yield rule.untold(file.name, line, f"the uid of '{name}' is chosen when the image is built")
        return
    if not uids and (not file.base.is_known or file.unread):
        what = f"'{file.base.reference}'" if not file.base.is_known else f"line {file.unread[0]}"
        yield rule.untold(file.name, line, f"{what} may bring the user")
        return
    seen = "there is no useradd"
    if users.made:
        name, uid = next(iter(uids.items()), ("", "0"))
        seen = f"'{name}' has uid {uid} here"
        if uid == SYSTEM:
            seen = f"'{name}' is a system user, with a uid {SYSTEM}"
        if not uids:
            seen = "it is removed again"
    yield rule.broken(file.name, line, uid=file.agent_uid, seen=seen)


@dataclass(frozen=True, kw_only=True)
class _Home:
    """Whose the agent's home is, after some acts."""

    owner: str = ""
    """Empty: it is not there; else `root`, `agent`, UNKNOWN, or another name."""
    open: bool = False
    """Everybody may write to it."""
    line: int = 0


def _home(file: Dockerfile, users: ImageUsers) -> Iterator[Finding]:
    rule, home = rules()["agent-home-made"], _Home()
    for act in file.acts:
        home = _after(act, home, users)
    if home.owner == "agent" or (home.owner and home.open):
        return
    if home.owner == UNKNOWN:
        yield rule.untold(file.name, home.line, f"the owner of '{HOME}' is set by a variable")
    elif not home.owner and (file.unread or not (file.base.is_known or users.made)):
        what = f"line {file.unread[0]}" if file.unread else f"'{file.base.reference}'"
        yield rule.untold(file.name, file.line, f"{what} may make '{HOME}'")
    elif not home.owner:
        yield rule.broken(
            file.name,
            home.line or file.line,
            seen=f"Nothing makes '{HOME}'",
            agent=users.agent_name,
        )
    else:
        seen = f"'{HOME}' is made, and not given to the agent"
        yield rule.broken(file.name, home.line, seen=seen, agent=users.agent_name)


def _after(  # noqa: PLR0911 - a table of instructions
    act: Act, home: _Home, users: ImageUsers
) -> _Home:
    """Tell whose the home is after one act."""
    if act.keyword == "WORKDIR" and _is_or_is_below(act.words[0]) and not home.owner:
        return _Home(owner=_owner(act.user, users), line=act.line)
    if act.keyword in {"COPY", "ADD"} and act.words:
        owner = _owner(act.flags.get("chown", "root"), users)
        if _is_or_is_below(act.words[-1]) and not home.owner:
            return _Home(owner=owner, line=act.line)
        return home
    if act.call is None:
        return home
    made = _made_by(act, users)
    if made and (not home.owner or act.name in {"install", "ln"}):
        return _Home(owner=made, line=act.line)
    if act.name in {"rm", "rmdir"} and _names_home(act):
        return _Home(line=act.line)
    if home.owner and _names_home(act):
        return _given(act, home, users)
    return home


def _given(act: Act, home: _Home, users: ImageUsers) -> _Home:
    words = operands(act.words, frozenset({"--reference", "--from"}))
    if act.name == "chown" and words:
        return _Home(owner=_owner(words[0], users), open=home.open, line=act.line)
    if act.name == "chmod" and words:
        is_open = bool(_OPEN_MODE.fullmatch(words[0]))
        return _Home(owner=home.owner, open=is_open, line=act.line)
    if act.name == "find" and "chown" in act.words:
        owner = act.words[act.words.index("chown") + 1 :]
        given = [word for word in owner if not word.startswith("-")]
        return _Home(owner=_owner(given[0] if given else "", users), line=act.line)
    return home


def _made_by(act: Act, users: ImageUsers) -> str:  # noqa: PLR0911 - a table of commands
    """Give the owner of a home that an act makes; empty where it makes none."""
    if act.name == "install" and {"-d", "--directory"} & set(act.words) and _names_home(act):
        return _owner(option(act.words, "-o", "--owner") or act.user, users)
    if act.name == "install" and "-d" in "".join(w for w in act.words if w.startswith("-")):
        return _owner(option(act.words, "-o", "--owner") or "root", users) * _names_home(act)
    if act.name == "mkdir" and any(map(_is_or_is_below, operands(act.words, _MODE))):
        return _owner(act.user, users)
    if act.name in {"useradd", "adduser"} and _is_own_home(act):
        return _owner(operands(act.words)[-1 if act.name == "useradd" else 0], users)
    if act.name == "usermod" and {"-m", "--move-home"} & set(act.words) and _is_own_home(act):
        return _owner(operands(act.words)[-1], users)
    if act.name in {"ln", "mv", "cp"} and act.words[-1].rstrip("/") == HOME:
        original = operands(act.words, frozenset())[0].rstrip("/")
        owned = [name for name, home in users.homes.items() if home.rstrip("/") == original]
        return _owner(owned[0], users) if owned else UNKNOWN
    return ""


_MODE = frozenset({"-m", "--mode", "-Z", "--context"})


def _is_own_home(act: Act) -> bool:
    """Tell whether a user's own home is this one, and is made."""
    home = option(act.words, "-d", "--home-dir", "--home").rstrip("/") or (
        option(act.words, "-h").rstrip("/") if act.name == "adduser" else ""
    )
    if home != HOME:
        return False
    short = "".join(word[1:] for word in act.words if re.fullmatch(r"-[a-zA-Z]+", word))
    makes = "m" in short or {"--create-home", "--move-home"} & set(act.words)
    quiet = act.name == "adduser" and not {"-H", "--no-create-home"} & set(act.words)
    return bool(makes) or quiet


def _owner(user: str, users: ImageUsers) -> str:
    name = users.name_in(user)
    if not is_known(name):
        return UNKNOWN
    if name in {"", "root", "0"}:
        return "root"
    return "agent" if name in users.agents else name


def _is_or_is_below(path: str) -> bool:
    return path.rstrip("/") == HOME or path.startswith(f"{HOME}/")


def _names_home(act: Act) -> bool:
    """Tell whether an act is about the home itself, and not about a folder in it."""
    return any(posixpath.normpath(word) == HOME for word in act.words[1:] if word[:1] == "/")


def _user(file: Dockerfile, users: ImageUsers, boot: Boot) -> Iterator[Finding]:
    rule, act = rules()["user-stays-root"], file.user
    if act is None:
        return
    user = act.words[0].partition(":")[0]
    if not is_known(user) or not user:
        yield rule.untold(file.name, act.line, "USER is a variable that the builder sets")
    elif users.uid_of(user) != "0" and not boot.repairs_by_sudo:
        yield rule.broken(file.name, act.line, user=act.words[0])


def _entrypoint(file: Dockerfile, boot: Boot) -> Iterator[Finding]:
    rule = rules()["entrypoint-known"]
    if file.entrypoint is None and file.command is None:
        seen = "There is neither ENTRYPOINT nor CMD"
        if file.base.is_known:
            yield rule.broken(file.name, file.line, seen=seen)
        else:
            yield rule.untold(file.name, file.line, f"'{file.base.reference}' may bring one")
    elif boot.unread:
        yield rule.untold(file.name, boot.line, boot.unread)
