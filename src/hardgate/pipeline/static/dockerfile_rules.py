"""What the Dockerfile of a template must do, and in which order."""

import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from hardgate.pipeline.static.dockerfile import Act, Dockerfile
from hardgate.pipeline.static.entrypoint_script import entrypoint_script
from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.install_rules import look_at_installs
from hardgate.pipeline.static.rule import rules
from hardgate.pipeline.static.shell import option

HOME = "/agent-home"
SUDOERS = "/etc/sudoers.d/"


def look(file: Dockerfile) -> Iterator[Finding]:
    """Apply every rule of the group."""
    for rule in (_agent, _home, _sudoers, look_at_installs, _user, _entrypoint):
        yield from rule(file)


def agent_names(file: Dockerfile) -> frozenset[str]:
    """Give what the agent is called: its uid, and the name of the user that has it.

    Where nobody has it, any user that is created is meant to be the agent: one miss is one finding.
    """
    made = [act for act in file.stage.acts if act.name in {"useradd", "adduser"}]
    with_uid = [act for act in file.stage.acts if _uid_of(act) == str(file.agent_uid)]
    return frozenset({str(file.agent_uid), *(act.words[-1] for act in with_uid or made)})


def _uid_of(act: Act) -> str:
    """Give the uid that a command creates a user with; empty where it creates none."""
    if act.keyword != "RUN" or act.name not in {"useradd", "adduser", "usermod"}:
        return ""
    return option(act.words, "-u", "--uid")


def _created_at(file: Dockerfile) -> int | None:
    wanted = str(file.agent_uid)
    for number, act in enumerate(file.stage.acts):
        if _uid_of(act) == wanted or any(f":x:{wanted}:" in word for word in act.words):
            return number
    return None


def _agent(file: Dockerfile) -> Iterator[Finding]:
    if _created_at(file) is not None:
        return
    made = [act for act in file.stage.acts if act.name in {"useradd", "adduser"}]
    uid = _uid_of(made[0]) if made else ""
    seen = "there is no useradd"
    if made:
        seen = f"it is {uid} here" if uid else "this useradd names no uid, and takes the next"
    line = made[0].line if made else file.stage.line
    yield rules()["agent-uid"].broken(file.name, line, uid=file.agent_uid, seen=seen)


def _home(file: Dockerfile) -> Iterator[Finding]:
    acts, created = file.stage.acts, _created_at(file)
    names = agent_names(file)
    made = [number for number, act in enumerate(acts) if _makes_home(act)]
    given = [number for number, act in enumerate(acts) if _gives_home(act, names)]
    rule = rules()["agent-home-made"]
    if not made:
        yield rule.broken(file.name, file.stage.line, seen=f"Nothing makes '{HOME}'")
    elif created is not None and made[0] < created:
        seen = f"'{HOME}' is made before the agent exists, so it is not the agent's"
        yield rule.broken(file.name, acts[made[0]].line, seen=seen)
    elif not any(number >= made[0] for number in given):
        seen = f"'{HOME}' is made, and not given to the agent"
        yield rule.broken(file.name, acts[made[0]].line, seen=seen)


def _names_home(words: Sequence[str]) -> bool:
    return any(word.rstrip("/") == HOME or word.startswith(f"{HOME}/") for word in words)


def _own_home(act: Act) -> bool:
    """Tell whether a useradd makes it itself."""
    makes = any(word == "--create-home" or re.fullmatch(r"-[a-zA-Z]*m", word) for word in act.words)
    quiet = act.name == "adduser" and not {"-H", "--no-create-home"} & set(act.words)
    home = option(act.words, "-d", "--home-dir") or option(act.words, "-h", "--home")
    return act.name in {"useradd", "adduser"} and home.rstrip("/") == HOME and (makes or quiet)


def _makes_home(act: Act) -> bool:
    if act.keyword in {"WORKDIR", "COPY", "ADD"}:
        return bool(act.words) and _names_home(act.words[-1:])
    if act.keyword != "RUN":
        return False
    if act.name == "install":
        return bool({"-d", "--directory"} & set(act.words)) and _names_home(act.words[1:])
    return _own_home(act) or (act.name == "mkdir" and _names_home(act.words[1:]))


def _gives_home(act: Act, names: frozenset[str]) -> bool:
    if act.keyword in {"COPY", "ADD"}:
        owner = option(act.words, "--chown", "--chown")
        return _names_home(act.words[-1:]) and owner.partition(":")[0] in names
    if act.keyword != "RUN" or not act.words:
        return False
    if act.name == "chown":
        owners = {word.partition(":")[0] for word in act.words[1:]}
        return _names_home(act.words[1:]) and bool(owners & names)
    if act.name == "install":
        return _names_home(act.words) and option(act.words, "-o", "--owner") in names
    return _own_home(act)


def _sudoers(file: Dockerfile) -> Iterator[Finding]:
    acts = file.stage.acts
    written = {number: path for number, act in enumerate(acts) if (path := _sudoers_path(act))}
    rule = rules()["sudoers-mode"]
    if not written:
        seen = f"Nothing is put into '{SUDOERS}': sudo would ask the agent for a password"
        yield rule.broken(file.name, file.stage.line, seen=seen)
        return
    for number, path in written.items():
        if not any(_sets_mode(act, path) for act in acts[number:]):
            yield rule.broken(
                file.name, acts[number].line, seen=f"'{path}' is not set to mode 0440"
            )
    last = max(written)
    if not any(_validates(act) for act in acts[last:]):
        yield rules()["sudoers-validated"].broken(file.name, acts[last].line)


def _sudoers_path(act: Act) -> str:
    """Give the file below /etc/sudoers.d that an act writes; empty where it writes none."""
    if (
        act.name in {"chmod", "visudo", "chown", "mkdir", "rm", "ls", "cat"}
        and ">" not in act.words
    ):
        return ""
    for word in act.words[1:]:
        path = word.lstrip(">")
        if path.startswith(SUDOERS):
            if path == SUDOERS and act.keyword != "RUN":
                return SUDOERS + PurePosixPath(act.words[-2]).name
            return path
    return ""


def _sets_mode(act: Act, path: str) -> bool:
    def is_0440(mode: str) -> bool:
        return mode.lstrip("0") == "440" or mode in {"ug=r,o=", "u=r,g=r,o=", "a=,ug=r"}

    if act.keyword in {"COPY", "ADD"}:
        return _sudoers_path(act) == path and is_0440(option(act.words, "--chmod", "--chmod"))
    if act.name == "install":
        return _sudoers_path(act) == path and is_0440(option(act.words, "-m", "--mode"))
    if act.name != "chmod" or len(act.words) < 3:  # noqa: PLR2004 - chmod MODE FILE
        return False
    targets = act.words[2:]
    names = any(PurePosixPath(path).match(target) for target in targets if target.startswith("/"))
    return names and any(is_0440(word) for word in act.words[1:])


def _validates(act: Act) -> bool:
    return act.name == "visudo" and any(
        word == "--check" or re.fullmatch(r"-[a-z]*c[a-z]*", word) for word in act.words[1:]
    )


def _user(file: Dockerfile) -> Iterator[Finding]:
    user = file.stage.last("USER")
    if user and user.words and user.words[0].partition(":")[0] not in {"root", "0"}:
        yield rules()["user-stays-root"].broken(file.name, user.line, user=user.words[0])


def _entrypoint(file: Dockerfile) -> Iterator[Finding]:
    act = file.stage.last("ENTRYPOINT") or file.stage.last("CMD")
    rule = rules()["entrypoint-known"]
    if act is None:
        seen = "There is neither ENTRYPOINT nor CMD"
        yield rule.broken(file.name, file.stage.line, seen=seen)
    elif entrypoint_script(file) is None:
        seen = f"'{' '.join(act.words)}' runs no script that is copied from the context"
        yield rule.broken(file.name, act.line, seen=seen)
