"""Clues about commands that cannot be run."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.error_messages import OPEN, SHUT
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.messages import quote

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
        r"^(?:timeout|nice|env|xargs|nohup|setsid|stdbuf|setpriv|gosu|time): "
        rf"(?:failed to (?:run command|execute) )?[{OPEN}]?(?P<program>[^{OPEN}{SHUT}:]+)"
        rf"[{SHUT}]?: No such file or directory$"
    ),
    re.compile(r'exec: "(?P<program>[^"]+)": executable file not found in \$PATH'),
)
_WORD = re.compile(r"(?<=')[\w.+-]+(?=')")
_OWN_PATH = re.compile(r"(?:^|\s)PATH=['\"]?([^\s'\";]*)")
_ASKED = re.compile(r"^(?:command -[vV]|which|type|hash) (?:-\w+ )*(?P<program>[\w.+-]+)$")
_BASHISMS = frozenset(
    "[[ source declare let pushd popd shopt function mapfile readarray typeset".split()
)
ENTERING = frozenset({"nsenter", "chroot"})
"""Commands behind which another root's programs are looked for."""


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for a command that is nowhere, or that is there and cannot be started."""
    for program, line in _missing(miss, step):
        if program in _BASHISMS or "\r" in program:
            continue
        if ENTERING & step.programs and program not in ENTERING:
            fields = {"program": program}
            yield Clue(
                cause="command_missing_on_host", quotes=(line,), fields=fields, subject=program
            )
        elif program.startswith("/"):
            place = miss.place(program)
            if place and place.exists:
                yield _without_interpreter(program, place.interpreter, (line, place.told()))
        else:
            yield _by_name(miss, program, line)


def _by_name(miss: Miss, program: str, line: str) -> Clue:
    known = miss.seen("commands").get(program)
    if not known:
        return _clue(program, line)
    if folders := _folders_without(miss, known):
        return _off_path(program, known["path"], folders, line)
    told = f"seen from outside: '{known['path']}', mode {known.get('mode')}"
    interpreter = str(known.get("interpreter") or "")
    return _without_interpreter(known["path"], interpreter, (line, told))


def _missing(miss: Miss, step: Step) -> Iterator[tuple[str, str]]:
    """Yield what was not found, with the line that says so; what a child missed comes too."""
    absent = {word for word, path in miss.seen("commands").items() if path is None}
    for line in step.said:
        for pattern in _TOLD:
            found = pattern.search(line)
            if found:
                yield found["program"], line
        if not step.text:  # A probe that speaks names what is not there.
            yield from ((program, line) for program in absent & set(_WORD.findall(line)))
    for failure in step.failures:
        if failure.call == "execve" and failure.errno == "ENOENT":
            yield failure.target, quote(failure)
    asked = _ASKED.match(" ".join(step.words))
    unknown = asked and step.status and asked["program"] not in miss.seen("commands")
    if asked and (unknown or asked["program"] in absent):
        yield asked["program"], " ".join(step.words)
    if step.status == NOT_FOUND and step.words and not step.started:
        # Behind sudo and its like the status is another command's.
        known = miss.seen("commands").get(step.program) or {}
        broken = str(known.get("interpreter") or "").endswith("\r")
        if step.program in absent or broken:
            yield step.words[0], f"{step.text}: exit status {NOT_FOUND}"


def _without_interpreter(program: str, interpreter: str, quotes: tuple[str, ...]) -> Clue:
    """Tell what is there, and was not found all the same: the kernel misses what runs it."""
    fields = {"program": program}
    cause = "interpreter_missing"
    if interpreter.endswith("\r"):
        cause = "script_crlf"
        quotes = (*quotes, f"its first line: '#!{interpreter[:-1]}\\r'")
    elif interpreter:
        fields["interpreter"] = f"its first line names '{interpreter}'"
        quotes = (*quotes, f"its first line: '#!{interpreter}'")
    return Clue(cause=cause, quotes=quotes, fields=fields, subject=program)


def _folders_without(miss: Miss, known: Mapping[str, Any]) -> str:
    """Give the PATH that a command's folder is not in; empty where it is."""
    told = _OWN_PATH.findall(miss.trace) or _OWN_PATH.findall(miss.script)
    if told:
        return str(told[-1])
    return "" if known.get("in_path") else ":".join(miss.seen("settings").get("path") or ("?",))


def _off_path(program: str, path: str, folders: str, line: str) -> Clue:
    fields = {"program": program, "path": path, "folders": folders}
    quotes = (line, f"seen from outside: '{path}'")
    return Clue(cause="command_off_path", quotes=quotes, fields=fields, subject=program)


def _clue(program: str, line: str) -> Clue:
    if program == "docker":
        return Clue(cause="docker_command_missing", quotes=(line,))
    package = PACKAGES.get(program, "")
    told = f" (Debian's package is '{package}')" if package else ""
    fields = {"program": program, "package": told}
    return Clue(cause="command_missing", quotes=(line,), fields=fields, subject=program)
