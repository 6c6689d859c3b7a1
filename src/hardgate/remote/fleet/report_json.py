"""`fleet.json`, for programs: the whole matrix, in a shape that stays (docs/fleet.md).

`fleet.schema.json` beside this module says the same as JSON Schema. Within one schema version keys
are added, never taken away or given another meaning.
"""

import json
from pathlib import Path
from typing import Any

from hardgate import __version__
from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import fleet_headline
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, ImageStatus
from hardgate.report.contract_json import make_contract_json
from hardgate.text.headline import exit_code_word

FLEET_SCHEMA_VERSION = 1
FLEET_SCHEMA_FILE = Path(__file__).with_name("fleet.schema.json")


def encode_fleet_summary(run: FleetRun, redactor: Redactor) -> bytes:
    """Write the file."""
    text = json.dumps(redactor.redact_value(summarize_fleet(run)), indent=2, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "replace")


def summarize_fleet(run: FleetRun) -> dict[str, Any]:
    """Tell the run as JSON values, the outcome first."""
    return {
        "headline": fleet_headline(run),
        "outcome": exit_code_word(run.exit_code).lower(),
        "exit_code": int(run.exit_code),
        "contract": make_contract_json(run.contract),
        "error": _error_json(run.problem),
        "notices": list(run.notices),
        "hosts": list(run.hosts),
        "host_kind": run.host_kind,
        "images": [_fleet_image_json(image) for image in run.images],
        "standings": [_status_json(status) for status in run.standings],
        "id": run.id,
        "started_at": run.started_at,
        "seconds": round(run.seconds, 3),
        "hardgate": __version__,
        "schema_version": FLEET_SCHEMA_VERSION,
    }


def _fleet_image_json(image: FleetImage) -> dict[str, Any]:
    return {
        "reference": image.reference,
        "contract": make_contract_json(image.plan.contract),
        "hosts": list(image.hosts),
        "stale": [lack.sentence for lack in image.stale_reasons],
    }


def _status_json(status: ImageStatus) -> dict[str, Any]:
    gate_summary = status.gate_summary
    return {
        "image": status.image.reference,
        "host": status.host,
        "state": status.state.value,
        "stale": [lack.sentence for lack in status.stale_reasons],
        "error": _error_json(status.error),
        "gate": None
        if gate_summary is None
        else {
            "exit_code": int(gate_summary.exit_code),
            "headline": gate_summary.headline,
            "run": gate_summary.run,
            "digest": gate_summary.digest,
            "engine": gate_summary.engine,
            "seconds": gate_summary.seconds,
            "notices": list(gate_summary.notices),
        },
        "reports": status.reports,
        "cells": [_cell_json(cell) for cell in status.make_cells()],
    }


def _error_json(error: HardgateError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"problem": error.problem, "remedy": error.remedy, "evidence": error.evidence}


def _cell_json(cell: Cell) -> dict[str, str]:
    return {
        "name": cell.name,
        "kind": cell.kind.value,
        "severity": cell.severity.value,
        "mark": cell.mark.value,
        "reason": cell.reason,
        "remedy": cell.remedy,
    }
