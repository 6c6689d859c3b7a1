"""Clues in words and system calls that a rule names itself."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.rules import CauseRule, load_rules
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.model.observation import FailedCall

HARMLESS_OUTPUT = re.compile(
    r"unable to resolve host|LC_ALL|no version information available|WARNING: No \w+ limit support"
)
"""What programs say beside doing their work."""


def match_rule_patterns(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look for each rule's words in what the step wrote, and for its calls in what failed."""
    for rule in load_rules().values():
        if rule.boot:
            continue
        clue = _match_output(probe, rule, step) or _match_rule_call(rule, step)
        if clue:
            yield clue


def _match_output(probe: FailedProbe, rule: CauseRule, step: ProbeStep) -> Match | None:
    for line in step.output:
        for pattern in rule.said:
            found = pattern.search(line)
            if found and not HARMLESS_OUTPUT.search(line):
                groups = {key: value for key, value in found.groupdict().items() if value}
                fields = {
                    "uid": str(probe.uid),
                    "agent": probe.agent_name or f"#{probe.uid}",
                    **groups,
                }
                return Match(cause=rule.id, quotes=(line,), fields=fields)
    return None


def _match_rule_call(rule: CauseRule, step: ProbeStep) -> Match | None:
    for failure in step.failures if rule.failed else ():
        if rule.failed and _is_failed_call(failure, rule.failed.call, rule.failed.errno):
            fields = {
                "program": failure.target,
                "target": failure.target,
                "what": f"{failure.target}: {failure.errno}",
            }
            return Match(cause=rule.id, quotes=(format_failed_call(failure),), fields=fields)
    return None


def _is_failed_call(failure: FailedCall, call: str, errno: frozenset[str]) -> bool:
    return failure.call == call and failure.errno in errno


def format_failed_call(failure: FailedCall) -> str:
    """Tell a failed system call in a line."""
    call = f"{failure.call} " if failure.call else ""
    target = failure.target.partition("<")[0]
    return f"{failure.program}: {call}{target}: {failure.errno}"
