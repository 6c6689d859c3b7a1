"""Clues about commands that cannot be run."""

import re
from collections.abc import Iterator

from hardgate.clue import Clue
from hardgate.finders.said import quote
from hardgate.miss import SHELLS, Miss, Step

NOT_FOUND = 127

PACKAGES = {
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "lsns": "util-linux",
    "mount": "mount",
    "findmnt": "util-linux",
    "ss": "iproute2",
    "ip": "iproute2",
    "ps": "procps",
    "pgrep": "procps",
    "sysctl": "procps",
    "ping": "iputils-ping",
    "dig": "bind9-dnsutils",
    "nslookup": "bind9-dnsutils",
    "host": "bind9-host",
    "nc": "netcat-openbsd",
    "netstat": "net-tools",
    "ifconfig": "net-tools",
    "capsh": "libcap2-bin",
    "getpcaps": "libcap2-bin",
    "getfacl": "acl",
    "xxd": "xxd",
    "ssh": "openssh-client",
    "lsof": "lsof",
    "killall": "psmisc",
    "python3": "python3-minimal",
    "python": "python-is-python3",
    "node": "nodejs",
    "pip": "python3-pip",
    "modprobe": "kmod",
    "iptables": "iptables",
    "gosu": "gosu",
    "update-ca-certificates": "ca-certificates",
}
"""Debian's packages that have another name than the command, or that people look for."""

_TOLD = (
    re.compile(r"^(?:\S+: )?(?:line )?(?:\d+: )?(?P<program>[\w./+-]+): (?:command )?not found$"),
    re.compile(r"^sudo: (?P<program>\S+): command not found$"),
    re.compile(
        r"^(?:timeout|nice|env|xargs|nohup|setsid|stdbuf|setpriv|gosu|chroot|time): "
        r"(?:failed to (?:run command|execute) )?[‘'\"]?(?P<program>[^‘’'\":]+)[’'\"]?: "
        r"No such file or directory$"
    ),
    re.compile(r'exec: "(?P<program>[^"]+)": executable file not found in \$PATH'),
)
_ASKED = re.compile(r"^(?:command -[vV]|which|type|hash) (?:-\w+ )*(?P<program>[\w.+-]+)$")
_BASHISMS = frozenset(
    {
        "[[",
        "source",
        "declare",
        "let",
        "pushd",
        "popd",
        "shopt",
        "function",
        "mapfile",
        "readarray",
        "typeset",
    }
)


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for a command that is nowhere, or that is there and cannot be started."""
    for program, line in _missing(step):
        if program in _BASHISMS or "\r" in program:
            continue
        if program.startswith("/"):
            yield from _by_path(miss, program, line)
        elif _is_missing(miss, program):
            yield _clue(miss, program, line)


def _missing(step: Step) -> Iterator[tuple[str, str]]:
    """Yield what was not found, with the line that says so; what a child missed comes too."""
    for line in step.said:
        for pattern in _TOLD:
            found = pattern.search(line)
            if found:
                yield found["program"], line
    for failure in step.failures:
        if failure.call == "execve" and failure.errno == "ENOENT":
            yield failure.target, quote(failure)
    asked = _ASKED.match(" ".join(step.words))
    if asked and step.failed or asked and step.status is None:
        yield asked["program"], " ".join(step.words)
    if step.status == NOT_FOUND and step.program not in SHELLS and not step.started:
        yield step.words[0], f"{step.text}: exit status {NOT_FOUND}"


def _is_missing(miss: Miss, program: str) -> bool:
    """Believe a command's own word less than what was seen in the image."""
    known = miss.seen("commands")
    return known.get(program) is None if program in known else True


def _by_path(miss: Miss, program: str, line: str) -> Iterator[Clue]:
    place, fact = miss.place(program)
    if place == program and fact.get("exists"):
        yield Clue(
            cause="interpreter_absent",
            quotes=(line, f"'{program}' is there, mode {fact.get('mode', 'unknown')}"),
            fields={"program": program},
            subject=program,
        )


def _clue(miss: Miss, program: str, line: str) -> Clue:
    entered = any("nsenter" in step.started or step.program == "nsenter" for step in miss.steps)
    if program == "docker" and not entered:
        return Clue(cause="docker_command_missing", quotes=(line,))
    package = PACKAGES.get(program, "")
    return Clue(
        cause="command_missing",
        quotes=(line,),
        fields={
            "program": program,
            "package": f" (Debian's package is '{package}')" if package else "",
        },
        subject=program,
    )
