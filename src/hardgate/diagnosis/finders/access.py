"""Clues about paths that are there, and may not be used."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import STICKY_BIT, PathFacts
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.messages import format_failed_call
from hardgate.diagnosis.finders.namespaces import describe_missing_privilege
from hardgate.diagnosis.finders.ownership import match_unnamed_agent, owner_fields
from hardgate.model.observation import FailedCall

READING_PROGRAMS = frozenset(
    "cat head tail grep sed awk stat ls readlink wc find cut tr sort curl".split()
)
REMOVING_CALLS = frozenset("unlink unlinkat rmdir rename renameat renameat2".split())
CREATING_CALLS = (
    frozenset("mkdir mkdirat symlink symlinkat link linkat mknod mknodat".split()) | REMOVING_CALLS
)
PERMISSION_VERBS = {"r": "read", "w": "write to", "x": "enter"}
ERRNO_MESSAGES = {"EACCES": "Permission denied", "EPERM": "Operation not permitted"}
CALL_VERBS = {
    "openat": "open",
    "open": "open",
    "unlink": "remove",
    "unlinkat": "remove",
    "mkdir": "make",
    "mkdirat": "make",
    "execve": "run",
    "readlink": "read",
    "readlinkat": "read",
    "chmod": "change",
    "fchmodat": "change",
    "chown": "hand over",
    "fchownat": "hand over",
}


def match_forbidden_access(
    probe: FailedProbe, step: ProbeStep, failure: FailedCall
) -> Iterator[Match]:
    """Say what keeps the agent from a path: a folder above it, its owner, its mode, its mount."""
    line, target = format_failed_call(failure), failure.target
    of_pid_1 = target.removeprefix("/host").startswith("/proc/1/")
    if not probe.runs_as_agent(step, failure.program):
        if of_pid_1 and describe_missing_privilege(probe):
            yield _match_pid1_closed_to_root(probe, target, line)
        return
    if of_pid_1:
        fields = {"uid": str(probe.uid), "target": target}
        yield Match(cause="pid_1_closed", quotes=(line,), fields=fields)
        return
    if failure.call == "execve":
        yield from _match_not_executable(probe, target, line)
    else:
        yield from match_closed_parents(probe, target, line)
        yield from _match_closed_target(probe, step, failure)
    yield _match_denied_call(failure, line)


def _match_pid1_closed_to_root(probe: FailedProbe, target: str, line: str) -> Match:
    own, host = probe.pid_namespaces
    other = "; nor is it the host's: its PID namespace is its own" if own != host else ""
    fields = {"target": target, "own": other}
    quotes = (line, "seen from outside: the engine says that it is not privileged")
    return Match(cause="pid_1_closed_to_root", quotes=quotes, fields=fields)


def match_leftover_path(probe: FailedProbe, target: str, line: str, what: str) -> Iterator[Match]:
    """Say that a path is somebody else's, if it is, and that the agent can do nothing about it."""
    facts, folder = probe.path_facts(target), probe.path_facts(_parent_folder(target))
    if facts is None or not facts.exists or facts.uid is None:
        return
    own = facts.uid == probe.uid
    if own and what != "make":
        return
    sticky = bool(folder and folder.mode and folder.mode & STICKY_BIT)
    yield Match(
        cause="marker_left",
        quotes=(line, facts.as_evidence()),
        fields={
            "target": target,
            "owner": str(facts.uid),
            "uid": str(probe.uid),
            "what": what,
            "whose": "an earlier run of this probe" if own else "somebody else",
            "sticky": f" (its folder '{_parent_folder(target)}' is sticky)" if sticky else "",
        },
        subject=target,
    )


def match_read_only_mount(probe: FailedProbe, target: str, line: str) -> Iterator[Match]:
    """Say which mount is read-only."""
    facts = probe.nearest_path_facts(target)
    mount = facts.mount if facts else ""
    if mount == "/":
        yield Match(cause="root_read_only", quotes=(line,), fields={"target": target})
    elif mount and facts:
        mount_evidence = f"'{mount}' is mounted {','.join(sorted(facts.options)) or 'read-only'}"
        fields = {"target": target, "mount": mount}
        yield Match(
            cause="mount_read_only", quotes=(line, mount_evidence), fields=fields, subject=mount
        )
    else:
        yield Match(cause="read_only", quotes=(line,), fields={"target": target}, subject=target)


def match_missing_permission(
    probe: FailedProbe, facts: PathFacts, right: str, line: str
) -> Iterator[Match]:
    """Answer `[ -w PATH ]` and its like."""
    if right == "w" and "ro" in facts.options:
        yield from match_read_only_mount(probe, facts.path, line)
    elif right == "x" and facts.kind == "file":
        yield from _match_not_executable(probe, facts.path, line)
    else:
        yield from match_closed_parents(probe, facts.path, line)
        yield from _match_denied_permission(probe, facts, right, line)


def match_closed_parents(probe: FailedProbe, target: str, line: str) -> Iterator[Match]:
    """Say which folder above a path lets the agent not through."""
    parts = target.split("/")
    for end in range(2, len(parts)):
        facts = probe.path_facts("/".join(parts[:end]))
        if facts and facts.exists and facts.kind == "directory":
            yield from _match_denied_permission(probe, facts, "x", line)


def _match_closed_target(
    probe: FailedProbe, step: ProbeStep, failure: FailedCall
) -> Iterator[Match]:
    line, target = format_failed_call(failure), failure.target
    facts, folder = probe.path_facts(target), probe.path_facts(_parent_folder(target))
    if failure.call in REMOVING_CALLS:
        yield from match_leftover_path(probe, target, line, "remove")
    if facts and facts.exists and failure.call not in CREATING_CALLS:
        reads = step.program in READING_PROGRAMS or failure.program in READING_PROGRAMS
        right = "x" if failure.call == "chdir" else "r" if reads else "w"
        yield from _match_denied_permission(probe, facts, right, line)
        if folder and folder.mode and folder.mode & STICKY_BIT:
            yield from match_leftover_path(probe, target, line, "change")
    elif folder and folder.exists:
        yield from _match_denied_permission(probe, folder, "w", line)


def _match_denied_permission(
    probe: FailedProbe, facts: PathFacts, right: str, line: str
) -> Iterator[Match]:
    if facts.grants_access(probe.uid, probe.groups, right) is not False:
        return
    quotes = (line, facts.as_evidence())
    yield from match_unnamed_agent(probe, f"'{facts.path}' is", facts.uid, quotes)
    fields = owner_fields(facts) | {"uid": str(probe.uid), "what": PERMISSION_VERBS[right]}
    cause = "path_mode" if facts.uid == probe.uid else "path_owner"
    if facts.is_mount_point and facts.in_image and facts.uid == 0:
        cause = "path_masked_owner"
        fields["what"] = {"w": "write", "r": "read", "x": "go"}[right]
    yield Match(cause=cause, quotes=quotes, fields=fields, subject=facts.path)


def _match_not_executable(probe: FailedProbe, target: str, line: str) -> Iterator[Match]:
    facts = probe.path_facts(target)
    near = facts or probe.nearest_path_facts(target)
    if near and "noexec" in near.options:
        fields = {"target": target, "mount": near.mount}
        quotes = (line, f"'{near.mount}' is mounted {','.join(sorted(near.options))}")
        yield Match(cause="mount_noexec", quotes=quotes, fields=fields, subject=near.mount)
    elif facts and facts.mode_grants_access(probe.uid, probe.groups, "x") is False:
        fields = {"target": target, "uid": str(probe.uid), "mode": facts.octal_mode}
        quotes = (line, facts.as_evidence())
        yield Match(cause="not_executable", quotes=quotes, fields=fields, subject=target)


def _match_denied_call(failure: FailedCall, line: str) -> Match:
    fields = {
        "program": f"'{failure.program}'",
        "what": CALL_VERBS.get(failure.call, "use"),
        "target": failure.target,
        "words": ERRNO_MESSAGES[failure.errno],
    }
    return Match(cause="access_denied", quotes=(line,), fields=fields, subject=failure.target)


def _parent_folder(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] or "/"
