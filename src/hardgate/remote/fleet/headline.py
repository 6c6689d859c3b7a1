"""The first and the last line of a fleet's reports."""

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from hardgate.errors import ExitCode
from hardgate.remote.fleet.request import FleetRequest
from hardgate.remote.fleet.result import FleetRun, format_locations
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.report.contract_json import make_contract_json
from hardgate.report.headline import MAX_LISTED_NAMES
from hardgate.text.headline import Headline
from hardgate.text.plain import format_count, one_line

SHORT_SHA256_DIGITS = 12
"""Of a sha256, where a person reads it."""


def fleet_opening(request: FleetRequest | FleetRun, run_id: str) -> str:
    """Say by what is judged, and where. The hash comes last, for a terminal may break the line."""
    return format_fleet_opening(
        {
            "contract": make_contract_json(request.contract),
            "images": request.images,
            "hosts": request.hosts,
            "host_kind": request.host_kind,
            "id": run_id,
        }
    )


def format_fleet_opening(fleet: Mapping[str, Any]) -> str:
    """Say it by what `fleet.json` has."""
    return one_line(
        f"hardgate fleet: contract {describe_contract(fleet['contract'])}; "
        f"{format_count(len(fleet['images']), 'image')}, "
        f"{format_count(len(fleet['hosts']), 'host')}; "
        f"{fleet['host_kind']} test hosts; run {fleet['id']}; sha256:{fleet['contract']['sha256']}"
    )


def describe_contract(contract: Mapping[str, Any]) -> str:
    """Name a contract, its version and what it counts."""
    counted = format_count(contract["count"], "capability")
    return f"{contract['origin']} v{contract['version']}, {counted}"


def shorten_sha256(contract: Mapping[str, Any]) -> str:
    """Give as much of its hash as a person compares."""
    return str(contract["sha256"])[:SHORT_SHA256_DIGITS]


def fleet_headline(run: FleetRun) -> str:
    """Say what came of it, in one line that cannot be misread."""
    return str(Headline(subject="FLEET", exit_code=run.exit_code, story=_fleet_story(run)))


def _fleet_story(run: FleetRun) -> str:
    match run.exit_code:
        case ExitCode.HELD:
            contract = describe_contract(make_contract_json(run.contract))
            return f"{_count_green(run)} are green, by {contract}"
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
