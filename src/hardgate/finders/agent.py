"""Clues about who the agent is: its name, its home, whose a path is to it."""

import re
from collections.abc import Iterator

from hardgate.clue import Clue
from hardgate.finders.access import not_owned
from hardgate.miss import Miss
from hardgate.step import Step
from hardgate.xtrace import Comparison

_VARIABLE = r"[\"']?\$\{{?{name}(?::?-[^}}]*)?\}}?[\"']?"
_OWNER = re.compile(r"%[uU](?![\w])")


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at what a comparison wants the agent to be."""
    compared = step.comparison
    if compared is None or compared.operator not in {"=", "==", "-eq"} or compared.holds:
        return
    got, wanted = sides(miss, compared)
    producer = next(iter(miss.before(step)), None)
    if producer:
        yield from _named(miss, step, producer, got, wanted)
        yield from _owned(miss, step, producer, wanted)
    yield from _variable(miss, step, got, wanted)


def sides(miss: Miss, compared: Comparison) -> tuple[str, str]:
    """Tell what was got from what was wanted: the latter stands in the probe as a word."""
    left, right = compared.left, compared.right
    if left and _in_script(miss, left) and not _in_script(miss, right):
        return right, left
    return left, right


def _in_script(miss: Miss, word: str) -> bool:
    return bool(word) and bool(re.search(rf"(?<![\w/.]){re.escape(word)}(?![\w/])", miss.script))


def _named(miss: Miss, step: Step, producer: Step, got: str, wanted: str) -> Iterator[Clue]:
    command = " ".join(producer.words)
    if command not in {"whoami", "id -un", "id -nu", "logname"} or not got or got == "root":
        return
    yield Clue(
        cause="agent_other_name",
        quotes=(producer.text, step.text),
        fields={"uid": str(miss.uid), "name": got, "wanted": wanted},
        subject=got,
    )


def _owned(miss: Miss, step: Step, producer: Step, wanted: str) -> Iterator[Clue]:
    if producer.program != "stat" or not _OWNER.search(producer.text) or producer.status:
        return
    for word in producer.words[1:]:
        place = miss.place(word) if word.startswith("/") else None
        if place and place.exists and place.uid is not None:
            name = f"uid {wanted}" if wanted.isdigit() else f"'{wanted}'"
            quotes = (producer.text, step.text, place.told())
            yield not_owned(place, name, quotes)


def _variable(miss: Miss, step: Step, got: str, wanted: str) -> Iterator[Clue]:
    """Find the variable that a probe compares, by its own text."""
    for name in dict.fromkeys(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)", miss.script)):
        variable = _VARIABLE.format(name=name)
        around = rf"(?:{variable} ==? [\"']?{re.escape(wanted)}\b|{re.escape(wanted)}[\"']? ==? {variable})"
        if not wanted or not re.search(around, miss.script):
            continue
        if name == "HOME":
            home = miss.home
            passwd = f"; /etc/passwd says '{home}'" if home and home != got else ""
            fields = {"home": got, "wanted": wanted, "passwd": passwd}
            yield Clue(cause="home_other", quotes=(step.text,), fields=fields, subject=got)
        elif not got:
            fields = {"name": name}
            yield Clue(cause="variable_unset", quotes=(step.text,), fields=fields, subject=name)
