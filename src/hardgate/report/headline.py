"""The first and the last line of every report: what was looked at, and what came of it."""

from collections.abc import Iterable
from pathlib import Path
from typing import assert_never

from hardgate.diagnosis.root_cause import group_root_causes
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Run
from hardgate.model.verdict import Outcome, Verdict, VerdictKind
from hardgate.resources import CONTRACTS
from hardgate.text.headline import Headline
from hardgate.text.plain import format_count, one_line

MAX_LISTED_NAMES = 5
"""Names that a headline lists before it counts the rest."""


def run_opening(plan: Plan, *, host: str, run_id: str) -> str:
    """Say by what is judged, and where; `host` is a `place`.

    The hash comes last, for a terminal may break the line.
    """
    contract = plan.contract
    return one_line(
        f"hardgate {plan.title}: contract {contract.origin} v{contract.version}, "
        f"{describe_scope(plan)}; {host}; run {run_id};{_name_tiers(plan)} "
        f"sha256:{contract.sha256}"
    )


def _name_tiers(plan: Plan) -> str:
    """Say by which tiers of somebody else's a workspace is started; nothing of our own."""
    tier = plan.tier
    if tier is None or not tier.origin or Path(tier.origin) == CONTRACTS / "tiers.yaml":
        return ""
    return f" tiers {tier.origin}, sha256:{tier.sha256};"


def describe_host(host: Host | None) -> str:
    """Say where: `nested host`, or by its name the host that is itself looked at."""
    if host is None:
        return "no host"
    return f"host {host.name}" if host.name else f"{host.kind} host"


def describe_scope(plan: Plan) -> str:
    """Say how much is looked at."""
    looked, all_of_them = len(plan.capabilities), len(plan.contract.capabilities)
    capabilities = (
        f"PARTIAL, {looked} of {format_count(all_of_them, 'capability')}"
        if plan.is_partial
        else format_count(all_of_them, "capability")
    )
    if plan.tier is None:
        return capabilities
    return f"{capabilities}, {format_count(len(plan.guards), 'guard')}"


def unselected_capabilities(plan: Plan) -> tuple[str, ...]:
    """Name the contract's capabilities that the run was told to leave out."""
    looked = {capability.name for capability in plan.capabilities}
    return tuple(
        capability.name
        for capability in plan.contract.capabilities
        if capability.name not in looked
    )


def format_headline(run: Run) -> str:
    """Say what came of it, in one line that cannot be misread."""
    return str(Headline(exit_code=run.exit_code, story=_run_story(run)))


def join_verdict_names(verdicts: Iterable[Verdict]) -> str:
    """List names, as many as a line carries."""
    listed = [verdict.name for verdict in verdicts]
    rest = len(listed) - MAX_LISTED_NAMES
    return ", ".join(listed[:MAX_LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def select_verdicts(run: Run, outcome: Outcome, severity: Severity) -> tuple[Verdict, ...]:
    """Pick the verdicts of one outcome and one severity."""
    return tuple(
        verdict
        for verdict in run.verdicts
        if verdict.outcome is outcome and verdict.severity is severity
    )


def _run_story(run: Run) -> str:
    match run.exit_code:
        case ExitCode.HELD:
            return _join_parts(
                f"{_count_held(run)} held", *_advisory_stories(run), _count_notices(run)
            )
        case ExitCode.BROKEN:
            return _join_parts(_broken_story(run), _errors_story(run))
        case ExitCode.MISUSED:
            return run.problem.rstrip(".") or "the contract or the command is wrong"
        case ExitCode.UNKNOWN:
            return _unknown_story(run)
        case ExitCode.INTERRUPTED | ExitCode.TERMINATED:
            misses = select_verdicts(run, Outcome.FAIL, Severity.HARD)
            return _join_parts(
                f"the gate was stopped; until then {_count_held(run)} held",
                _broken_story(run) if misses else "",
            )
        case _:
            assert_never(run.exit_code)


def _broken_story(run: Run) -> str:
    misses = select_verdicts(run, Outcome.FAIL, Severity.HARD)
    if not misses:
        return run.problem.rstrip(".") or "something hard did not hold"
    return (
        f"{_count_causes(run)}{_count_verdicts(run, misses)} did not hold: "
        f"{join_verdict_names(misses)}"
    )


def _count_causes(run: Run) -> str:
    """Count causes before misses, where some misses have one in common."""
    hard = [cause for cause in group_root_causes(run.verdicts) if cause.severity is Severity.HARD]
    shared = any(len(cause.verdicts) > 1 for cause in hard)
    return f"{format_count(len(hard), 'cause')}: " if shared else ""


def _unknown_story(run: Run) -> str:
    errors = select_verdicts(run, Outcome.ERROR, Severity.HARD)
    if run.problem:
        return f"nobody could tell. {run.problem.rstrip('.')}"
    if errors:
        return f"nobody could tell of {_count_verdicts(run, errors)}: {join_verdict_names(errors)}"
    if run.plan.is_partial:
        return f"nobody can tell from a part; {_count_held(run)} held, the rest was not looked at"
    return "nobody could tell; no hard capability was looked at"


def _count_held(run: Run) -> str:
    held = [verdict for verdict in run.verdicts if verdict.outcome is Outcome.PASS]
    guards = sum(verdict.kind is VerdictKind.GUARD for verdict in held)
    capabilities = _count_capabilities(run, len(held) - guards)
    return f"{capabilities} and {_count_guards(run, guards)}" if run.plan.tier else capabilities


def _count_verdicts(run: Run, verdicts: tuple[Verdict, ...]) -> str:
    guards = sum(verdict.kind is VerdictKind.GUARD for verdict in verdicts)
    capabilities = len(verdicts) - guards
    return " and ".join(
        [_count_capabilities(run, capabilities)] * bool(capabilities)
        + [_count_guards(run, guards)] * bool(guards)
    )


def _count_capabilities(run: Run, number: int) -> str:
    """Count against what the contract asks, not against what was looked at."""
    return f"{number} of {format_count(len(run.plan.contract.capabilities), 'capability')}"


def _count_guards(run: Run, number: int) -> str:
    return f"{number} of {format_count(len(run.plan.guards), 'guard')}"


def _errors_story(run: Run) -> str:
    errors = select_verdicts(run, Outcome.ERROR, Severity.HARD)
    return f"nobody could tell of {_count_verdicts(run, errors)}" if errors else ""


def _advisory_stories(run: Run) -> tuple[str, str]:
    misses = select_verdicts(run, Outcome.FAIL, Severity.ADVISORY)
    errors = select_verdicts(run, Outcome.ERROR, Severity.ADVISORY)
    return (
        f"advisory only and missed: {join_verdict_names(misses)}" if misses else "",
        f"advisory only and not told: {join_verdict_names(errors)}" if errors else "",
    )


def _count_notices(run: Run) -> str:
    return f"with {format_count(len(run.notices), 'notice')}" if run.notices else ""


def _join_parts(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
