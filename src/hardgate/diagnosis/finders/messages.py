"""Clues in words and system calls that a rule names itself."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.rules import Rule, load_rules
from hardgate.diagnosis.analysis.step import Step
from hardgate.model.observation import Failure

HARMLESS = re.compile(
    r"unable to resolve host|LC_ALL|no version information available|WARNING: No \w+ limit support"
)
"""What programs say beside doing their work."""


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look for each rule's words in what the step wrote, and for its calls in what failed."""
    for rule in load_rules().values():
        clue = _said(miss, rule, step) or _failed(rule, step)
        if clue:
            yield clue


def _said(miss: Miss, rule: Rule, step: Step) -> Clue | None:
    for line in step.said:
        for pattern in rule.said:
            found = pattern.search(line)
            if found and not HARMLESS.search(line):
                told = {key: value for key, value in found.groupdict().items() if value}
                fields = {"uid": str(miss.uid), "agent": miss.name or f"#{miss.uid}", **told}
                return Clue(cause=rule.id, quotes=(line,), fields=fields)
    return None


def _failed(rule: Rule, step: Step) -> Clue | None:
    for failure in step.failures if rule.failed else ():
        if rule.failed and _is(failure, rule.failed.call, rule.failed.errno):
            fields = {
                "program": failure.target,
                "target": failure.target,
                "what": f"{failure.target}: {failure.errno}",
            }
            return Clue(cause=rule.id, quotes=(quote(failure),), fields=fields)
    return None


def _is(failure: Failure, call: str, errno: frozenset[str]) -> bool:
    return failure.call == call and failure.errno in errno


def quote(failure: Failure) -> str:
    """Tell a failed system call in a line."""
    call = f"{failure.call} " if failure.call else ""
    target = failure.target.partition("<")[0]
    return f"{failure.program}: {call}{target}: {failure.errno}"
