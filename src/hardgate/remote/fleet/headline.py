"""The first and the last line of a fleet's reports."""

from collections.abc import Sequence
from typing import assert_never

from hardgate.errors import ExitCode
from hardgate.model.contract import Contract
from hardgate.remote.fleet.request import FleetRequest
from hardgate.remote.fleet.result import FleetRun, format_locations
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.report.headline import MAX_LISTED_NAMES
from hardgate.text.headline import Headline
from hardgate.text.plain import format_count, one_line

SHORT_SHA256_DIGITS = 12
"""Of a sha256, where a person reads it."""


def fleet_opening(request: FleetRequest | FleetRun, run_id: str) -> str:
    """Say by what is judged, and where. The hash comes last, for a terminal may break the line."""
    return one_line(
        f"hardgate fleet: contract {describe_contract(request.contract)}; "
        f"{format_count(len(request.images), 'image')}, "
        f"{format_count(len(request.hosts), 'host')}; "
        f"{request.host_kind} test hosts; run {run_id}; sha256:{request.contract.sha256}"
    )


def describe_contract(contract: Contract) -> str:
    """Name a contract, its version and what it counts."""
    counted = format_count(len(contract.capabilities), "capability")
    return f"{contract.origin} v{contract.version}, {counted}"


def shorten_sha256(contract: Contract) -> str:
    """Give as much of its hash as a person compares."""
    return contract.sha256[:SHORT_SHA256_DIGITS]


def fleet_headline(run: FleetRun) -> str:
    """Say what came of it, in one line that cannot be misread."""
    return str(Headline(subject="FLEET", exit_code=run.exit_code, story=_fleet_story(run)))


def _fleet_story(run: FleetRun) -> str:
    match run.exit_code:
        case ExitCode.HELD:
            return f"{_count_green(run)} are green, by {describe_contract(run.contract)}"
        case ExitCode.BROKEN | ExitCode.UNKNOWN | ExitCode.MISUSED:
            return _describe_not_green(run)
        case ExitCode.INTERRUPTED | ExitCode.TERMINATED:
            return (
                f"the fleet was stopped; until then {_count_green(run)} were green. "
                f"{_describe_not_green(run)}"
            )
        case _:
            assert_never(run.exit_code)


def _count_green(run: FleetRun) -> str:
    green = len(run.with_state(ImageState.GREEN))
    hosts = len({status.host for status in run.standings})
    return (
        f"{green} of {format_count(len(run.standings), 'gate')} "
        f"({format_count(len(run.images), 'image')}, {format_count(hosts, 'host')})"
    )


def _describe_not_green(run: FleetRun) -> str:
    total = len(run.standings)
    parts = [
        f"{len(statuses)} of {total} {label}: {_list_statuses(statuses)}"
        for state, label in (
            (ImageState.RED, "red"),
            (ImageState.STALE, "stale"),
            (ImageState.UNKNOWN, "of which nobody could tell"),
        )
        if (statuses := run.with_state(state))
    ]
    if run.problem:
        parts.append(run.problem.problem.rstrip("."))
    return "; ".join(parts) or "nothing was looked at"


def _list_statuses(statuses: Sequence[ImageStatus]) -> str:
    rest = len(statuses) - MAX_LISTED_NAMES
    return format_locations(statuses[:MAX_LISTED_NAMES]) + (f" and {rest} more" if rest > 0 else "")
