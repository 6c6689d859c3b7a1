"""Clues about who the agent is: its name, its home, whose a path is to it."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.path_facts import Place
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.analysis.xtrace import Comparison
from hardgate.diagnosis.finders.ownership import nameless, not_owned

_VARIABLE = r"[\"']?\$\{{?{name}(?::?-[^}}]*)?\}}?[\"']?"
_BY_USER = re.compile(r"-user\b|-uid\b")


def find(miss: Miss, step: Step) -> Iterator[Clue]:
    """Look at what a comparison, or a search, wants the agent or a path to be."""
    compared = step.comparison
    if compared and (compared.operator not in {"=", "==", "-eq"} or compared.holds):
        return
    got, wanted = sides(miss, compared) if compared else ("", "")
    for read in miss.inputs(step):
        if compared and not read.failed:
            yield from _named(miss, step, read, got, wanted)
            yield from _listed(miss, step, read, got, wanted)
        elif not read.failed and read.program == "find" and _BY_USER.search(read.text):
            yield from _owned(miss, step, read, "the agent")
    if compared:
        yield from _variable(miss, step, got, wanted)


def sides(miss: Miss, compared: Comparison) -> tuple[str, str]:
    """Tell what was got from what was wanted: the latter stands in the probe as a word."""
    left, right = compared.left, compared.right
    if left and _in_script(miss, left) and not _in_script(miss, right):
        return right, left
    return left, right


def _in_script(miss: Miss, word: str) -> bool:
    return bool(word) and bool(re.search(rf"(?<![\w/.]){re.escape(word)}(?![\w/])", miss.script))


def _named(miss: Miss, step: Step, read: Step, got: str, wanted: str) -> Iterator[Clue]:
    command = " ".join(read.words)
    if command not in {"whoami", "id -un", "id -nu", "logname"} or not got or got == "root":
        return
    yield Clue(
        cause="agent_other_name",
        quotes=(read.text, step.text),
        fields={"uid": str(miss.uid), "name": got, "wanted": wanted},
        subject=got,
    )


def _listed(miss: Miss, step: Step, read: Step, got: str, wanted: str) -> Iterator[Clue]:
    """Read `stat` and `ls -l`: was the owner compared, or the mode?"""
    place = next(iter(_places(miss, read)), None)
    if place is None or read.program not in {"stat", "ls"}:
        return
    owners = {str(place.uid)} | ({"root"} if place.uid == 0 else set())
    if got in owners and got not in {str(miss.uid), miss.name}:
        name = f"uid {wanted}" if wanted.isdigit() else f"'{wanted}'"
        yield from _owned(miss, step, read, name)
    elif "%a" in read.text and got == f"{place.mode or 0:o}":
        fields = {"path": place.path, "mode": got, "wanted": wanted}
        quotes = (read.text, step.text, place.told())
        yield Clue(cause="path_other_mode", quotes=quotes, fields=fields, subject=place.path)


def _owned(miss: Miss, step: Step, read: Step, wanted: str) -> Iterator[Clue]:
    for place in _places(miss, read):
        if place.uid not in {None, miss.uid}:
            quotes = (read.text, step.text, place.told())
            yield from nameless(miss, f"'{place.path}' is", place.uid, quotes)
            yield not_owned(place, wanted, quotes)


def _places(miss: Miss, read: Step) -> Iterator[Place]:
    for word in read.words[1:]:
        place = miss.place(word) if word.startswith("/") else None
        if place and place.exists:
            yield place


def _variable(miss: Miss, step: Step, got: str, wanted: str) -> Iterator[Clue]:
    """Find the variable that a probe compares, by its own text."""
    for name in dict.fromkeys(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)", miss.script)):
        variable = _VARIABLE.format(name=name)
        word = re.escape(wanted)
        around = rf"{variable} ==? [\"']?{word}\b|{word}[\"']? ==? {variable}"
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
