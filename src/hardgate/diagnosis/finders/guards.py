"""Clues in what a guard saw: a guard and the probes that share its cause are told as one."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.rules import load_rules
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.ownership import match_foreign_workload
from hardgate.diagnosis.finders.service import match_other_port
from hardgate.text.plain import one_line

HEALTH_LINES = 10
"""Lines of a HEALTHCHECK's output that are shown as evidence."""

_NOT_FOUND = re.compile(
    r"(?<![^\s:])(?P<name>[\w./+-]{1,100}): (?:command )?not found"
    r'|exec: "(?P<program>[^"]{1,100})": (?:executable file not found|stat|no such file)'
)


def match_guard_facts(probe: FailedProbe) -> Iterator[Match]:
    """Look at a guard's facts; a probe has none."""
    facts = probe.observation.facts
    if facts.get("processes") and probe.foreign_workload:
        yield from match_foreign_workload(probe, probe.foreign_workload, ())
    if facts.get("ready") is False:
        yield _match_unready(probe, facts)
    claim = facts.get("claim")
    claimed = claim.get("said") if isinstance(claim, Mapping) else ""
    for written in map(str, (facts.get("answer"), facts.get("said"), claimed)):
        if any(pattern.search(written) for pattern in load_rules()["no_shell"].said):
            yield Match(cause="no_shell", quotes=(one_line(written),), subject="sh")
    own, host = facts.get("workspace"), facts.get("host")
    if isinstance(own, str) and isinstance(host, str) and own != host:
        evidence = f"seen from outside: PID namespace {own}, the host's {host}"
        yield Match(
            cause="pid_namespace_own", quotes=(evidence,), fields={"workspace": own, "host": host}
        )


def _match_unready(probe: FailedProbe, facts: Mapping[str, Any]) -> Match:
    """Tell why a workspace did not become ready, by what the wait for it saw."""
    missing = str(facts.get("missing", ""))
    if facts.get("health"):
        return _match_failed_health(str(facts["health"]), missing)
    line = f"the wait for the workspace: {missing}"
    if facts.get("unused_port"):
        found = match_other_port(probe, f"127.0.0.1:{facts['unused_port']}", line)
        if found:
            return found
    return Match(
        cause="runtime_not_up", quotes=(line,), fields={"missing": missing}, subject="runtime"
    )


def _match_failed_health(output: str, missing: str) -> Match:
    """Tell a HEALTHCHECK that does not pass by its own words."""
    lines = tuple(line for line in map(one_line, output.split("\n")) if line)[-HEALTH_LINES:]
    for line in reversed(lines):
        found = _NOT_FOUND.search(line)
        if found:
            fields = {"name": found["name"] or found["program"]}
            return Match(
                cause="health_command_missing", quotes=lines, fields=fields, subject="health"
            )
    return Match(
        cause="health_fails",
        quotes=lines or ("its HEALTHCHECK wrote nothing",),
        fields={"missing": missing},
        subject="health",
    )


def find_reported_workload(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at a probe that says itself whose the workload is."""
    runtime = probe.foreign_workload
    for line in step.output[-1:] if runtime and not step.text else ():
        if runtime and re.search(rf"\buid {runtime.uid}\b", line) and runtime.command in line:
            yield from match_foreign_workload(probe, runtime, (line,))
