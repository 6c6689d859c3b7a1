"""Clues about the engine's socket."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import KINDS, Place
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.messages import quote

SOCKET = re.compile(r"/[\w./%-]*docker[\w./%-]*\.sock")
_SPOKEN = re.compile(
    r"[Pp]ermission denied while trying to connect|Cannot connect to the Docker daemon|dial unix"
)


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for a socket that is not there, is none, is closed, or has nobody behind it."""
    for path, errno, line in _trouble(step):
        place = miss.place(path)
        if place is None:
            continue
        quotes = (line, place.told())
        fields = {"path": path}
        if not place.exists:
            yield Clue(cause="docker_socket_missing", quotes=quotes, fields=fields, subject=path)
        elif place.kind and place.kind not in {"socket", "link"}:
            fields["what"] = KINDS[place.kind]
            yield Clue(cause="docker_socket_is_folder", quotes=quotes, fields=fields, subject=path)
        elif place.grants(miss.uid, miss.groups, "w") is False and errno != "ECONNREFUSED":
            if miss.runs_as_agent(step, step.program):
                yield _closed(miss, place, quotes)
        elif errno == "ECONNREFUSED":
            yield Clue(cause="docker_engine_gone", quotes=quotes, fields=fields, subject=path)


def _trouble(step: Step) -> Iterator[tuple[str, str, str]]:
    """Yield the sockets that a step could not use: path, error, line of evidence."""
    for failure in step.failures:
        if SOCKET.fullmatch(failure.target):
            yield failure.target, failure.errno, quote(failure)
    question = step.question
    if question and SOCKET.fullmatch(question.operand) and question.operator[1:] in "eSrwx":
        yield question.operand, "", step.text
    for line in step.said:
        spoken, path = _SPOKEN.search(line), SOCKET.search(line)
        if path and (spoken or not step.text):
            errno = "EACCES" if "permission denied" in line.lower() else ""
            yield path[0].rstrip(".:").replace("%2F", "/"), errno, line


def _closed(miss: Miss, place: Place, quotes: tuple[str, ...]) -> Clue:
    groups = miss.groups
    belongs = f"; the agent's groups are {', '.join(map(str, sorted(groups)))}" if groups else ""
    return Clue(
        cause="docker_socket_closed",
        quotes=quotes,
        fields={
            "path": place.path,
            "uid": str(miss.uid),
            "owner": f"{place.uid}:{place.gid}",
            "gid": str(place.gid),
            "mode": place.octal,
            "groups": belongs,
        },
        subject=place.path,
    )
