"""Clues about paths that are there, and may not be used."""

from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import STICKY, Place
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.messages import quote
from hardgate.diagnosis.finders.namespaces import not_privileged
from hardgate.diagnosis.finders.ownership import nameless, owner_of
from hardgate.model.observation import Failure

READING = frozenset("cat head tail grep sed awk stat ls readlink wc find cut tr sort curl".split())
REMOVING = frozenset("unlink unlinkat rmdir rename renameat renameat2".split())
MAKING = frozenset("mkdir mkdirat symlink symlinkat link linkat mknod mknodat".split()) | REMOVING
VERBS = {"r": "read", "w": "write to", "x": "enter"}
WORDS = {"EACCES": "Permission denied", "EPERM": "Operation not permitted"}
CALLS = {
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


def forbidden(miss: Miss, step: Step, failure: Failure) -> Iterator[Clue]:
    """Say what keeps the agent from a path: a folder above it, its owner, its mode, its mount."""
    line, target = quote(failure), failure.target
    of_pid_1 = target.removeprefix("/host").startswith("/proc/1/")
    if not miss.runs_as_agent(step, failure.program):
        if of_pid_1 and not_privileged(miss):
            yield _closed_to_root(miss, target, line)
        return
    if of_pid_1:
        fields = {"uid": str(miss.uid), "target": target}
        yield Clue(cause="pid_1_closed", quotes=(line,), fields=fields)
        return
    if failure.call == "execve":
        yield from _not_run(miss, target, line)
    else:
        yield from closed_on_the_way(miss, target, line)
        yield from _closed_itself(miss, step, failure)
    yield _denied(failure, line)


def _closed_to_root(miss: Miss, target: str, line: str) -> Clue:
    own, host = miss.pid_namespaces
    other = "; nor is it the host's: its PID namespace is its own" if own != host else ""
    fields = {"target": target, "own": other}
    quotes = (line, "seen from outside: the engine says that it is not privileged")
    return Clue(cause="pid_1_closed_to_root", quotes=quotes, fields=fields)


def in_the_way(miss: Miss, target: str, line: str, what: str) -> Iterator[Clue]:
    """Say that a path is somebody else's, if it is, and that the agent can do nothing about it."""
    place, folder = miss.place(target), miss.place(_folder(target))
    if place is None or not place.exists or place.uid is None:
        return
    own = place.uid == miss.uid
    if own and what != "make":
        return
    sticky = bool(folder and folder.mode and folder.mode & STICKY)
    yield Clue(
        cause="marker_left",
        quotes=(line, place.told()),
        fields={
            "target": target,
            "owner": str(place.uid),
            "uid": str(miss.uid),
            "what": what,
            "whose": "an earlier run of this probe" if own else "somebody else",
            "sticky": f" (its folder '{_folder(target)}' is sticky)" if sticky else "",
        },
        subject=target,
    )


def read_only(miss: Miss, target: str, line: str) -> Iterator[Clue]:
    """Say which mount is read-only."""
    place = miss.near(target)
    mount = place.mount if place else ""
    if mount == "/":
        yield Clue(cause="root_read_only", quotes=(line,), fields={"target": target})
    elif mount and place:
        told = f"'{mount}' is mounted {','.join(sorted(place.options)) or 'read-only'}"
        fields = {"target": target, "mount": mount}
        yield Clue(cause="mount_read_only", quotes=(line, told), fields=fields, subject=mount)
    else:
        yield Clue(cause="read_only", quotes=(line,), fields={"target": target}, subject=target)


def without_right(miss: Miss, place: Place, right: str, line: str) -> Iterator[Clue]:
    """Answer `[ -w PATH ]` and its like."""
    if right == "w" and "ro" in place.options:
        yield from read_only(miss, place.path, line)
    elif right == "x" and place.kind == "file":
        yield from _not_run(miss, place.path, line)
    else:
        yield from closed_on_the_way(miss, place.path, line)
        yield from _closed(miss, place, right, line)


def closed_on_the_way(miss: Miss, target: str, line: str) -> Iterator[Clue]:
    """Say which folder above a path lets the agent not through."""
    parts = target.split("/")
    for end in range(2, len(parts)):
        place = miss.place("/".join(parts[:end]))
        if place and place.exists and place.kind == "directory":
            yield from _closed(miss, place, "x", line)


def _closed_itself(miss: Miss, step: Step, failure: Failure) -> Iterator[Clue]:
    line, target = quote(failure), failure.target
    place, folder = miss.place(target), miss.place(_folder(target))
    if failure.call in REMOVING:
        yield from in_the_way(miss, target, line, "remove")
    if place and place.exists and failure.call not in MAKING:
        reads = step.program in READING or failure.program in READING
        right = "x" if failure.call == "chdir" else "r" if reads else "w"
        yield from _closed(miss, place, right, line)
        if folder and folder.mode and folder.mode & STICKY:
            yield from in_the_way(miss, target, line, "change")
    elif folder and folder.exists:
        yield from _closed(miss, folder, "w", line)


def _closed(miss: Miss, place: Place, right: str, line: str) -> Iterator[Clue]:
    if place.grants(miss.uid, miss.groups, right) is not False:
        return
    quotes = (line, place.told())
    yield from nameless(miss, f"'{place.path}' is", place.uid, quotes)
    fields = owner_of(place) | {"uid": str(miss.uid), "what": VERBS[right]}
    cause = "path_mode" if place.uid == miss.uid else "path_owner"
    if place.is_mount and place.in_image and place.uid == 0:
        cause = "path_masked_owner"
        fields["what"] = {"w": "write", "r": "read", "x": "go"}[right]
    yield Clue(cause=cause, quotes=quotes, fields=fields, subject=place.path)


def _not_run(miss: Miss, target: str, line: str) -> Iterator[Clue]:
    place = miss.place(target)
    near = place or miss.near(target)
    if near and "noexec" in near.options:
        fields = {"target": target, "mount": near.mount}
        quotes = (line, f"'{near.mount}' is mounted {','.join(sorted(near.options))}")
        yield Clue(cause="mount_noexec", quotes=quotes, fields=fields, subject=near.mount)
    elif place and place.mode_grants(miss.uid, miss.groups, "x") is False:
        fields = {"target": target, "uid": str(miss.uid), "mode": place.octal}
        quotes = (line, place.told())
        yield Clue(cause="not_executable", quotes=quotes, fields=fields, subject=target)


def _denied(failure: Failure, line: str) -> Clue:
    fields = {
        "program": f"'{failure.program}'",
        "what": CALLS.get(failure.call, "use"),
        "target": failure.target,
        "words": WORDS[failure.errno],
    }
    return Clue(cause="access_denied", quotes=(line,), fields=fields, subject=failure.target)


def _folder(path: str) -> str:
    return path.rstrip("/").rpartition("/")[0] or "/"
