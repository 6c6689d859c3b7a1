"""The first and the last line of a fleet's reports."""

from collections.abc import Sequence
from typing import assert_never

from hardgate.errors import ExitCode
from hardgate.model.contract import Contract
from hardgate.remote.fleet.request import FleetRequest
from hardgate.remote.fleet.result import FleetRun, names
from hardgate.remote.fleet.status import Standing, State
from hardgate.report.headline import NAMED, colour_word, count
from hardgate.text.plain import one_line

DIGITS = 12
"""Of a sha256, where a person reads it."""


def opening(asked: FleetRequest | FleetRun, run_id: str) -> str:
    """Say by what is judged, and where. The hash comes last, for a terminal may break the line."""
    return one_line(
        f"hardgate fleet: contract {contract_words(asked.wanted)}; "
        f"{count(len(asked.images), 'image')}, {count(len(asked.hosts), 'host')}; "
        f"{asked.host_kind} test hosts; run {run_id}; sha256:{asked.wanted.sha256}"
    )


def contract_words(contract: Contract) -> str:
    """Name a contract, its version and what it counts."""
    counted = count(len(contract.capabilities), "capability")
    return f"{contract.origin} v{contract.version}, {counted}"


def short_sha256(contract: Contract) -> str:
    """Give as much of its hash as a person compares."""
    return contract.sha256[:DIGITS]


def headline(run: FleetRun) -> str:
    """Say what came of it, in one line that cannot be misread."""
    code = run.exit_code
    return one_line(f"HARDGATE FLEET {colour_word(code)}: {_story(run)} (exit {int(code)})")


def _story(run: FleetRun) -> str:
    match run.exit_code:
        case ExitCode.HELD:
            return f"{_held(run)} are green, by {contract_words(run.wanted)}"
        case ExitCode.BROKEN | ExitCode.UNKNOWN | ExitCode.MISUSED:
            return _not_green(run)
        case ExitCode.INTERRUPTED | ExitCode.TERMINATED:
            return f"the fleet was stopped; until then {_held(run)} were green. {_not_green(run)}"
        case _:
            assert_never(run.exit_code)


def _held(run: FleetRun) -> str:
    green = len(run.pick(State.GREEN))
    hosts = len({standing.host for standing in run.standings})
    return (
        f"{green} of {count(len(run.standings), 'gate')} "
        f"({count(len(run.images), 'image')}, {count(hosts, 'host')})"
    )


def _not_green(run: FleetRun) -> str:
    total = len(run.standings)
    parts = [
        f"{len(found)} of {total} {words}: {_listed(found)}"
        for state, words in (
            (State.RED, "red"),
            (State.STALE, "stale"),
            (State.UNKNOWN, "of which nobody could tell"),
        )
        if (found := run.pick(state))
    ]
    if run.problem:
        parts.append(run.problem.problem.rstrip("."))
    return "; ".join(parts) or "nothing was looked at"


def _listed(standings: Sequence[Standing]) -> str:
    rest = len(standings) - NAMED
    return names(standings[:NAMED]) + (f" and {rest} more" if rest > 0 else "")
