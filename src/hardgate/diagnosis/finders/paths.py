"""Clues about files and folders: what is not there, and what is of another kind."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.error_messages import CLOSING_QUOTES, OPENING_QUOTES
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import FILE_TYPE_NAMES, PathFacts
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders import access
from hardgate.diagnosis.finders.messages import format_failed_call
from hardgate.diagnosis.finders.ownership import match_wrong_owner
from hardgate.model.observation import FailedCall

PATH_READING_PROGRAMS = frozenset(
    "cat head tail grep sed awk stat ls readlink wc find rm rmdir .".split()
)
PATH_CREATING_PROGRAMS = frozenset("touch mkdir tee".split())
"""Programs whose words are paths: those that are to be there, and those that are to be made."""

FILE_TYPE_OPERATORS = {
    "d": "directory",
    "f": "file",
    "S": "socket",
    "p": "fifo",
    "L": "link",
    "h": "link",
}
CREATION_ERRORS = frozenset({"EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR"})
"""Errors that keep a file from being made."""
RUNTIME_FOLDERS = ("/proc", "/sys", "/dev", "/run", "/host")
"""What no image holds."""

_QUOTED = re.compile(rf"(?<=[{OPENING_QUOTES}])/[^{CLOSING_QUOTES}]*(?=[{CLOSING_QUOTES}])")
_DENIED_MESSAGE = re.compile(r"[Pp]ermission denied|\b(?:cannot|may not)\b")


def find_path_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Explain each failed call on a path, and each question about one."""
    for failure in step.failures:
        path = failure.target.startswith("/") and failure.call not in {"connect", "setns"}
        if path and probe.mentions_path(failure.target.partition("<")[0]):
            yield from match_failed_call(probe, step, _find_creation_failure(probe, failure))
    question = step.unary_test
    if question and question.operand.startswith("/") and not question.negated and step.has_failed:
        yield from _match_path_test(probe, question.operator[1:], question.operand, step.text)
    if not step.text:
        yield from _match_reported_paths(probe, step)
    elif not probe.observation.failures:
        yield from _match_named_paths(probe, step)


def match_failed_call(probe: FailedProbe, step: ProbeStep, failure: FailedCall) -> Iterator[Match]:
    """Say why a system call on a path failed."""
    # strace tells what kind of device it is behind its name.
    target, line = failure.target.partition("<")[0], format_failed_call(failure)
    if failure.elsewhere:
        yield from _match_path_on_host(probe, failure, line)
        return
    match failure.errno:
        case "ENOENT" if failure.call != "execve":
            yield from match_absent_path(probe, target, line)
        case "EACCES" | "EPERM":
            yield from access.match_forbidden_access(probe, step, failure)
        case "EROFS":
            yield from access.match_read_only_mount(probe, target, line)
        case "ENOSPC" | "EDQUOT":
            yield _match_full_disk(probe, target, line)
        case "EEXIST":
            yield from access.match_leftover_path(probe, target, line, "make")
        case "ENOTDIR" | "EISDIR":
            expected = "directory" if failure.errno == "ENOTDIR" else "file"
            yield from _match_wrong_file_type(probe.nearest_path_facts(target), expected, line)


def _find_creation_failure(probe: FailedProbe, failure: FailedCall) -> FailedCall:
    """Take what could not be made for what is missed later."""
    made = (
        failed_call
        for failed_call in probe.observation.failures
        if failed_call.target == failure.target and failed_call.errno in CREATION_ERRORS
    )
    return next(made, failure) if failure.errno == "ENOENT" else failure


def match_absent_path(probe: FailedProbe, target: str, line: str) -> Iterator[Match]:
    """Say of a path that is not there whether the image has it, and what hides it."""
    path = _highest_missing_folder(probe, target)
    facts = probe.path_facts(path)
    if path == "/host" or path.startswith("/host/"):
        yield from match_unmounted_host(probe, line)
    if facts is None:
        yield Match(cause="path_missing", quotes=(line,), fields={"path": target}, subject=target)
    elif not facts.exists:
        yield _match_missing_path(facts, (line, facts.as_evidence()))


def match_unmounted_host(probe: FailedProbe, line: str) -> Iterator[Match]:
    """Say that the host's disk is not at /host, if it is not."""
    host = probe.path_facts("/host")
    if host is None or (host.exists and (host.is_mount_point or not host.mount)):
        return
    what = "it is a plain folder of the workspace's own" if host.exists else "it is not there"
    yield Match(cause="host_not_mounted", quotes=(line, host.as_evidence()), fields={"what": what})


def _match_missing_path(facts: PathFacts, quotes: tuple[str, ...]) -> Match:
    path = facts.path
    if facts.link:
        fields = {"path": path, "link": facts.link}
        return Match(cause="link_dangling", quotes=quotes, fields=fields, subject=path)
    if facts.in_image and facts.masked_by:
        fields = {"path": path, "mount": facts.masked_by}
        return Match(cause="path_masked", quotes=quotes, fields=fields, subject=path)
    known = facts.in_image is False or facts.mount == "/"
    cause = (
        "path_not_in_image" if known and not path.startswith(RUNTIME_FOLDERS) else "path_missing"
    )
    return Match(cause=cause, quotes=quotes, fields={"path": path}, subject=path)


def _highest_missing_folder(probe: FailedProbe, target: str) -> str:
    """Find the highest folder above a path that is known not to be there."""
    parts = target.rstrip("/").split("/")
    for end in range(2, len(parts) + 1):
        facts = probe.path_facts("/".join(parts[:end]))
        if facts and not facts.exists:
            return facts.path
    return target


def _match_path_on_host(probe: FailedProbe, failure: FailedCall, line: str) -> Iterator[Match]:
    """Say that a path is not on the host, where a command looked for it behind nsenter."""
    path = failure.target
    found = probe.get_facts("host_paths").get(path)
    if failure.errno == "ENOENT" and found and found.get("exists") is False:
        quotes = (line, f"seen from outside: '{path}' is not on the host")
        fields = {"path": path}
        yield Match(cause="path_missing_on_host", quotes=quotes, fields=fields, subject=path)


def _match_full_disk(probe: FailedProbe, target: str, line: str) -> Match:
    facts = probe.nearest_path_facts(target)
    mount = facts.mount if facts else ""
    where = f" (mounted at '{mount}')" if mount else ""
    return Match(
        cause="disk_full", quotes=(line,), fields={"target": target, "mount": where}, subject=mount
    )


def _match_wrong_file_type(facts: PathFacts | None, expected: str, line: str) -> Iterator[Match]:
    if facts and facts.exists and facts.kind in FILE_TYPE_NAMES and facts.kind != expected:
        yield Match(
            cause="path_wrong_kind",
            quotes=(line, facts.as_evidence()),
            fields={
                "path": facts.path,
                "kind": FILE_TYPE_NAMES[facts.kind],
                "wanted": FILE_TYPE_NAMES[expected],
            },
            subject=facts.path,
        )


def _match_path_test(probe: FailedProbe, letter: str, path: str, line: str) -> Iterator[Match]:
    """Answer `[ -d PATH ]` and its like from what was seen of the path."""
    missing = probe.path_facts(_highest_missing_folder(probe, path))
    if missing and not missing.exists:
        yield from match_absent_path(probe, path, line)
        return
    facts = probe.path_facts(path)
    if facts is None:
        return
    quotes = (line, facts.as_evidence())
    if letter in FILE_TYPE_OPERATORS:
        yield from _match_wrong_file_type(facts, FILE_TYPE_OPERATORS[letter], line)
    elif letter == "s" and facts.size == 0:
        yield Match(cause="path_empty", quotes=quotes, fields={"path": path}, subject=path)
    elif letter == "O" and facts.uid not in {None, probe.uid}:
        yield match_wrong_owner(facts, f"uid {probe.uid}", quotes)
    elif letter in {"r", "w", "x"}:
        yield from access.match_missing_permission(probe, facts, letter, line)


def _match_named_paths(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Where no system call was seen, look at the paths that a failed command names."""
    if (
        not step.status
        or step.program not in PATH_READING_PROGRAMS | PATH_CREATING_PROGRAMS
        or step.uses_sudo
    ):
        return
    for argument in step.argv[1:]:
        path = argument if argument.startswith("/") else ""
        closed_parents = list(access.match_closed_parents(probe, path, step.text)) if path else []
        yield from closed_parents
        if not path or closed_parents:
            continue
        missing = probe.path_facts(_highest_missing_folder(probe, path))
        folder = probe.path_facts(path.rpartition("/")[0])
        if step.program in PATH_CREATING_PROGRAMS and missing and missing.path == path and folder:
            yield from access.match_missing_permission(probe, folder, "w", step.text)
        elif missing and not missing.exists:
            yield from match_absent_path(probe, path, step.text)


def _match_reported_paths(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at the paths that a probe named when it said why, in its last line."""
    for line in step.output[-1:]:
        for path in _QUOTED.findall(line):
            facts = probe.path_facts(_highest_missing_folder(probe, path))
            if facts and not facts.exists:
                yield from match_absent_path(probe, path, line)
            elif facts and _DENIED_MESSAGE.search(line):
                yield from access.match_missing_permission(probe, facts, "w", line)
