"""Clues about files and folders: what is not there, and what is of another kind."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.error_messages import OPEN, SHUT
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import KINDS, Place
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders import access
from hardgate.diagnosis.finders.messages import quote
from hardgate.diagnosis.finders.ownership import not_owned
from hardgate.model.observation import Failure

READING = frozenset("cat head tail grep sed awk stat ls readlink wc find rm rmdir .".split())
MAKING = frozenset("touch mkdir tee".split())
"""Programs whose words are paths: those that are to be there, and those that are to be made."""

LETTERS = {"d": "directory", "f": "file", "S": "socket", "p": "fifo", "L": "link", "h": "link"}
NOT_MADE = frozenset({"EACCES", "EPERM", "EROFS", "ENOSPC", "EDQUOT", "ENOTDIR"})
"""Errors that keep a file from being made."""
SYNTHETIC = ("/proc", "/sys", "/dev", "/run", "/host")
"""What no image holds."""

_QUOTED = re.compile(rf"(?<=[{OPEN}])/[^{SHUT}]*(?=[{SHUT}])")
_DENIED = re.compile(r"[Pp]ermission denied|\b(?:cannot|may not)\b")


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Explain each failed call on a path, and each question about one."""
    for failure in step.failures:
        path = failure.target.startswith("/") and failure.call not in {"connect", "setns"}
        if path and miss.mentions(failure.target.partition("<")[0]):
            yield from explain(miss, step, _first_of(miss, failure))
    question = step.question
    if question and question.operand.startswith("/") and not question.negated and step.failed:
        yield from _asked(miss, question.operator[1:], question.operand, step.text)
    if not step.text:
        yield from _spoken(miss, step)
    elif not miss.observation.failures:
        yield from _named(miss, step)


def explain(miss: Miss, step: Step, failure: Failure) -> Iterator[Clue]:
    """Say why a system call on a path failed."""
    # strace tells what kind of device it is behind its name.
    target, line = failure.target.partition("<")[0], quote(failure)
    if failure.elsewhere:
        yield from _on_host(miss, failure, line)
        return
    match failure.errno:
        case "ENOENT" if failure.call != "execve":
            yield from absent(miss, target, line)
        case "EACCES" | "EPERM":
            yield from access.forbidden(miss, step, failure)
        case "EROFS":
            yield from access.read_only(miss, target, line)
        case "ENOSPC" | "EDQUOT":
            yield _no_room(miss, target, line)
        case "EEXIST":
            yield from access.in_the_way(miss, target, line, "make")
        case "ENOTDIR" | "EISDIR":
            wanted = "directory" if failure.errno == "ENOTDIR" else "file"
            yield from _wrong_kind(miss.near(target), wanted, line)


def _first_of(miss: Miss, failure: Failure) -> Failure:
    """Take what could not be made for what is missed later."""
    made = (
        one
        for one in miss.observation.failures
        if one.target == failure.target and one.errno in NOT_MADE
    )
    return next(made, failure) if failure.errno == "ENOENT" else failure


def absent(miss: Miss, target: str, line: str) -> Iterator[Clue]:
    """Say of a path that is not there whether the image has it, and what hides it."""
    path = _highest_missing(miss, target)
    place = miss.place(path)
    if path == "/host" or path.startswith("/host/"):
        yield from no_host(miss, line)
    if place is None:
        yield Clue(cause="path_missing", quotes=(line,), fields={"path": target}, subject=target)
    elif not place.exists:
        yield _missing(place, (line, place.told()))


def no_host(miss: Miss, line: str) -> Iterator[Clue]:
    """Say that the host's disk is not at /host, if it is not."""
    host = miss.place("/host")
    if host is None or (host.exists and (host.is_mount or not host.mount)):
        return
    what = "it is a plain folder of the workspace's own" if host.exists else "it is not there"
    yield Clue(cause="host_not_mounted", quotes=(line, host.told()), fields={"what": what})


def _missing(place: Place, quotes: tuple[str, ...]) -> Clue:
    path = place.path
    if place.link:
        fields = {"path": path, "link": place.link}
        return Clue(cause="link_dangling", quotes=quotes, fields=fields, subject=path)
    if place.in_image and place.masked_by:
        fields = {"path": path, "mount": place.masked_by}
        return Clue(cause="path_masked", quotes=quotes, fields=fields, subject=path)
    known = place.in_image is False or place.mount == "/"
    cause = "path_not_in_image" if known and not path.startswith(SYNTHETIC) else "path_missing"
    return Clue(cause=cause, quotes=quotes, fields={"path": path}, subject=path)


def _highest_missing(miss: Miss, target: str) -> str:
    """Find the highest folder above a path that is known not to be there."""
    parts = target.rstrip("/").split("/")
    for end in range(2, len(parts) + 1):
        place = miss.place("/".join(parts[:end]))
        if place and not place.exists:
            return place.path
    return target


def _on_host(miss: Miss, failure: Failure, line: str) -> Iterator[Clue]:
    """Say that a path is not on the host, where a command looked for it behind nsenter."""
    path = failure.target
    found = miss.seen("host_paths").get(path)
    if failure.errno == "ENOENT" and found and found.get("exists") is False:
        quotes = (line, f"seen from outside: '{path}' is not on the host")
        fields = {"path": path}
        yield Clue(cause="path_missing_on_host", quotes=quotes, fields=fields, subject=path)


def _no_room(miss: Miss, target: str, line: str) -> Clue:
    place = miss.near(target)
    mount = place.mount if place else ""
    where = f" (mounted at '{mount}')" if mount else ""
    return Clue(
        cause="disk_full", quotes=(line,), fields={"target": target, "mount": where}, subject=mount
    )


def _wrong_kind(place: Place | None, wanted: str, line: str) -> Iterator[Clue]:
    if place and place.exists and place.kind in KINDS and place.kind != wanted:
        yield Clue(
            cause="path_wrong_kind",
            quotes=(line, place.told()),
            fields={"path": place.path, "kind": KINDS[place.kind], "wanted": KINDS[wanted]},
            subject=place.path,
        )


def _asked(miss: Miss, letter: str, path: str, line: str) -> Iterator[Clue]:
    """Answer `[ -d PATH ]` and its like from what was seen of the path."""
    missing = miss.place(_highest_missing(miss, path))
    if missing and not missing.exists:
        yield from absent(miss, path, line)
        return
    place = miss.place(path)
    if place is None:
        return
    quotes = (line, place.told())
    if letter in LETTERS:
        yield from _wrong_kind(place, LETTERS[letter], line)
    elif letter == "s" and place.size == 0:
        yield Clue(cause="path_empty", quotes=quotes, fields={"path": path}, subject=path)
    elif letter == "O" and place.uid not in {None, miss.uid}:
        yield not_owned(place, f"uid {miss.uid}", quotes)
    elif letter in {"r", "w", "x"}:
        yield from access.without_right(miss, place, letter, line)


def _named(miss: Miss, step: Step) -> Iterator[Clue]:
    """Where no system call was seen, look at the paths that a failed command names."""
    if not step.status or step.program not in READING | MAKING or step.is_raised:
        return
    for word in step.words[1:]:
        path = word if word.startswith("/") else ""
        way = list(access.closed_on_the_way(miss, path, step.text)) if path else []
        yield from way
        if not path or way:
            continue
        missing = miss.place(_highest_missing(miss, path))
        folder = miss.place(path.rpartition("/")[0])
        if step.program in MAKING and missing and missing.path == path and folder:
            yield from access.without_right(miss, folder, "w", step.text)
        elif missing and not missing.exists:
            yield from absent(miss, path, step.text)


def _spoken(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at the paths that a probe named when it said why, in its last line."""
    for line in step.said[-1:]:
        for path in _QUOTED.findall(line):
            place = miss.place(_highest_missing(miss, path))
            if place and not place.exists:
                yield from absent(miss, path, line)
            elif place and _DENIED.search(line):
                yield from access.without_right(miss, place, "w", line)
