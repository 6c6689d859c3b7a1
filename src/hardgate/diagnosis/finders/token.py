"""Clues about the workspace's token: what a step wanted of it, beside what is there."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import PathFacts
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.finders.messages import format_failed_call
from hardgate.diagnosis.finders.ownership import match_foreign_workload, match_unnamed_agent

TOKEN_PATH = "/configs/.auth_token"  # noqa: S105 - a path
QuoteLines = tuple[str, ...]

ALL_EXPECTATIONS = frozenset({"there", "full", "readable", "owned"})
"""What can be wanted of it."""

_TEST_EXPECTATIONS = {
    "e": {"there"},
    "f": {"there"},
    "s": {"there", "full"},
    "r": {"there", "readable"},
    "O": {"there", "owned"},
    "w": {"there", "owned"},
}
_READS_OWNER = re.compile(r"%[ugUG]\b|\bls\b.{0,80}\s-\w{0,10}l|-user\b|-uid\b")


def find_token_problems(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at a step that wanted something of the token and did not get it."""
    expected, lines = _token_expectations(probe, step)
    yield from match_token_problem(probe, expected, lines)


def match_token_problem(
    probe: FailedProbe, expected: frozenset[str], lines: QuoteLines, *, bearer: str = ""
) -> Iterator[Match]:
    """Say what is wrong with the token, of what was wanted of it, if that is seen from outside."""
    token = probe.path_facts(TOKEN_PATH)
    if token is None or not expected:
        return
    fields = {"path": TOKEN_PATH, "uid": str(probe.uid), "bearer": bearer, "mode": token.octal_mode}
    quotes = (*lines, token.as_evidence())
    closed = "readable" in expected and token.grants_access(probe.uid, probe.groups, "r") is False
    if not token.exists:
        yield _match_missing_token(probe, quotes, fields)
    elif "full" in expected and (token.size == 0 or probe.is_token_blank):
        size_evidence = (*lines, f"seen from outside: '{TOKEN_PATH}' holds {token.size} bytes")
        size = {"size": str(token.size)}
        yield Match(
            cause="token_empty", quotes=size_evidence, fields=fields | size, subject=TOKEN_PATH
        )
    elif token.uid not in {None, probe.uid} and ("owned" in expected or closed):
        yield from _match_foreign_token(probe, token, fields, quotes)
    elif closed:
        yield Match(cause="token_mode", quotes=quotes, fields=fields, subject=TOKEN_PATH)


def is_token_usable(probe: FailedProbe) -> bool:
    """Tell whether the token is there, holds something and may be read."""
    token = probe.path_facts(TOKEN_PATH)
    if token is None or not token.exists or not token.size or probe.is_token_blank:
        return False
    return bool(token.grants_access(probe.uid, probe.groups, "r"))


def find_readiness_problem(probe: FailedProbe) -> str:
    """Say what the wait for the workspace missed to its end; empty where it missed nothing."""
    for observation in probe.other_observations.values():
        if observation.facts.get("ready") is False:
            return str(observation.facts.get("missing") or "It was not told why.")
    return ""


def _token_expectations(probe: FailedProbe, step: ProbeStep) -> tuple[frozenset[str], QuoteLines]:
    """Say what a step wanted of the token, and which lines show it; nothing where it did not."""
    for failure in step.failures:
        if failure.target == TOKEN_PATH:
            expected = {"there"} if failure.errno == "ENOENT" else {"there", "readable"}
            return frozenset(expected), (format_failed_call(failure),)
    question = step.unary_test
    if question and question.operand == TOKEN_PATH and not question.negated:
        return frozenset(_TEST_EXPECTATIONS.get(question.operator[1:], set())), (step.text,)
    if step.is_test:
        read = next(iter(probe.input_steps(step)), None)
        if read and TOKEN_PATH in read.text:
            return _expectations_of(read), (read.text, step.text)
    elif TOKEN_PATH in step.text and step.has_failed:
        return _expectations_of(step), (step.text,)
    if not step.text:
        token_lines = tuple(line for line in step.output if TOKEN_PATH in line)[-1:]
        return ALL_EXPECTATIONS if token_lines else frozenset(), token_lines
    return frozenset(), ()


def _expectations_of(read: ProbeStep) -> frozenset[str]:
    if _READS_OWNER.search(read.text):
        return frozenset({"there", "owned"})
    if read.program in {"stat", "ls", "find"}:
        return frozenset({"there"})
    return frozenset({"there", "readable", "full"})


def _match_missing_token(probe: FailedProbe, quotes: QuoteLines, fields: dict[str, str]) -> Match:
    missing = find_readiness_problem(probe)
    if not missing:
        return Match(cause="token_missing", quotes=quotes, fields=fields, subject=TOKEN_PATH)
    quotes = (*quotes, f"the wait for the workspace: {missing}")
    fields = {"missing": missing}
    return Match(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")


def _match_foreign_token(
    probe: FailedProbe, token: PathFacts, fields: dict[str, str], quotes: QuoteLines
) -> Iterator[Match]:
    runtime = probe.foreign_workload
    if runtime and runtime.uid == token.uid:
        reads = token.grants_access(probe.uid, probe.groups, "r")
        closed = f", and uid {probe.uid} cannot read it" if reads is False else ""
        whose = (
            f", so its token '{TOKEN_PATH}' is uid {token.uid}'s (mode {token.octal_mode}){closed}"
        )
        token_note = whose + fields["bearer"]
        yield from match_foreign_workload(probe, runtime, quotes, token=token_note)
    else:
        yield from match_unnamed_agent(probe, f"the token '{TOKEN_PATH}' is", token.uid, quotes)
    fields = fields | {"owner": str(token.uid)}
    yield Match(cause="token_owner", quotes=quotes, fields=fields, subject=TOKEN_PATH)
