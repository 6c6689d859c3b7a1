"""Clues about who the agent is: its name, its home, whose a path is to it."""

import re
from collections.abc import Iterator

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.path_facts import PathFacts
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.analysis.xtrace import Comparison
from hardgate.diagnosis.finders.ownership import match_unnamed_agent, match_wrong_owner

_VARIABLE_PATTERN = r"[\"']?\$\{{?{name}(?::?-[^}}]*)?\}}?[\"']?"
_OWNER_OPTION = re.compile(r"-user\b|-uid\b")


def find_identity_mismatch(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    """Look at what a comparison, or a search, wants the agent or a path to be."""
    compared = step.comparison
    if compared and (compared.operator not in {"=", "==", "-eq"} or compared.holds):
        return
    actual, expected = split_actual_expected(probe, compared) if compared else ("", "")
    for read in probe.input_steps(step):
        if compared and not read.has_failed:
            yield from _match_agent_name(probe, step, read, actual, expected)
            yield from _match_owner_or_mode(probe, step, read, actual, expected)
        elif not read.has_failed and read.program == "find" and _OWNER_OPTION.search(read.text):
            yield from _match_foreign_owner(probe, step, read, "the agent")
    if compared:
        yield from _match_variable(probe, step, actual, expected)


def split_actual_expected(probe: FailedProbe, compared: Comparison) -> tuple[str, str]:
    """Tell what was got from what was wanted: the latter stands in the probe as a word."""
    left, right = compared.left, compared.right
    if left and _is_word_in_script(probe, left) and not _is_word_in_script(probe, right):
        return right, left
    return left, right


def _is_word_in_script(probe: FailedProbe, word: str) -> bool:
    return bool(word) and bool(re.search(rf"(?<![\w/.]){re.escape(word)}(?![\w/])", probe.script))


def _match_agent_name(
    probe: FailedProbe, step: ProbeStep, read: ProbeStep, actual: str, expected: str
) -> Iterator[Match]:
    command = " ".join(read.argv)
    if command not in {"whoami", "id -un", "id -nu", "logname"} or not actual or actual == "root":
        return
    yield Match(
        cause="agent_other_name",
        quotes=(read.text, step.text),
        fields={"uid": str(probe.uid), "name": actual, "wanted": expected},
        subject=actual,
    )


def _match_owner_or_mode(
    probe: FailedProbe, step: ProbeStep, read: ProbeStep, actual: str, expected: str
) -> Iterator[Match]:
    """Read `stat` and `ls -l`: was the owner compared, or the mode?"""
    facts = next(iter(_named_path_facts(probe, read)), None)
    if facts is None or read.program not in {"stat", "ls"}:
        return
    owners = {str(facts.uid)} | ({"root"} if facts.uid == 0 else set())
    if actual in owners and actual not in {str(probe.uid), probe.agent_name}:
        name = f"uid {expected}" if expected.isdigit() else f"'{expected}'"
        yield from _match_foreign_owner(probe, step, read, name)
    elif "%a" in read.text and actual == f"{facts.mode or 0:o}":
        fields = {"path": facts.path, "mode": actual, "wanted": expected}
        quotes = (read.text, step.text, facts.as_evidence())
        yield Match(cause="path_other_mode", quotes=quotes, fields=fields, subject=facts.path)


def _match_foreign_owner(
    probe: FailedProbe, step: ProbeStep, read: ProbeStep, expected: str
) -> Iterator[Match]:
    for facts in _named_path_facts(probe, read):
        if facts.uid not in {None, probe.uid}:
            quotes = (read.text, step.text, facts.as_evidence())
            yield from match_unnamed_agent(probe, f"'{facts.path}' is", facts.uid, quotes)
            yield match_wrong_owner(facts, expected, quotes)


def _named_path_facts(probe: FailedProbe, read: ProbeStep) -> Iterator[PathFacts]:
    for word in read.argv[1:]:
        facts = probe.path_facts(word) if word.startswith("/") else None
        if facts and facts.exists:
            yield facts


def _match_variable(
    probe: FailedProbe, step: ProbeStep, actual: str, expected: str
) -> Iterator[Match]:
    """Find the variable that a probe compares, by its own text."""
    for name in dict.fromkeys(re.findall(r"\$\{?([A-Z_][A-Z0-9_]*)", probe.script)):
        variable = _VARIABLE_PATTERN.format(name=name)
        word = re.escape(expected)
        comparison_pattern = rf"{variable} ==? [\"']?{word}\b|{word}[\"']? ==? {variable}"
        if not expected or not re.search(comparison_pattern, probe.script):
            continue
        if name == "HOME":
            home = probe.home
            passwd = f"; /etc/passwd says '{home}'" if home and home != actual else ""
            fields = {"home": actual, "wanted": expected, "passwd": passwd}
            yield Match(cause="home_other", quotes=(step.text,), fields=fields, subject=actual)
        elif not actual:
            fields = {"name": name}
            yield Match(cause="variable_unset", quotes=(step.text,), fields=fields, subject=name)
