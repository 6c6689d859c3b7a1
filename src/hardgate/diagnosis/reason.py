"""Why a promise was missed: one sentence and one remedy, on evidence that it quotes, or nothing.

The steps of a probe are asked from the last one on. The first that gives a clue of its own tells; a
comparison or a search that gives none hands on to what it read. Rules are in `rules/`, what finds
them in `finders/`; neither knows the name of a capability.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from hardgate.diagnosis.analysis.clue import Clue
from hardgate.diagnosis.analysis.failed_probe import Miss
from hardgate.diagnosis.analysis.rules import Rule, load_rules
from hardgate.diagnosis.analysis.step import Step
from hardgate.diagnosis.finders import (
    commands,
    docker,
    fallback,
    guards,
    http,
    identity,
    messages,
    namespaces,
    network,
    paths,
    privileges,
    service,
    token,
)
from hardgate.model.verdict import Reason

Finder = Callable[[Miss, Step], Iterator[Clue]]

FINDERS: tuple[Finder, ...] = (
    messages.find,
    commands.find,
    paths.find,
    docker.find,
    token.find,
    guards.find_spoken,
    service.find,
    network.find,
    namespaces.find,
    identity.find,
    privileges.find,
)
WHOLE: tuple[Callable[[Miss], Iterator[Clue]], ...] = (
    guards.find,
    network.find_in_all,
    privileges.find_in_all,
)
_AND_OR = re.compile(r" (?:-a|-o|&&|\|\|) ")
UNREADABLE = (LookupError, TypeError, ValueError, AttributeError)


def find_reason(miss: Miss) -> Reason | None:
    """Find the reason of a miss. Evidence that cannot be read gives none, and no exception."""
    try:
        return _find(miss)
    except Exception:  # a rule must not cost a probe its verdict
        return None


def _find(miss: Miss) -> Reason | None:
    whole = _best(clue for finder in WHOLE for clue in _ask(finder, miss))
    if whole:
        return whole
    for step in miss.suspects:
        reason = _explain(miss, step)
        if reason:
            return _each_target(miss) or _with_first_try(miss, step, reason)
    return _best(_ask(fallback.find_in_all, miss))


def _explain(miss: Miss, step: Step) -> Reason | None:
    """Explain one step: by its own clues, else by those of what it read, else by what it did."""
    own = _best(clue for part in _parts(step) for clue in _clues(miss, part))
    if own:
        return own
    for read in miss.inputs(step):
        if read.failed and (reason := _best(_clues(miss, read))):
            return reason
        if http.CLIENTS & read.programs and (reason := _best(_clues(miss, read))):
            return reason
    if not step.failed:
        return None
    for read in miss.inputs(step):
        if step.program in fallback.SEARCHING and read.status:
            return _best(_ask(fallback.find, miss, read))
    return _best(_ask(fallback.find, miss, step))


def _parts(step: Step) -> Iterator[Step]:
    """Take a test of several parts (`[ A -a B ]`) apart; each is asked for itself."""
    parts = _AND_OR.split(step.text.strip("[] ")) if step.is_test else []
    if len(parts) < 2:  # noqa: PLR2004
        yield step
    else:
        yield from (replace(step, text=f"[ {part.removeprefix('test ')} ]") for part in parts)


def _with_first_try(miss: Miss, step: Step, reason: Reason) -> Reason:
    """Tell, beside the reason of a second try (`A || B`), why the first one failed."""
    first = next((one for one in miss.before(step) if one.failed and one.words), None)
    if first is None or not step.words or not miss.falls_back_to(step):
        return reason
    earlier = _best(_clues(miss, first))
    if earlier is None or (earlier.cause, earlier.subject) == (reason.cause, reason.subject):
        return reason
    return replace(
        reason,
        sentence=f"{reason.sentence} Before that, '{first.program}' was tried: {earlier.sentence}",
        remedy=f"{earlier.remedy} Or: {reason.remedy}" if reason.remedy else earlier.remedy,
        quotes=(*earlier.quotes, *reason.quotes),
    )


def _clues(miss: Miss, step: Step) -> Iterator[Clue]:
    for finder in FINDERS:
        yield from _ask(finder, miss, step)


def _ask(finder: Callable[..., Iterator[Clue]], *about: Miss | Step) -> tuple[Clue, ...]:
    """Ask a finder; what it cannot read it does not know, and the others still do."""
    try:
        return tuple(finder(*about))
    except UNREADABLE:
        return ()


def _best(clues: Iterable[Clue]) -> Reason | None:
    rules = load_rules()
    found = min(clues, key=lambda clue: rules[clue.cause].order, default=None)
    return tell(found, rules[found.cause]) if found else None


def tell(clue: Clue, rule: Rule) -> Reason:
    """Put a clue into its rule's words."""
    fields: Mapping[str, str] = defaultdict(str, {**rule.otherwise, **clue.fields})
    return Reason(
        cause=rule.id,
        subject=clue.subject or rule.subject.format_map(fields),
        sentence=rule.because.format_map(fields),
        remedy=rule.remedy.format_map(fields),
        quotes=tuple(dict.fromkeys(clue.quotes)),
        general=rule.general,
    )


def _each_target(miss: Miss) -> Reason | None:
    """Tell each of several targets with its own reason, where a probe tried one after another."""
    told: dict[str, Reason] = {}
    for step in miss.steps:
        for asked in http.requests(miss, step):
            reason = _best(_clues(miss, step)) if not asked.is_fine else None
            if reason and asked.url in (miss.targets or ()):
                told[asked.url] = reason
    if len(told) < 2:  # noqa: PLR2004 - one target speaks for itself
        return None
    each = "; ".join(f"'{url}': {_brief(reason)}" for url, reason in told.items())
    remedies = dict.fromkeys(reason.remedy for reason in told.values())
    fields = {"number": str(len(told)), "each": each, "remedies": " ".join(remedies)}
    quotes = tuple(quote for reason in told.values() for quote in reason.quotes)
    causes = "+".join(sorted({reason.cause for reason in told.values()}))
    return tell(
        Clue(cause="egress_each", quotes=quotes, fields=fields, subject=causes),
        load_rules()["egress_each"],
    )


def _brief(reason: Reason) -> str:
    """Tell a reason as a part of a sentence."""
    return reason.sentence[:1].lower() + reason.sentence[1:].rstrip(".")
