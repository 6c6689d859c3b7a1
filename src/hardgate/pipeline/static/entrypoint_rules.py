"""What an entrypoint must do: repair its volumes on each start, and leave root for good."""

import re
from collections.abc import Iterator

from hardgate.pipeline.static.boot import Boot, End, Ending
from hardgate.pipeline.static.dockerfile import Dockerfile
from hardgate.pipeline.static.image_users import ImageUsers, operands
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import UNKNOWN, Call

VOLUMES = ("/agent-home", "/configs", "/workspace")
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


def _instead(call: Call, boot: Boot) -> str:
    """Say how to write a command that fails the second time; empty where it does not."""
    flags = "".join(word for word in call.argv[1:] if re.fullmatch(r"-[a-zA-Z]+|--\w+", word))
    paths = operands(call.argv, frozenset({"-m", "--mode", "-t"}))
    if call.name == "mkdir" and "p" not in flags:
        return "" if _is_fresh(paths, call, boot) else "'mkdir -p'"
    if call.name == "ln" and "f" not in flags:
        return "" if _is_fresh(paths[-1:], call, boot) else "'ln -sfn'"
    if call.name in _MAKERS and not {"-f", "--force"} & set(call.argv):
        return "ask 'getent' first, or create it in the Dockerfile"
    return ""


def _is_fresh(paths: list[str], call: Call, boot: Boot) -> bool:
    """Tell whether paths are new on each start: below a temporary folder, or removed before."""
    earlier = boot.calls[: boot.calls.index(call)]
    removed = {path for one in earlier if one.name == "rm" for path in one.argv[1:]}
    return all(UNKNOWN in path[:1] or path in removed for path in paths)
