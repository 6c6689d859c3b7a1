"""Clues about the host's namespaces: who may enter them, and whose PID 1 it is."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.error_messages import CLOSING_QUOTES, OPENING_QUOTES
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import FILTER_PROGRAMS, ProbeStep

_PID_1 = re.compile(
    r"(?<!\w)/proc/1\b|--target[ =]1\b|-t ?1\b|\bnsenter\b|^(?:ps|pgrep|pidof)\b"
    r"|^ls (?:-\S+ )*/proc/?$"
)
_REDIRECTED = re.compile(r"<\s*/proc/1/\w+")
_NSENTER_REFUSED = re.compile(
    rf"nsenter: (?:reassociate to namespaces? "
    rf"(?:[{OPENING_QUOTES}](?P<one>[\w/]+)[{CLOSING_QUOTES}] )?failed|setns[^:]{0, 60})"
    r": Operation not permitted"
)
_NAMESPACE_DENIED = re.compile(r"nsenter: cannot open (?P<one>/proc/\d+/ns/\w+): Permission denied")


def find_namespace_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for an nsenter that is refused, and for a PID 1 that is not the host's."""
    for line in step.output:
        refused = _NSENTER_REFUSED.search(line) or _NAMESPACE_DENIED.search(line)
        if refused:
            yield _match_refused_entry(probe, step, line, refused["one"] or "")
    if any(map(_PID_1.search, _iter_deciding_commands(probe, step))):
        yield from _match_own_namespace(probe, step)


def _iter_deciding_commands(probe: FailedProbe, step: ProbeStep) -> Iterator[str]:
    """Yield what a step decided on: commands that did their work, and found what was not wanted."""
    if step.is_test or step.program in FILTER_PROGRAMS:
        yield step.text
        yield from (
            input_step.text for input_step in probe.input_steps(step) if input_step.status == 0
        )
        if not any(one.has_failed for one in probe.input_steps(step)):
            yield from _REDIRECTED.findall(probe.script)  # A redirect is not traced.
    elif "nsenter" in step.programs and not step.started_commands[-1:][0].startswith("nsenter"):
        yield from step.started_commands  # It ran what it was given, and that failed.


def describe_missing_privilege(probe: FailedProbe) -> str:
    """Say that the workspace is not privileged, if the engine says so."""
    privileged = probe.get_facts("settings").get("privileged")
    return "; the engine says that it is not privileged" if privileged is False else ""


def _match_refused_entry(probe: FailedProbe, step: ProbeStep, line: str, namespace: str) -> Match:
    what = f"the namespace '{namespace}'" if namespace else "the namespaces of PID 1"
    as_root = any("sudo" in command.split()[:1] for command in (step.text, *step.started_commands))
    fields = {"what": what, "uid": str(probe.uid), "privileged": describe_missing_privilege(probe)}
    cause = "nsenter_not_permitted" if as_root else "nsenter_as_agent"
    return Match(cause=cause, quotes=(step.text, line), fields=fields)


def _match_own_namespace(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    own, host = probe.pid_namespaces
    if own and host and own != host:
        init = next(
            (f"'{process.command}'" for process in probe.processes if process.is_init), "its own"
        )
        quotes = (step.text, f"seen from outside: PID namespace {own}, the host's {host}")
        fields = {"workspace": own, "host": host, "init": init}
        yield Match(cause="pid_namespace_own", quotes=quotes, fields=fields)
