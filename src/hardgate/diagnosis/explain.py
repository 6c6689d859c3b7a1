"""What a promise is about, in words: before a run from the contract, after it from its evidence."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardgate.diagnosis.analysis.rules import CauseRule, load_rules
from hardgate.model.contract import Capability, Contract, Subject
from hardgate.model.guard import Guard
from hardgate.text.plain import one_line

TextLines = Iterator[str]
VerdictEntry = Mapping[str, Any]
"""An entry of `verdicts` in summary.json."""

_COMMENT = re.compile(r"(?m)^[^\S\n]*+#.*$")
MAX_CAUSES = 16
"""Causes that are listed for one probe."""


def explain_capability(capability: Capability, contract: Contract) -> TextLines:
    """Say what it promises, why it exists, what breaks it, and how to fix it."""
    location = f"{contract.origin} line {capability.line}"
    yield f"{capability.name} ({capability.severity.value}; {location})"
    yield from _format_section("What it promises", capability.description)
    yield from _format_section("Why it exists", capability.source)
    causes = (
        [rule for rule in load_rules().values() if _may_break_probe(rule, capability.probe)]
        if contract.subject is Subject.WORKSPACE  # the rules know no other
        else []
    )
    if causes:
        yield from ("", "What breaks it")
    for rule in causes[:MAX_CAUSES]:
        yield f"  - {rule.about}"
        if remedy := _fill_placeholders(rule):
            yield f"      {remedy}"
    yield from _format_section("How to fix it", capability.hint)
    yield from ("", "Its probe")
    yield from (f"  | {line}" for line in capability.probe.rstrip("\n").split("\n"))


def explain_guard(guard: Guard) -> TextLines:
    """Say what the gate itself looks at, and what to do about a miss."""
    yield f"{guard.name} (a guard: the gate looks at it itself, from outside)"
    yield from _format_section("What it promises", guard.description)
    yield from _format_section("How to fix it", guard.hint)


def explain_run(summary: Mapping[str, Any], only: str = "") -> TextLines:
    """Tell a finished run's misses from their evidence: causes first, then each miss, or one."""
    yield summary["headline"]
    for number, cause in enumerate(summary["causes"], start=1):
        if not only or only in cause["verdicts"]:
            yield from ("", f"Cause {number}: {one_line(cause['sentence'])}")
            yield f"  breaks: {', '.join(cause['verdicts'])}"
    for verdict in summary["verdicts"]:
        if verdict["name"] == only or (not only and verdict["outcome"] != "pass"):
            yield from explain_verdict(verdict)


def explain_verdict(verdict: VerdictEntry) -> TextLines:
    """Say of one verdict what was promised, why, what broke it and how to fix it."""
    diagnosis = verdict["diagnosis"] or {}
    reason = diagnosis.get("reason") or {}
    yield from ("", f"{verdict['name']}: {verdict['outcome']} ({verdict['severity']})")
    yield from _format_section("What it promises", verdict["description"])
    yield from _format_section("Why it exists", verdict["source"])
    if verdict["outcome"] == "pass":
        yield from _format_section("What was seen", verdict["reason"] or "It held.")
        return
    yield from _format_section("What broke it", reason.get("sentence") or verdict["reason"])
    yield from _format_quotes("Seen", reason.get("quotes") or ())
    yield from _format_section("How to fix it", reason.get("remedy") or verdict["hint"])
    trace = diagnosis.get("trace") or verdict["stderr"] or verdict["stdout"]
    yield from _format_quotes("The probe, traced", trace.splitlines())
    yield from _format_quotes("What it threw away", list(_discarded_lines(diagnosis)))


def _may_break_probe(rule: CauseRule, probe: str) -> bool:
    code = _COMMENT.sub("", probe)
    return not rule.general and bool(rule.concerns and rule.concerns.search(code))


def _fill_placeholders(rule: CauseRule) -> str:
    """Fill a remedy's braces where nothing was seen yet: `{path}` becomes PATH."""

    class PlaceholderNames(defaultdict[str, str]):
        def __missing__(self, key: str) -> str:
            return key.upper()

    return rule.remedy.format_map(PlaceholderNames(str, rule.otherwise))


def _discarded_lines(diagnosis: Mapping[str, Any]) -> TextLines:
    for record in diagnosis.get("discarded", ()):
        if record.get("target") != "pipe":
            yield from record["text"].splitlines()


def _format_section(title: str, text: str) -> TextLines:
    if text.strip():
        yield from ("", title)
        yield from (f"  {line}" for line in text.strip().splitlines())


def _format_quotes(title: str, lines: Sequence[str]) -> TextLines:
    if lines:
        yield from ("", title)
        yield from (f"  | {line}" for line in lines)
