"""Clues about the workspace's token: what a step wanted of it, beside what is there."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import Place
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders.messages import quote
from hardgate.diagnosis.finders.ownership import nameless, wrong_workload

TOKEN = "/configs/.auth_token"  # noqa: S105 - a path
Lines = tuple[str, ...]

EVERYTHING = frozenset({"there", "full", "readable", "owned"})
"""What can be wanted of it."""

_WANTED = {
    "e": {"there"},
    "f": {"there"},
    "s": {"there", "full"},
    "r": {"there", "readable"},
    "O": {"there", "owned"},
    "w": {"there", "owned"},
}
_OF_OWNER = re.compile(r"%[ugUG]\b|\bls\b.*\s-\w*l|-user\b|-uid\b")


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at a step that wanted something of the token and did not get it."""
    wanted, lines = _wants(miss, step)
    yield from explain(miss, wanted, lines)


def explain(
    miss: Miss, wanted: frozenset[str], lines: Lines, *, bearer: str = ""
) -> Iterator[Clue]:
    """Say what is wrong with the token, of what was wanted of it, if that is seen from outside."""
    token = miss.place(TOKEN)
    if token is None or not wanted:
        return
    fields = {"path": TOKEN, "uid": str(miss.uid), "bearer": bearer, "mode": token.octal}
    quotes = (*lines, token.told())
    closed = "readable" in wanted and token.grants(miss.uid, miss.groups, "r") is False
    if not token.exists:
        yield _missing(miss, quotes, fields)
    elif "full" in wanted and (token.size == 0 or miss.token_is_blank):
        told = (*lines, f"seen from outside: '{TOKEN}' holds {token.size} bytes")
        size = {"size": str(token.size)}
        yield Clue(cause="token_empty", quotes=told, fields=fields | size, subject=TOKEN)
    elif token.uid not in {None, miss.uid} and ("owned" in wanted or closed):
        yield from _foreign(miss, token, fields, quotes)
    elif closed:
        yield Clue(cause="token_mode", quotes=quotes, fields=fields, subject=TOKEN)


def is_sound(miss: Miss) -> bool:
    """Tell whether the token is there, holds something and may be read."""
    token = miss.place(TOKEN)
    if token is None or not token.exists or not token.size or miss.token_is_blank:
        return False
    return bool(token.grants(miss.uid, miss.groups, "r"))


def never_ready(miss: Miss) -> str:
    """Say what the wait for the workspace missed to its end; empty where it missed nothing."""
    for observation in miss.others.values():
        if observation.facts.get("ready") is False:
            return str(observation.facts.get("missing") or "It was not told why.")
    return ""


def _wants(miss: Miss, step: Step) -> tuple[frozenset[str], Lines]:
    """Say what a step wanted of the token, and which lines show it; nothing where it did not."""
    for failure in step.failures:
        if failure.target == TOKEN:
            wanted = {"there"} if failure.errno == "ENOENT" else {"there", "readable"}
            return frozenset(wanted), (quote(failure),)
    question = step.question
    if question and question.operand == TOKEN and not question.negated:
        return frozenset(_WANTED.get(question.operator[1:], set())), (step.text,)
    if step.is_test:
        read = next(iter(miss.inputs(step)), None)
        if read and TOKEN in read.text:
            return _wanted_by(read), (read.text, step.text)
    elif TOKEN in step.text and step.failed:
        return _wanted_by(step), (step.text,)
    if not step.text:
        told = tuple(line for line in step.said if TOKEN in line)[-1:]
        return EVERYTHING if told else frozenset(), told
    return frozenset(), ()


def _wanted_by(read: Step) -> frozenset[str]:
    if _OF_OWNER.search(read.text):
        return frozenset({"there", "owned"})
    if read.program in {"stat", "ls", "find"}:
        return frozenset({"there"})
    return frozenset({"there", "readable", "full"})


def _missing(miss: Miss, quotes: Lines, fields: dict[str, str]) -> Clue:
    missing = never_ready(miss)
    if not missing:
        return Clue(cause="token_missing", quotes=quotes, fields=fields, subject=TOKEN)
    quotes = (*quotes, f"the wait for the workspace: {missing}")
    fields = {"missing": missing}
    return Clue(cause="runtime_not_up", quotes=quotes, fields=fields, subject="runtime")


def _foreign(miss: Miss, token: Place, fields: dict[str, str], quotes: Lines) -> Iterator[Clue]:
    runtime = miss.wrong_workload
    if runtime and runtime.uid == token.uid:
        reads = token.grants(miss.uid, miss.groups, "r")
        closed = f", and uid {miss.uid} cannot read it" if reads is False else ""
        whose = f", so its token '{TOKEN}' is uid {token.uid}'s (mode {token.octal}){closed}"
        told = whose + fields["bearer"]
        yield from wrong_workload(miss, runtime, quotes, token=told)
    else:
        yield from nameless(miss, f"the token '{TOKEN}' is", token.uid, quotes)
    fields = fields | {"owner": str(token.uid)}
    yield Clue(cause="token_owner", quotes=quotes, fields=fields, subject=TOKEN)
