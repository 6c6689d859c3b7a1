"""`fleet.json`, for programs: the whole matrix, in a shape that stays (docs/fleet.md).

`fleet.schema.json` beside this module says the same as JSON Schema. Within one schema version keys
are added, never taken away or given another meaning.
"""

import json
from pathlib import Path
from typing import Any

from hardgate import __version__
from hardgate.errors import HardgateError
from hardgate.model.contract import Contract
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import headline
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, Standing
from hardgate.report.headline import colour_word

SCHEMA_VERSION = 1
SCHEMA = Path(__file__).with_name("fleet.schema.json")


def to_bytes(run: FleetRun, redactor: Redactor) -> bytes:
    """Write the file."""
    text = json.dumps(redactor.value(summary(run)), indent=2, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def summary(run: FleetRun) -> dict[str, Any]:
    """Tell the run as JSON values, the outcome first."""
    return {
        "headline": headline(run),
        "outcome": colour_word(run.exit_code).lower(),
        "exit_code": int(run.exit_code),
        "contract": _contract(run.wanted),
        "error": _error(run.problem),
        "notices": list(run.notices),
        "hosts": list(run.hosts),
        "host_kind": run.host_kind,
        "images": [_image(image) for image in run.images],
        "standings": [_standing(standing) for standing in run.standings],
        "id": run.id,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "hardgate": __version__,
        "schema_version": SCHEMA_VERSION,
    }


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "origin": contract.origin,
        "version": contract.version,
        "sha256": contract.sha256,
        "count": len(contract.capabilities),
    }


def _image(image: FleetImage) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "contract": _contract(image.plan.contract),
        "hosts": list(image.hosts),
        "stale": [lack.sentence for lack in image.lacks],
    }


def _standing(standing: Standing) -> dict[str, Any]:
    said = standing.said
    return {
        "image": standing.image.reference,
        "host": standing.host,
        "state": standing.state.value,
        "stale": [lack.sentence for lack in standing.lacks],
        "error": _error(standing.error),
        "gate": None
        if said is None
        else {
            "exit_code": int(said.exit_code),
            "headline": said.headline,
            "run": said.run,
            "digest": said.digest,
            "engine": said.engine,
            "seconds": said.seconds,
            "notices": list(said.notices),
        },
        "reports": standing.reports,
        "cells": [_cell(cell) for cell in standing.cells()],
    }


def _error(error: HardgateError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"problem": error.problem, "remedy": error.remedy, "evidence": error.evidence}


def _cell(cell: Cell) -> dict[str, str]:
    return {
        "name": cell.name,
        "kind": cell.kind.value,
        "severity": cell.severity.value,
        "mark": cell.mark.name.lower(),
        "reason": cell.reason,
        "remedy": cell.remedy,
    }
