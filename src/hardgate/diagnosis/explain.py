"""What a promise is about, in words: before a run from the contract, after it from its evidence."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardgate.diagnosis.analysis.rules import Rule, load_rules
from hardgate.model.contract import Capability, Contract, Subject
from hardgate.model.guard import Guard
from hardgate.text.plain import one_line

Lines = Iterator[str]
Verdict = Mapping[str, Any]
"""An entry of `verdicts` in summary.json."""

_COMMENT = re.compile(r"(?m)^\s*#.*$")
OFTEN = 16
"""Causes that are listed for one probe."""


def explain_capability(capability: Capability, contract: Contract) -> Lines:
    """Say what it promises, why it exists, what breaks it, and how to fix it."""
    where = f"{contract.origin} line {capability.line}"
    yield f"{capability.name} ({capability.severity.value}; {where})"
    yield from _part("What it promises", capability.description)
    yield from _part("Why it exists", capability.source)
    causes = (
        [rule for rule in load_rules().values() if _concerns(rule, capability.probe)]
        if contract.subject is Subject.WORKSPACE  # the rules know no other
        else []
    )
    if causes:
        yield from ("", "What breaks it")
    for rule in causes[:OFTEN]:
        yield f"  - {rule.about}"
        if remedy := _without_evidence(rule):
            yield f"      {remedy}"
    yield from _part("How to fix it", capability.hint)
    yield from ("", "Its probe")
    yield from (f"  | {line}" for line in capability.probe.rstrip("\n").split("\n"))


def explain_guard(guard: Guard) -> Lines:
    """Say what the gate itself looks at, and what to do about a miss."""
    yield f"{guard.name} (a guard: the gate looks at it itself, from outside)"
    yield from _part("What it promises", guard.description)
    yield from _part("How to fix it", guard.hint)


def explain_run(summary: Mapping[str, Any], only: str = "") -> Lines:
    """Tell a finished run's misses from their evidence: causes first, then each miss, or one."""
    yield summary["headline"]
    for number, cause in enumerate(summary["causes"], start=1):
        if not only or only in cause["verdicts"]:
            yield from ("", f"Cause {number}: {one_line(cause['sentence'])}")
            yield f"  breaks: {', '.join(cause['verdicts'])}"
    for verdict in summary["verdicts"]:
        if verdict["name"] == only or (not only and verdict["outcome"] != "pass"):
            yield from explain_verdict(verdict)


def explain_verdict(verdict: Verdict) -> Lines:
    """Say of one verdict what was promised, why, what broke it and how to fix it."""
    diagnosis = verdict["diagnosis"] or {}
    reason = diagnosis.get("reason") or {}
    yield from ("", f"{verdict['name']}: {verdict['outcome']} ({verdict['severity']})")
    yield from _part("What it promises", verdict["description"])
    yield from _part("Why it exists", verdict["source"])
    if verdict["outcome"] == "pass":
        yield from _part("What was seen", verdict["reason"] or "It held.")
        return
    yield from _part("What broke it", reason.get("sentence") or verdict["reason"])
    yield from _quotes("Seen", reason.get("quotes") or ())
    yield from _part("How to fix it", reason.get("remedy") or verdict["hint"])
    trace = diagnosis.get("trace") or verdict["stderr"] or verdict["stdout"]
    yield from _quotes("The probe, traced", trace.splitlines())
    yield from _quotes("What it threw away", list(_thrown_away(diagnosis)))


def _concerns(rule: Rule, probe: str) -> bool:
    code = _COMMENT.sub("", probe)
    return not rule.general and bool(rule.concerns and rule.concerns.search(code))


def _without_evidence(rule: Rule) -> str:
    """Fill a remedy's braces where nothing was seen yet: `{path}` becomes PATH."""

    class Names(defaultdict[str, str]):
        def __missing__(self, key: str) -> str:
            return key.upper()

    return rule.remedy.format_map(Names(str, rule.otherwise))


def _thrown_away(diagnosis: Mapping[str, Any]) -> Lines:
    for record in diagnosis.get("discarded", ()):
        if record.get("target") != "pipe":
            yield from record["text"].splitlines()


def _part(title: str, text: str) -> Lines:
    if text.strip():
        yield from ("", title)
        yield from (f"  {line}" for line in text.strip().splitlines())


def _quotes(title: str, lines: Sequence[str]) -> Lines:
    if lines:
        yield from ("", title)
        yield from (f"  | {line}" for line in lines)
