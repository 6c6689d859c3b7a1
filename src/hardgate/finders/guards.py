"""Clues in what a guard saw, so that a guard and the probes that share its cause are told as one."""

from collections.abc import Iterator

from hardgate.around import read_processes
from hardgate.clue import Clue
from hardgate.miss import Miss


def find(miss: Miss) -> Iterator[Clue]:
    """Look at a guard's facts; a probe has none."""
    facts = miss.observation.facts
    if not facts:
        return
    runtime = next(
        (one for one in read_processes({}, [miss.observation]) if one.is_workload and not one.uid),
        None,
    )
    if runtime:
        told = f"seen from outside: process {runtime.pid} '{runtime.command}' runs as uid 0"
        fields = {"process": runtime.command}
        yield Clue(cause="runtime_as_root", quotes=(told,), fields=fields, subject="uid 0")
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
