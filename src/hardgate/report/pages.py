"""The pages of sessions, of hosts and of fleets: each made from the JSON that lies beside it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hardgate.errors import ExitCode
from hardgate.report.html import render_document, strip_json_control_codes
from hardgate.text.headline import exit_code_word

Document = Mapping[str, Any]
FLEET_OUTCOMES = {"green": "pass", "red": "fail", "stale": "stale", "unknown": "error"}
FLEET_ORDER = ("stale", "red", "unknown", "green")
"""What somebody has to act on comes first."""
MAX_FLEET_CAUSES = 3
"""Above the matrix, which has to stay near the first screen."""


def render_session_html(answer: Document) -> str:
    """Write the page of a session, from its answer.json."""
    run = strip_json_control_codes(answer)
    return render_document(
        "checks.html.j2",
        {**run, "outcome": exit_code_word(ExitCode(run["exit_code"])).lower()},
        subject=run["session"],
        ids={check["name"]: f"check-{number}" for number, check in enumerate(run["points"], 1)},
    )


def render_host_html(summary: Document) -> str:
    """Write the page of a host that is to be a runner, from its summary.json."""
    run = strip_json_control_codes(summary)
    return render_document("runner.html.j2", run, subject=f"runner {run['host']}")


def render_fleet_html(summary: Document) -> str:
    """Write the page of a fleet, from its fleet.json."""
    run = strip_json_control_codes(summary)
    standings = list(_number_standings(run["standings"]))
    return render_document(
        "fleet.html.j2",
        run,
        subject=f"fleet {run['id']}",
        rows=_matrix_rows(run, standings),
        standings=sorted(standings, key=lambda one: FLEET_ORDER.index(one["state"])),
        causes=_group_misses(standings),
        shown_causes=MAX_FLEET_CAUSES,
    )


def _group_misses(standings: Sequence[Document]) -> list[dict[str, Any]]:
    """Group what red images miss by promise, reason and remedy; what breaks most comes first."""
    groups: dict[tuple[str, str, str], list[Document]] = {}
    for standing in standings:
        for cell in standing["cells"] if standing["state"] == "red" else ():
            if cell["mark"] == "missed":
                key = (cell["name"], cell["reason"], cell["remedy"])
                groups.setdefault(key, []).append(standing)
    causes = [
        {"name": name, "reason": reason, "remedy": remedy, "standings": broken}
        for (name, reason, remedy), broken in groups.items()
    ]
    return sorted(causes, key=lambda cause: -len(cause["standings"]))


def _number_standings(standings: Sequence[Document]) -> Iterator[dict[str, Any]]:
    for number, one in enumerate(standings, start=1):
        error, gate = one["error"], one["gate"]
        why = (
            error["problem"]
            if error
            else "; ".join(one["stale"]) or (gate or {}).get("headline", "")
        )
        yield {**one, "number": number, "outcome": FLEET_OUTCOMES[one["state"]], "why": why}


def _matrix_rows(run: Document, standings: Sequence[Document]) -> list[dict[str, Any]]:
    """Make a row for each image, with a cell for each host; the worst first."""
    by_place = {(one["image"], one["host"]): one for one in standings}
    rows = []
    for image in run["images"]:
        cells = [by_place.get((image["reference"], host)) for host in run["hosts"]]
        states = [cell["state"] for cell in cells if cell]
        worst = min(states, key=FLEET_ORDER.index, default="unknown")
        outcome = FLEET_OUTCOMES[worst]
        rows.append(
            {"reference": image["reference"], "cells": cells, "worst": worst, "outcome": outcome}
        )
    return sorted(rows, key=lambda row: FLEET_ORDER.index(row["worst"]))
