"""Clues about the host's namespaces: who may enter them, and whose PID 1 it is."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.error_messages import OPEN, SHUT
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import READERS, Step

_PID_1 = re.compile(
    r"(?<!\w)/proc/1\b|--target[ =]1\b|-t ?1\b|\bnsenter\b|^(?:ps|pgrep|pidof)\b"
    r"|^ls (?:-\S+ )*/proc/?$"
)
_REDIRECTED = re.compile(r"<\s*/proc/1/\w+")
_ENTERED = re.compile(
    rf"nsenter: (?:reassociate to namespaces? (?:[{OPEN}](?P<one>[\w/]+)[{SHUT}] )?failed|setns.*)"
    r": Operation not permitted"
)
_OPENED = re.compile(r"nsenter: cannot open (?P<one>/proc/\d+/ns/\w+): Permission denied")


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for an nsenter that is refused, and for a PID 1 that is not the host's."""
    for line in step.said:
        refused = _ENTERED.search(line) or _OPENED.search(line)
        if refused:
            yield _refused(miss, step, line, refused["one"] or "")
    if any(map(_PID_1.search, _answered(miss, step))):
        yield from _own_namespace(miss, step)


def _answered(miss: Miss, step: Step) -> Iterator[str]:
    """Yield what a step decided on: commands that did their work, and found what was not wanted."""
    if step.is_test or step.program in READERS:
        yield step.text
        yield from (one.text for one in miss.inputs(step) if one.status == 0)
        if not any(one.failed for one in miss.inputs(step)):
            yield from _REDIRECTED.findall(miss.script)  # A redirect is not traced.
    elif "nsenter" in step.programs and not step.started[-1:][0].startswith("nsenter"):
        yield from step.started  # It ran what it was given, and that failed.


def not_privileged(miss: Miss) -> str:
    """Say that the workspace is not privileged, if the engine says so."""
    told = miss.seen("settings").get("privileged")
    return "; the engine says that it is not privileged" if told is False else ""


def _refused(miss: Miss, step: Step, line: str, one: str) -> Clue:
    what = f"the namespace '{one}'" if one else "the namespaces of PID 1"
    as_root = any("sudo" in command.split()[:1] for command in (step.text, *step.started))
    fields = {"what": what, "uid": str(miss.uid), "privileged": not_privileged(miss)}
    cause = "nsenter_not_permitted" if as_root else "nsenter_as_agent"
    return Clue(cause=cause, quotes=(step.text, line), fields=fields)


def _own_namespace(miss: Miss, step: Step) -> Iterator[Clue]:
    own, host = miss.pid_namespaces
    if own and host and own != host:
        init = next((f"'{one.command}'" for one in miss.processes if one.is_init), "its own")
        quotes = (step.text, f"seen from outside: PID namespace {own}, the host's {host}")
        fields = {"workspace": own, "host": host, "init": init}
        yield Clue(cause="pid_namespace_own", quotes=quotes, fields=fields)
