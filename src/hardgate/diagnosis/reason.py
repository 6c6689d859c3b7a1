"""Why a promise was missed: one sentence and one remedy, on evidence that it quotes, or nothing.

The steps of a probe are asked from the last one on. The first that gives a clue of its own tells; a
comparison or a search that gives none hands on to what it read. Rules are in `rules/`, what finds
them in `finders/`; neither knows the name of a capability.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace

from hardgate.diagnosis.analysis.clue import Match
from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.rules import CauseRule, load_rules
from hardgate.diagnosis.analysis.step import ProbeStep
from hardgate.diagnosis.budget import PROBE_DIAGNOSIS_SECONDS, Budget, BudgetSpentError
from hardgate.diagnosis.finders import (
    boot,
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

Finder = Callable[[FailedProbe, ProbeStep], Iterator[Match]]

_BUDGET: ContextVar[Budget] = ContextVar("budget")
"""What is left for the miss that is looked into; asked before each finder."""

STEP_FINDERS: tuple[Finder, ...] = (
    messages.match_rule_patterns,
    commands.find_missing_commands,
    paths.find_path_problems,
    docker.find_socket_problems,
    token.find_token_problems,
    guards.find_reported_workload,
    service.find_service_problems,
    network.find_network_errors,
    namespaces.find_namespace_problems,
    identity.find_identity_mismatch,
    privileges.find_privilege_problems,
)
PROBE_FINDERS: tuple[Callable[[FailedProbe], Iterator[Match]], ...] = (
    boot.match_boot_end,
    guards.match_guard_facts,
    network.match_missing_targets,
    privileges.match_run_outcomes,
)
_AND_OR = re.compile(r" (?:-a|-o|&&|\|\|) ")
FINDER_ERRORS = (LookupError, TypeError, ValueError, AttributeError)


def find_reason(probe: FailedProbe, budget: Budget | None = None) -> Reason | None:
    """Find the reason of a miss. Evidence that cannot be read gives none, and no exception."""
    budget = budget or Budget(PROBE_DIAGNOSIS_SECONDS)
    token = _BUDGET.set(budget.narrow_to(PROBE_DIAGNOSIS_SECONDS))
    try:
        return _select_reason(probe)
    except BudgetSpentError:
        return render_reason(Match(cause="not_in_time", quotes=()), load_rules()["not_in_time"])
    except Exception:  # a rule must not cost a probe its verdict
        return None
    finally:
        _BUDGET.reset(token)


def _select_reason(probe: FailedProbe) -> Reason | None:
    whole = _best_reason(clue for finder in PROBE_FINDERS for clue in _run_finder(finder, probe))
    if whole:
        return whole
    for step in probe.suspect_steps:
        reason = _explain_step(probe, step)
        if reason:
            return _combine_target_reasons(probe) or _add_first_attempt(probe, step, reason)
    return _best_reason(_run_finder(fallback.match_unexplained_end, probe))


def _explain_step(probe: FailedProbe, step: ProbeStep) -> Reason | None:
    """Explain one step: by its own clues, else by those of what it read, else by what it did."""
    own = _best_reason(clue for part in _split_test(step) for clue in _match_step(probe, part))
    if own:
        return own
    for read in probe.input_steps(step):
        if read.has_failed and (reason := _best_reason(_match_step(probe, read))):
            return reason
        if http.HTTP_CLIENTS & read.programs and (reason := _best_reason(_match_step(probe, read))):
            return reason
    if not step.has_failed:
        return None
    for read in probe.input_steps(step):
        if step.program in fallback.SEARCH_PROGRAMS and read.status:
            return _best_reason(_run_finder(fallback.match_failed_step, probe, read))
    return _best_reason(_run_finder(fallback.match_failed_step, probe, step))


def _split_test(step: ProbeStep) -> Iterator[ProbeStep]:
    """Take a test of several parts (`[ A -a B ]`) apart; each is asked for itself."""
    parts = _AND_OR.split(step.text.strip("[] ")) if step.is_test else []
    if len(parts) < 2:  # noqa: PLR2004
        yield step
    else:
        yield from (replace(step, text=f"[ {part.removeprefix('test ')} ]") for part in parts)


def _add_first_attempt(probe: FailedProbe, step: ProbeStep, reason: Reason) -> Reason:
    """Tell, beside the reason of a second try (`A || B`), why the first one failed."""
    first = next(
        (
            earlier_step
            for earlier_step in probe.steps_before(step)
            if earlier_step.has_failed and earlier_step.argv
        ),
        None,
    )
    if first is None or not step.argv or not probe.falls_back_to(step):
        return reason
    earlier = _best_reason(_match_step(probe, first))
    if earlier is None or (earlier.cause, earlier.subject) == (reason.cause, reason.subject):
        return reason
    return replace(
        reason,
        sentence=f"{reason.sentence} Before that, '{first.program}' was tried: {earlier.sentence}",
        remedy=f"{earlier.remedy} Or: {reason.remedy}" if reason.remedy else earlier.remedy,
        quotes=(*earlier.quotes, *reason.quotes),
    )


def _match_step(probe: FailedProbe, step: ProbeStep) -> Iterator[Match]:
    for finder in STEP_FINDERS:
        yield from _run_finder(finder, probe, step)


def _run_finder(
    finder: Callable[..., Iterator[Match]], *about: FailedProbe | ProbeStep
) -> tuple[Match, ...]:
    """Ask a finder; what it cannot read it does not know, and the others still do."""
    _BUDGET.get().check()
    try:
        return tuple(finder(*about))
    except FINDER_ERRORS:
        return ()


def _best_reason(clues: Iterable[Match]) -> Reason | None:
    rules = load_rules()
    found = min(clues, key=lambda clue: rules[clue.cause].order, default=None)
    return render_reason(found, rules[found.cause]) if found else None


def render_reason(clue: Match, rule: CauseRule) -> Reason:
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


def _combine_target_reasons(probe: FailedProbe) -> Reason | None:
    """Tell each of several targets with its own reason, where a probe tried one after another."""
    reasons: dict[str, Reason] = {}
    for step in probe.steps:
        for request in http.find_http_requests(probe, step):
            reason = _best_reason(_match_step(probe, step)) if not request.is_success else None
            if reason and request.url in (probe.egress_targets or ()):
                reasons[request.url] = reason
    if len(reasons) < 2:  # noqa: PLR2004 - one target speaks for itself
        return None
    each = "; ".join(f"'{url}': {_as_clause(reason)}" for url, reason in reasons.items())
    remedies = dict.fromkeys(reason.remedy for reason in reasons.values())
    fields = {"number": str(len(reasons)), "each": each, "remedies": " ".join(remedies)}
    quotes = tuple(quote for reason in reasons.values() for quote in reason.quotes)
    causes = "+".join(sorted({reason.cause for reason in reasons.values()}))
    return render_reason(
        Match(cause="egress_each", quotes=quotes, fields=fields, subject=causes),
        load_rules()["egress_each"],
    )


def _as_clause(reason: Reason) -> str:
    """Tell a reason as a part of a sentence."""
    return reason.sentence[:1].lower() + reason.sentence[1:].rstrip(".")
