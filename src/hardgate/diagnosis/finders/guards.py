"""Clues in what a guard saw: a guard and the probes that share its cause are told as one."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.ownership import match_foreign_workload


def match_guard_facts(probe: FailedProbe) -> Iterator[Match]:
    """Look at a guard's facts; a probe has none."""
    facts = probe.observation.facts
    if facts.get("processes") and probe.foreign_workload:
        yield from match_foreign_workload(probe, probe.foreign_workload, ())
    if facts.get("ready") is False:
        evidence = str(facts.get("missing", ""))
        yield Match(
            cause="runtime_not_up",
            quotes=(f"the wait for the workspace: {evidence}",),
            fields={"missing": evidence},
            subject="runtime",
        )
    own, host = facts.get("workspace"), facts.get("host")
    if isinstance(own, str) and isinstance(host, str) and own != host:
        evidence = f"seen from outside: PID namespace {own}, the host's {host}"
        yield Match(
            cause="pid_namespace_own", quotes=(evidence,), fields={"workspace": own, "host": host}
        )


def find_reported_workload(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at a probe that says itself whose the workload is."""
    runtime = probe.foreign_workload
    for line in step.output[-1:] if runtime and not step.text else ():
        if runtime and re.search(rf"\buid {runtime.uid}\b", line) and runtime.command in line:
            yield from match_foreign_workload(probe, runtime, (line,))
