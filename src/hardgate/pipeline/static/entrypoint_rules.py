"""What an entrypoint must do: repair its volumes on each start, and leave root for good."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from hardgate.pipeline.static.boot import Boot, End, Ending
from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.image_users import ImageUsers, operands
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import Call, is_known

VOLUMES = ("/agent-home", "/configs", "/workspace")
_LOOKERS = frozenset({"echo", "printf", "chown", "chmod", "ls", "stat", "cat", "rm", "grep"})
_CLONE_VALUES = frozenset("-b --branch --depth -c --config -o --origin -C -j --jobs".split())
_MAKERS = frozenset({"useradd", "groupadd", "adduser", "addgroup"})


def find_entrypoint_findings(file: Dockerfile, users: ImageUsers, boot: Boot) -> Iterator[Finding]:
    """Apply every rule of the group."""
    if file.entrypoint is None and file.command is None:
        for name in ("drops-privileges", "repairs-volumes", "repairs-idempotently"):
            yield rules()[name].untold(file.name, file.line, "there is no entrypoint here")
        return
    if boot.unread:
        for name in ("drops-privileges", "repairs-volumes", "repairs-idempotently"):
            yield rules()[name].untold(file.name, boot.line, boot.unread)
        return
    yield from _drop(file, boot, users)
    yield from _volumes(file, boot, users)
    yield from _idempotence(boot)


def _drop(file: Dockerfile, boot: Boot, users: ImageUsers) -> Iterator[Finding]:
    rule = rules()["drops-privileges"]
    agent = users.agent_name
    kinds = {end.ending for end in boot.ends}
    wrong = [end for end in boot.ends if end.ending not in {Ending.AGENT, Ending.UNKNOWN}]
    if wrong and Ending.AGENT not in kinds:
        end = wrong[0]
        yield rule.broken(end.file, end.line, seen=_seen(end, boot), agent=agent)
    elif wrong:
        end = wrong[0]
        why = f"'{end.command}' in line {end.line} is run as {end.ending.value} on some ways"
        yield rule.untold(end.file, end.line, why)
    elif Ending.UNKNOWN in kinds or not kinds:
        first = boot.ends[0] if boot.ends else None
        what = f"as whom '{first.command}' runs" if first else "how it ends"
        line, where = (first.line, first.file) if first else (boot.line, file.name)
        yield rule.untold(where, line, what + " is decided elsewhere")


def _seen(end: End, boot: Boot) -> str:
    if end.ending is Ending.NOTHING:
        return (
            f"'{end.command}' is given no command: ENTRYPOINT in shell form hands CMD to nobody, "
            "and without CMD '\"$@\"' is empty"
        )
    if end.ending is Ending.ANOTHER:
        return f"'{end.command}' runs as '{end.user}', which is not the contract's agent"
    if end.ending is Ending.ABOVE and end.command in {"su", "sudo", "runuser", "doas"}:
        return f"'{end.command}' stays above what it starts, as root"
    if end.ending is Ending.ABOVE:
        return (
            f"'{end.command}' is run without exec, so the entrypoint itself stays above it as root"
        )
    dropping = [one for one in boot.calls if one.user not in {"0", "root"} and one.wrappers]
    if end.user in {"root", "0"} and dropping:
        return f"The entrypoint ends as root: '{end.command}' is started as root"
    return f"The entrypoint never leaves root: '{end.command}' is started as root"


def _volumes(file: Dockerfile, boot: Boot, users: ImageUsers) -> Iterator[Finding]:
    rule = rules()["repairs-volumes"]
    for path in VOLUMES:
        if path in boot.repairs or "/" in boot.repairs:
            continue
        if boot.may_repair(path):
            why = f"who gets '{path}' is decided by a variable or a program"
            yield rule.untold(boot.name, 0, why)
        else:
            yield rule.broken(boot.name, 0, path=path, agent=users.agent_name)
    del file


def _idempotence(boot: Boot) -> Iterator[Finding]:
    rule = rules()["repairs-idempotently"]
    for call in boot.calls:
        if call not in boot.always or not call.ends_script:
            continue
        instead = _instead(call, boot)
        if instead:
            yield rule.broken(call.file, call.line, command=str(call), instead=instead)


def _instead(  # noqa: PLR0911 - a table of commands
    call: Call, boot: Boot
) -> str:
    """Say how to write a command that fails the second time; empty where it does not."""
    flags = "".join(word for word in call.argv[1:] if re.fullmatch(r"-[a-zA-Z]+|--\w+", word))
    paths = operands(call.argv, frozenset({"-m", "--mode", "-t"}))
    if call.name == "mkdir" and "p" not in flags:
        return "" if _is_fresh(paths, call, boot) else "'mkdir -p'"
    if call.name == "ln" and "f" not in flags:
        return "" if _is_fresh(paths[-1:], call, boot) else "'ln -sfn'"
    if call.name == "mkfifo" and not _is_fresh(paths, call, boot):
        return f"'[ -p {paths[0] if paths else 'PATH'} ] || mkfifo …'"
    if call.name == "git" and (target := _cloned(call)) and not _is_fresh([target], call, boot):
        return f"'[ -d {target}/.git ] || git clone …'"
    if call.name == "mv" and len(paths) > 1 and _is_gone(paths[:-1], call, boot):
        return f"'[ ! -e {paths[0]} ] || mv …', or 'cp'"
    if call.name in _MAKERS and not {"-f", "--force"} & set(call.argv):
        return "ask 'getent' first, or create it in the Dockerfile"
    return ""


def _is_fresh(paths: list[str], call: Call, boot: Boot) -> bool:
    """Tell whether paths are new on each start: below a temporary folder, or removed before."""
    earlier = boot.calls[: boot.calls.index(call)]
    removed = [path.rstrip("/*") for one in earlier if one.name == "rm" for path in one.argv[1:]]
    return all(
        not is_known(path[:1]) or any(_is_below(path, gone) for gone in removed) for path in paths
    )


def _is_below(path: str, folder: str) -> bool:
    return bool(folder) and (path == folder or path.startswith(f"{folder}/"))


def _cloned(call: Call) -> str:
    """Give the folder that `git clone` makes; empty where it makes none that is known."""
    words = operands(call.argv, _CLONE_VALUES)
    if words[:1] != ["clone"] or len(words) not in {2, 3}:
        return ""
    target = words[2] if len(words) > 2 else PurePosixPath(words[1]).name.removesuffix(".git")  # noqa: PLR2004
    return target if is_known(target) else ""


def _is_gone(sources: list[str], call: Call, boot: Boot) -> bool:
    """Tell whether what is moved away is not there a second time: nothing before makes it."""
    earlier = boot.calls[: boot.calls.index(call)]
    named = [word for one in earlier if one.name not in _LOOKERS
             for word in (*one.argv[1:], *one.writes)]  # fmt: skip
    return any(
        is_known(source) and not any(source in word or not is_known(word) for word in named)
        for source in sources
    )
