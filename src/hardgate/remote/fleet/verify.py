"""`hardgate fleet`: one play over all hosts, and what its gates came to."""

import secrets
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, HardgateError
from hardgate.remote.fleet.closing import make_fleet_block
from hardgate.remote.fleet.events import FleetEventHandler
from hardgate.remote.fleet.folder import open_fleet_folder, write_fleet_reports
from hardgate.remote.fleet.headline import fleet_opening
from hardgate.remote.fleet.report_markdown import label_state, make_fleet_markdown
from hardgate.remote.fleet.request import FleetImage, FleetRequest
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import ImageState, ImageStatus
from hardgate.remote.play import play_on_hosts
from hardgate.report.console import Console
from hardgate.report.folder import make_folder_name
from hardgate.text.plain import one_line

PLAYBOOK = "fleet.yml"
GROUP_TITLE = "Steps, and each image on each host"
STOPPED_ERROR = HardgateError("The fleet was stopped before its gate had answered.")


def run_fleet(request: FleetRequest, console: Console) -> ExitCode:
    """Verify all images where they run, and write the reports, whatever happens."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    folder = open_fleet_folder(request.out, run_id)
    _remove_old_reports(request, folder.path)
    console.print_line(fleet_opening(request, run_id))
    console.open_group(GROUP_TITLE, run_id)
    handler = FleetEventHandler(request, lambda status: _print_image_status(status, console))
    with console.step("Verify the images where they run"):
        failure = play_on_hosts(
            PLAYBOOK,
            lambda source: dict(make_fleet_variables(request, source, folder.path.resolve())),
            inventory=request.inventory,
            run_id=run_id,
            on_event=handler.handle_event,
        )
    run = FleetRun(
        id=run_id,
        started_at=started_at,
        seconds=time.monotonic() - begun,
        contract=request.contract,
        host_kind=request.host_kind,
        hosts=request.hosts,
        images=request.images,
        standings=handler.collect_statuses(
            STOPPED_ERROR if failure.interrupted else failure.problem
        ),
        remarks=tuple(handler.remarks),
        interrupted=failure.interrupted,
        problem=failure.problem,
    )
    write_fleet_reports(run, folder, console.redactor, request.formats)
    request.publish_summary(make_fleet_markdown(run, console.redactor))
    print_fleet_run(run, folder.path, console)
    return run.exit_code


def _remove_old_reports(request: FleetRequest, reports: Path) -> None:
    """Remove what an earlier run fetched into this folder, so that nothing old is taken for new."""
    for image in request.images:
        for host in image.hosts:
            for name in ("summary.json", "junit.xml"):
                file = reports / make_folder_name(host) / make_folder_name(image.reference) / name
                file.unlink(missing_ok=True)


def _print_image_status(status: ImageStatus, console: Console) -> None:
    if console.verbosity < 0 and status.state is ImageState.GREEN:
        return
    where = f"{status.image.reference} on {status.host}"
    error = status.error
    why = error.problem if error else status.gate_summary.headline if status.gate_summary else ""
    label = label_state(status.state)
    console.print_line(f"  {label}  {one_line(where)}", status.state.mark.tone)
    console.print_text(f"    {why}")


def make_fleet_variables(
    request: FleetRequest, source: Path, reports: Path
) -> Iterator[tuple[str, Any]]:
    """Give the role fleet its variables."""
    yield "fleet_source", str(source)
    yield "fleet_user", request.user
    yield "fleet_reports", str(reports)
    yield "fleet_folders", {host: make_folder_name(host) for host in request.hosts}
    yield "fleet_words", ["--host", request.host_kind, *request.gate_arguments]
    yield "fleet_images", _list_images_by_host(request.images)


def _list_images_by_host(images: Sequence[FleetImage]) -> dict[str, list[dict[str, Any]]]:
    """Give each host what is for it, in the order of the list."""
    found: dict[str, list[dict[str, Any]]] = {}
    for number, image in enumerate(images):
        described = _describe_image(number, image)
        for host in image.hosts:
            found.setdefault(host, []).append(described)
    return found


def _describe_image(number: int, image: FleetImage) -> dict[str, Any]:
    return {
        "number": number,
        "reference": image.reference,
        "folder": make_folder_name(image.reference),
        "contract": str(image.contract_file.resolve()),
        "sha256": image.plan.contract.sha256,
    }


def print_fleet_run(run: FleetRun, folder: Path, console: Console) -> None:
    """Tell what must not be missed; the last line says what it is worth."""
    console.print_closing_block(make_fleet_block(run, console), reports=folder)
