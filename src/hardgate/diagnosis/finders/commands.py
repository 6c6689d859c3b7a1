"""Clues about commands that cannot be run."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.error_messages import CLOSING_QUOTES, OPENING_QUOTES
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.messages import format_failed_call
from hardgate.diagnosis.finders.packages import describe_installation

COMMAND_NOT_FOUND_STATUS = 127

DEBIAN_PACKAGES = {
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

_NOT_FOUND_MESSAGES = (
    re.compile(r"^(?:\S+: )?(?:line )?(?:\d+: )?(?P<program>[\w./+-]+): (?:command )?not found$"),
    re.compile(r"^sudo: (?P<program>\S+): command not found$"),
    re.compile(
        r"^(?:timeout|nice|env|xargs|nohup|setsid|stdbuf|setpriv|gosu|time): "
        rf"(?:failed to (?:run command|execute) "
        rf")?[{OPENING_QUOTES}]?(?P<program>[^{OPENING_QUOTES}{CLOSING_QUOTES}:]+)"
        rf"[{CLOSING_QUOTES}]?: No such file or directory$"
    ),
    re.compile(r'exec: "(?P<program>[^"]+)": executable file not found in \$PATH'),
)
_QUOTED_WORD = re.compile(r"(?<=')[\w.+-]+(?=')")
_PATH_ASSIGNMENT = re.compile(r"(?:^|\s)PATH=['\"]?([^\s'\";]*)")
_COMMAND_QUERY = re.compile(r"^(?:command -[vV]|which|type|hash) (?:-\w+ )*(?P<program>[\w.+-]+)$")
_BASHISMS = frozenset(
    "[[ source declare let pushd popd shopt function mapfile readarray typeset".split()
)
ROOT_CHANGING_PROGRAMS = frozenset({"nsenter", "chroot"})
"""Commands behind which another root's programs are looked for."""


def find_missing_commands(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for a command that is nowhere, or that is there and cannot be started."""
    for program, line in _iter_missing_programs(probe, step):
        if program in _BASHISMS or "\r" in program:
            continue
        if ROOT_CHANGING_PROGRAMS & step.programs and program not in ROOT_CHANGING_PROGRAMS:
            fields = {"program": program}
            yield Match(
                cause="command_missing_on_host", quotes=(line,), fields=fields, subject=program
            )
        elif program.startswith("/"):
            facts = probe.path_facts(program)
            if facts and facts.exists:
                yield _match_missing_interpreter(
                    program, facts.interpreter, (line, facts.as_evidence())
                )
        else:
            yield _match_command_name(probe, program, line)


def _match_command_name(probe: FailedProbe, program: str, line: str) -> Match:
    known = probe.get_facts("commands").get(program)
    if not known:
        return _match_missing_command(probe, program, line)
    if folders := _path_without_folder(probe, known):
        return _match_command_off_path(program, known["path"], folders, line)
    evidence = f"seen from outside: '{known['path']}', mode {known.get('mode')}"
    interpreter = str(known.get("interpreter") or "")
    return _match_missing_interpreter(known["path"], interpreter, (line, evidence))


def _iter_missing_programs(probe: FailedProbe, step: ProbeStep) -> Iterator[tuple[str, str]]:
    """Yield what was not found, with the line that says so; what a child missed comes too."""
    absent = {word for word, path in probe.get_facts("commands").items() if path is None}
    for line in step.output:
        for pattern in _NOT_FOUND_MESSAGES:
            found = pattern.search(line)
            if found:
                yield found["program"], line
        if not step.text:  # A probe that speaks names what is not there.
            yield from ((program, line) for program in absent & set(_QUOTED_WORD.findall(line)))
    for failure in step.failures:
        if failure.call == "execve" and failure.errno == "ENOENT":
            yield failure.target, format_failed_call(failure)
    query = _COMMAND_QUERY.match(" ".join(step.argv))
    unknown = query and step.status and query["program"] not in probe.get_facts("commands")
    if query and (unknown or query["program"] in absent):
        yield query["program"], " ".join(step.argv)
    if step.status == COMMAND_NOT_FOUND_STATUS and step.argv and not step.started_commands:
        # Behind sudo and its like the status is another command's.
        known = probe.get_facts("commands").get(step.program) or {}
        broken = str(known.get("interpreter") or "").endswith("\r")
        if step.program in absent or broken:
            yield step.argv[0], f"{step.text}: exit status {COMMAND_NOT_FOUND_STATUS}"


def _match_missing_interpreter(program: str, interpreter: str, quotes: tuple[str, ...]) -> Match:
    """Tell what is there, and was not found all the same: the kernel misses what runs it."""
    fields = {"program": program}
    cause = "interpreter_missing"
    if interpreter.endswith("\r"):
        cause = "script_crlf"
        quotes = (*quotes, f"its first line: '#!{interpreter[:-1]}\\r'")
    elif interpreter:
        fields["interpreter"] = f"its first line names '{interpreter}'"
        quotes = (*quotes, f"its first line: '#!{interpreter}'")
    return Match(cause=cause, quotes=quotes, fields=fields, subject=program)


def _path_without_folder(probe: FailedProbe, known: Mapping[str, Any]) -> str:
    """Give the PATH that a command's folder is not in; empty where it is."""
    assignments = _PATH_ASSIGNMENT.findall(probe.shell_trace) or _PATH_ASSIGNMENT.findall(
        probe.script
    )
    if assignments:
        return str(assignments[-1])
    return (
        "" if known.get("in_path") else ":".join(probe.get_facts("settings").get("path") or ("?",))
    )


def _match_command_off_path(program: str, path: str, folders: str, line: str) -> Match:
    fields = {"program": program, "path": path, "folders": folders}
    quotes = (line, f"seen from outside: '{path}'")
    return Match(cause="command_off_path", quotes=quotes, fields=fields, subject=program)


def _match_missing_command(probe: FailedProbe, program: str, line: str) -> Match:
    if program == "docker":
        return Match(cause="docker_command_missing", quotes=(line,))
    package = DEBIAN_PACKAGES.get(program, "")
    manager = str(probe.surroundings.get("package_manager") or "")
    package_note = describe_installation(manager, program, package)
    if not package_note and package:
        package_note = f" (Debian's package is '{package}')"
    fields = {"program": program, "package": package_note}
    return Match(cause="command_missing", quotes=(line,), fields=fields, subject=program)
