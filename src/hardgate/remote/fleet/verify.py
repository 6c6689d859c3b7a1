"""`hardgate fleet`: one play over all hosts, and what its gates came to."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, HardgateError
from hardgate.remote.fleet.events import Hearing
from hardgate.remote.fleet.folder import open_fleet_folder, write_reports
from hardgate.remote.fleet.headline import headline, opening
from hardgate.remote.fleet.report_markdown import STATES
from hardgate.remote.fleet.request import FleetImage, FleetRequest
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Standing, State
from hardgate.remote.play import play_elsewhere
from hardgate.report.console import Console
from hardgate.report.folder import folder_of
from hardgate.report.terminal_summary import Tone
from hardgate.text.plain import one_line

PLAYBOOK = "fleet.yml"
STOPPED = HardgateError("The fleet was stopped before its gate had answered.")
TONES = {State.GREEN: Tone.GOOD, State.RED: Tone.BAD}


def run_fleet(request: FleetRequest, console: Console) -> ExitCode:
    """Verify all images where they run, and write the reports, whatever happens."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    folder = open_fleet_folder(request.out, run_id)
    _forget(request, folder.path)
    console.line(opening(request, run_id))
    hearing = Hearing(request, lambda standing: _tell(standing, console))
    with console.step("Verify the images where they run"):
        broken = play_elsewhere(
            PLAYBOOK,
            lambda source: dict(variables(request, source, folder.path.resolve())),
            inventory=request.inventory,
            run_id=run_id,
            on_event=hearing.hear,
        )
    run = FleetRun(
        id=run_id,
        started_at=started_at,
        seconds=time.monotonic() - begun,
        wanted=request.wanted,
        host_kind=request.host_kind,
        hosts=request.hosts,
        images=request.images,
        standings=hearing.standings(STOPPED if broken.interrupted else broken.problem),
        remarks=tuple(hearing.remarks),
        interrupted=broken.interrupted,
        problem=broken.problem,
    )
    write_reports(run, folder, console.redactor)
    _close(run, folder.path, console)
    return run.exit_code


def _forget(request: FleetRequest, reports: Path) -> None:
    """Remove what an earlier run fetched into this folder, so that nothing old is taken for new."""
    for image in request.images:
        for host in image.hosts:
            for name in ("summary.json", "junit.xml"):
                file = reports / folder_of(host) / folder_of(image.reference) / name
                file.unlink(missing_ok=True)


def _tell(standing: Standing, console: Console) -> None:
    if console.verbosity < 0 and standing.state is State.GREEN:
        return
    where = f"{standing.image.reference} on {standing.host}"
    error = standing.error
    why = error.problem if error else standing.said.headline if standing.said else ""
    tone = TONES.get(standing.state, Tone.UNSURE)
    console.line(f"  {STATES[standing.state]}  {one_line(where)}", tone)
    console.say(f"    {why}")


def variables(request: FleetRequest, source: Path, reports: Path) -> Iterator[tuple[str, Any]]:
    """Give the role fleet its variables."""
    yield "fleet_source", str(source)
    yield "fleet_user", request.user
    yield "fleet_reports", str(reports)
    yield "fleet_folders", {host: folder_of(host) for host in request.hosts}
    yield "fleet_words", ["--host", request.host_kind, *request.words]
    yield "fleet_images", [_image(*numbered) for numbered in enumerate(request.images)]


def _image(number: int, image: FleetImage) -> dict[str, Any]:
    return {
        "number": number,
        "reference": image.reference,
        "folder": folder_of(image.reference),
        "contract": str(image.contract_file.resolve()),
        "sha256": image.plan.contract.sha256,
        "hosts": list(image.hosts),
    }


def _close(run: FleetRun, folder: Path, console: Console) -> None:
    """Tell what must not be missed; the last line says what it is worth."""
    for host in dict.fromkeys(one.host for one in run.standings if one.said is None):
        troubles = (one.error for one in run.standings if one.host == host and one.said is None)
        for problem in dict.fromkeys(error.problem for error in troubles if error):
            console.say(f"{host}: {problem}")
    for image in run.images:
        for lack in image.lacks:
            console.say(f"Stale: {image.reference}: {lack.sentence}")
    for notice in run.notices:
        console.note(notice)
    if console.verbosity >= 0:
        console.line(f"Reports: {folder}")
    tone = {ExitCode.HELD: Tone.GOOD, ExitCode.BROKEN: Tone.BAD}.get(run.exit_code, Tone.UNSURE)
    console.line(headline(run), tone)
