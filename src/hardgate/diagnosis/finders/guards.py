"""Clues in what a guard saw: a guard and the probes that share its cause are told as one."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.ownership import wrong_workload


def find(miss: Miss) -> Iterator[Clue]:
    """Look at a guard's facts; a probe has none."""
    facts = miss.observation.facts
    if facts.get("processes") and miss.wrong_workload:
        yield from wrong_workload(miss, miss.wrong_workload, ())
    if facts.get("ready") is False:
        told = str(facts.get("missing", ""))
        yield Clue(
            cause="runtime_not_up",
            quotes=(f"the wait for the workspace: {told}",),
            fields={"missing": told},
            subject="runtime",
        )
    own, host = facts.get("workspace"), facts.get("host")
    if isinstance(own, str) and isinstance(host, str) and own != host:
        told = f"seen from outside: PID namespace {own}, the host's {host}"
        yield Clue(
            cause="pid_namespace_own", quotes=(told,), fields={"workspace": own, "host": host}
        )


def find_spoken(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at a probe that says itself whose the workload is."""
    runtime = miss.wrong_workload
    for line in step.said[-1:] if runtime and not step.text else ():
        if runtime and re.search(rf"\buid {runtime.uid}\b", line) and runtime.command in line:
            yield from wrong_workload(miss, runtime, (line,))
