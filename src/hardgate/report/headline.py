"""The first and the last line of every report: what was looked at, and what came of it."""

from collections.abc import Iterable
from typing import assert_never

from hardgate.diagnosis.root_cause import root_causes
from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Run
from hardgate.model.verdict import Kind, Outcome, Verdict
from hardgate.text.plain import one_line

NAMED = 5
"""Names that a headline lists before it counts the rest."""


def opening(plan: Plan, *, host: str, run_id: str) -> str:
    """Say by what is judged, and where; `host` is a `place`.

    The hash comes last, for a terminal may break the line.
    """
    contract = plan.contract
    return one_line(
        f"hardgate {plan.title}: contract {contract.origin} v{contract.version}, "
        f"{scope(plan)}; {host}; run {run_id}; sha256:{contract.sha256}"
    )


def place(host: Host | None) -> str:
    """Say where: `nested host`, or by its name the host that is itself looked at."""
    if host is None:
        return "no host"
    return f"host {host.name}" if host.name else f"{host.kind} host"


def scope(plan: Plan) -> str:
    """Say how much is looked at."""
    looked, all_of_them = len(plan.capabilities), len(plan.contract.capabilities)
    capabilities = (
        f"PARTIAL, {looked} of {count(all_of_them, 'capability')}"
        if plan.partial
        else count(all_of_them, "capability")
    )
    if plan.tier is None:
        return capabilities
    return f"{capabilities}, {count(len(plan.guards), 'guard')}"


def not_looked_at(plan: Plan) -> tuple[str, ...]:
    """Name the contract's capabilities that the run was told to leave out."""
    looked = {capability.name for capability in plan.capabilities}
    return tuple(
        capability.name
        for capability in plan.contract.capabilities
        if capability.name not in looked
    )


def colour_word(code: ExitCode) -> str:
    """Give the word that stands for an exit code, and for no other."""
    match code:
        case ExitCode.HELD:
            return "GREEN"
        case ExitCode.BROKEN:
            return "RED"
        case ExitCode.MISUSED:
            return "MISUSED"
        case ExitCode.UNKNOWN:
            return "UNKNOWN"
        case ExitCode.INTERRUPTED:
            return "INTERRUPTED"
        case ExitCode.TERMINATED:
            return "TERMINATED"
        case _:
            assert_never(code)


def headline(run: Run) -> str:
    """Say what came of it, in one line that cannot be misread."""
    code = run.exit_code
    return one_line(f"HARDGATE {colour_word(code)}: {_story(run)} (exit {int(code)})")


def count(number: int, noun: str) -> str:
    """Count in English: `1 guard`, `2 capabilities`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def names(verdicts: Iterable[Verdict]) -> str:
    """List names, as many as a line carries."""
    listed = [verdict.name for verdict in verdicts]
    rest = len(listed) - NAMED
    return ", ".join(listed[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def pick(run: Run, outcome: Outcome, severity: Severity) -> tuple[Verdict, ...]:
    """Pick the verdicts of one outcome and one severity."""
    return tuple(
        verdict
        for verdict in run.verdicts
        if verdict.outcome is outcome and verdict.severity is severity
    )


def _story(run: Run) -> str:
    match run.exit_code:
        case ExitCode.HELD:
            return _join(f"{_held(run)} held", *_advisory(run), _notices(run))
        case ExitCode.BROKEN:
            return _join(_broken(run), _untold(run))
        case ExitCode.MISUSED:
            return run.problem.rstrip(".") or "the contract or the command is wrong"
        case ExitCode.UNKNOWN:
            return _unknown(run)
        case ExitCode.INTERRUPTED | ExitCode.TERMINATED:
            missed = pick(run, Outcome.FAIL, Severity.HARD)
            return _join(
                f"the gate was stopped; until then {_held(run)} held",
                _broken(run) if missed else "",
            )
        case _:
            assert_never(run.exit_code)


def _broken(run: Run) -> str:
    missed = pick(run, Outcome.FAIL, Severity.HARD)
    if not missed:
        return run.problem.rstrip(".") or "something hard did not hold"
    return f"{_causes(run)}{_asked(run, missed)} did not hold: {names(missed)}"


def _causes(run: Run) -> str:
    """Count causes before misses, where some misses have one in common."""
    hard = [cause for cause in root_causes(run.verdicts) if cause.severity is Severity.HARD]
    shared = any(len(cause.verdicts) > 1 for cause in hard)
    return f"{count(len(hard), 'cause')}: " if shared else ""


def _unknown(run: Run) -> str:
    untold = pick(run, Outcome.ERROR, Severity.HARD)
    if run.problem:
        return f"nobody could tell. {run.problem.rstrip('.')}"
    if untold:
        return f"nobody could tell of {_asked(run, untold)}: {names(untold)}"
    if run.plan.partial:
        return f"nobody can tell from a part; {_held(run)} held, the rest was not looked at"
    return "nobody could tell; no hard capability was looked at"


def _held(run: Run) -> str:
    held = [verdict for verdict in run.verdicts if verdict.outcome is Outcome.PASS]
    guards = sum(verdict.kind is Kind.GUARD for verdict in held)
    capabilities = _of_capabilities(run, len(held) - guards)
    return f"{capabilities} and {_of_guards(run, guards)}" if run.plan.tier else capabilities


def _asked(run: Run, verdicts: tuple[Verdict, ...]) -> str:
    guards = sum(verdict.kind is Kind.GUARD for verdict in verdicts)
    capabilities = len(verdicts) - guards
    return " and ".join(
        [_of_capabilities(run, capabilities)] * bool(capabilities)
        + [_of_guards(run, guards)] * bool(guards)
    )


def _of_capabilities(run: Run, number: int) -> str:
    """Count against what the contract asks, not against what was looked at."""
    return f"{number} of {count(len(run.plan.contract.capabilities), 'capability')}"


def _of_guards(run: Run, number: int) -> str:
    return f"{number} of {count(len(run.plan.guards), 'guard')}"


def _untold(run: Run) -> str:
    untold = pick(run, Outcome.ERROR, Severity.HARD)
    return f"nobody could tell of {_asked(run, untold)}" if untold else ""


def _advisory(run: Run) -> tuple[str, str]:
    missed = pick(run, Outcome.FAIL, Severity.ADVISORY)
    untold = pick(run, Outcome.ERROR, Severity.ADVISORY)
    return (
        f"advisory only and missed: {names(missed)}" if missed else "",
        f"advisory only and not told: {names(untold)}" if untold else "",
    )


def _notices(run: Run) -> str:
    return f"with {count(len(run.notices), 'notice')} above" if run.notices else ""


def _join(*parts: str) -> str:
    return "; ".join(part for part in parts if part)
