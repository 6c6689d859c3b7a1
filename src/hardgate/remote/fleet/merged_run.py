"""`hardgate fleet --merge`: the reports of several runs, such as a CI matrix's, as those of one."""

import contextlib
import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Contract
from hardgate.remote.fleet.folder import open_fleet_folder, write_fleet_reports
from hardgate.remote.fleet.headline import fleet_opening
from hardgate.remote.fleet.merge import (
    MAX_JSON_BYTES,
    FleetPart,
    MergedStatuses,
    find_part_problem,
    merge_statuses,
)
from hardgate.remote.fleet.report_markdown import make_fleet_markdown
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.verify import print_fleet_run
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.job_summary import PublishSummary, append_job_summary
from hardgate.system.regular_file import read_regular_file

GATE_REPORTS = ("summary.json", "junit.xml")


@dataclass(frozen=True, kw_only=True)
class MergeRequest:
    """What is merged, and by what it counts."""

    parts: tuple[FleetPart, ...]
    contract: Contract
    """The fleet's: who was verified by less is stale."""
    images: tuple[FleetImage, ...]
    hosts: tuple[str, ...]
    is_complete: bool
    """The hosts are those of an inventory, so that a result that nobody has is missed."""
    out: Path | None
    formats: tuple[str, ...] = ()
    """Of the reports; all of them where it is empty."""
    publish_summary: PublishSummary = append_job_summary


def merge_fleet(request: MergeRequest, console: Console) -> ExitCode:
    """Write the reports of all runs together, and give what they are worth."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    folder = open_fleet_folder(request.out, run_id)
    merged = merge_statuses(request.images, request.parts)
    run = make_merged_run(request, merged, run_id=run_id, started_at=started_at)
    console.print_line(fleet_opening(run, run_id))
    _copy_gate_reports(merged, folder.path)
    run = replace(run, seconds=time.monotonic() - begun)
    write_fleet_reports(run, folder, console.redactor, request.formats)
    request.publish_summary(make_fleet_markdown(run, console.redactor))
    print_fleet_run(run, folder.path, console)
    return run.exit_code


def make_merged_run(
    request: MergeRequest, merged: MergedStatuses, *, run_id: str, started_at: str
) -> FleetRun:
    """Make one run of all."""
    names = ", ".join(f"{part.id} ({part.started_at.isoformat()})" for part in request.parts)
    remarks = [f"These are the results of {len(request.parts)} runs: {names}."]
    if not request.is_complete:
        remarks.append(
            "Which image belongs on which host is as the merged runs say. With '-i' it is compared "
            "with an inventory."
        )
    return FleetRun(
        id=run_id,
        started_at=started_at,
        seconds=0.0,
        contract=request.contract,
        host_kind=request.parts[0].host_kind,
        hosts=request.hosts,
        images=request.images,
        standings=merged.statuses,
        remarks=(*remarks, *merged.remarks),
        problem=find_part_problem(request.parts),
    )


def _copy_gate_reports(merged: MergedStatuses, folder: Path) -> None:
    """Lay the reports of each gate that counts beside the fleet's own."""
    for status in merged.statuses:
        if status.gate_summary is None:
            continue
        source = merged.folders[status.image.reference, status.host]
        target = folder / status.reports
        if target.resolve() == source.resolve():
            continue
        target.mkdir(parents=True, exist_ok=True)
        for name in GATE_REPORTS:
            (target / name).unlink(missing_ok=True)
            with contextlib.suppress(OSError, HardgateError):  # the fleet's own reports have all
                replace_file(target / name, read_regular_file(source / name, MAX_JSON_BYTES))
