"""Clues about the engine's socket."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import FILE_TYPE_NAMES, PathFacts
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.messages import format_failed_call

SOCKET_PATTERN = re.compile(r"/(?=[\w./%-]{0,200}docker)[\w./%-]{0,200}\.sock")
_PATH_WORD = re.compile(r"[\w./%-]++")
_CONNECTION_MESSAGE = re.compile(
    r"[Pp]ermission denied while trying to connect|Cannot connect to the Docker daemon|dial unix"
)


def find_socket_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for a socket that is not there, is none, is closed, or has nobody behind it."""
    for path, errno, line in _iter_unusable_sockets(step):
        facts = probe.path_facts(path)
        if facts is None:
            continue
        quotes = (line, facts.as_evidence())
        fields = {"path": path}
        if not facts.exists:
            yield Match(cause="docker_socket_missing", quotes=quotes, fields=fields, subject=path)
        elif facts.kind and facts.kind not in {"socket", "link"}:
            fields["what"] = FILE_TYPE_NAMES[facts.kind]
            yield Match(cause="docker_socket_is_folder", quotes=quotes, fields=fields, subject=path)
        elif facts.grants_access(probe.uid, probe.groups, "w") is False and errno != "ECONNREFUSED":
            if probe.runs_as_agent(step, step.program):
                yield _match_closed_socket(probe, facts, quotes)
        elif errno == "ECONNREFUSED":
            yield Match(cause="docker_engine_gone", quotes=quotes, fields=fields, subject=path)


def _iter_unusable_sockets(step: ProbeStep) -> Iterator[tuple[str, str, str]]:
    """Yield the sockets that a step could not use: path, error, line of evidence."""
    for failure in step.failures:
        if SOCKET_PATTERN.fullmatch(failure.target):
            yield failure.target, failure.errno, format_failed_call(failure)
    question = step.unary_test
    if question and SOCKET_PATTERN.fullmatch(question.operand) and question.operator[1:] in "eSrwx":
        yield question.operand, "", step.text
    for line in step.output:
        message, path = _CONNECTION_MESSAGE.search(line), _find_socket_path(line)
        if path and (message or not step.text):
            errno = "EACCES" if "permission denied" in line.lower() else ""
            yield path.replace("%2F", "/"), errno, line


def _find_socket_path(line: str) -> str:
    """Give the first path of a line that is named like an engine's socket; empty where none is."""
    for word in _PATH_WORD.findall(line):
        start, end = word.find("/"), word.rfind(".sock")
        if 0 <= start < word.find("docker", start) < end:
            return str(word[start : end + len(".sock")])
    return ""


def _match_closed_socket(probe: FailedProbe, facts: PathFacts, quotes: tuple[str, ...]) -> Match:
    groups = probe.groups
    belongs = f"; the agent's groups are {', '.join(map(str, sorted(groups)))}" if groups else ""
    return Match(
        cause="docker_socket_closed",
        quotes=quotes,
        fields={
            "path": facts.path,
            "uid": str(probe.uid),
            "owner": f"{facts.uid}:{facts.gid}",
            "gid": str(facts.gid),
            "mode": facts.octal_mode,
            "groups": belongs,
        },
        subject=facts.path,
    )
