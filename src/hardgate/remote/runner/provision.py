"""`hardgate runner`: one play over all hosts, and what each of them is worth afterwards."""

import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.verdict import Outcome
from hardgate.redaction import Redactor
from hardgate.remote.play import play_elsewhere
from hardgate.remote.runner.events import Hearing
from hardgate.remote.runner.headline import host_headline, opening, run_headline
from hardgate.remote.runner.report_json import to_bytes
from hardgate.remote.runner.report_junit import junit
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.runner.result import DIRECT, HostReport, conclude
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.folder import Folder, folder_of, open_folder
from hardgate.report.terminal_summary import Tone, closing, tone_of_code

PLAYBOOK = "runner.yml"
GATE = "t4"
"""The folder of the gate's own reports below a host's."""


def enrol(request: RunnerRequest, console: Console) -> ExitCode:
    """Make hosts runners, prove it, and report; a host that nobody saw is not green."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    console.redactor = Redactor().with_values(request.secrets.values())
    folder = open_folder(request.out, run_id, session="runner")
    console.line(opening(request, run_id))
    hearing = Hearing(request.hosts, console)
    broken = play_elsewhere(
        PLAYBOOK,
        lambda source: variables(request, source, folder.path.resolve()),
        inventory=request.inventory,
        run_id=run_id,
        on_event=hearing.hear,
    )
    hearing.close()
    seconds = time.monotonic() - begun
    run = RunnerRun(
        id=run_id,
        started_at=started_at,
        seconds=seconds,
        hosts=tuple(
            conclude(one, request, run_id=run_id, started_at=started_at, seconds=seconds)
            for one in hearing.seen.values()
        ),
        changed=tuple(one.name for one in hearing.seen.values() if one.changed),
        interrupted=broken.interrupted,
        problem=broken.problem,
    )
    for host in run.hosts:
        _write(host, run, folder, console)
    folder.point_latest()
    _close(run, folder, console)
    return run.exit_code


def variables(request: RunnerRequest, source: Path, reports: Path) -> dict[str, Any]:
    """Give the playbook its variables."""
    return {
        "runner_state": "present",
        "remote_gate_source": str(source),
        "remote_gate_words": ["--host", DIRECT, *request.words],
        "host_reports": {name: str(reports / folder_of(name) / GATE) for name in request.hosts},
        **request.secrets,
    }


def _write(host: HostReport, run: RunnerRun, folder: Folder, console: Console) -> None:
    """Write a host's reports, each whole or not at all."""
    path = folder.path / folder_of(host.name)
    path.mkdir(exist_ok=True)
    replace_file(path / "summary.json", to_bytes(host, run, console.redactor))
    replace_file(path / "junit.xml", junit(host, run, console.redactor))


def _close(run: RunnerRun, folder: Folder, console: Console) -> None:
    """Tell of each host what broke, why, and what to do; the last line says it all."""
    for host in run.hosts:
        _close_host(host, console)
    if run.problem:
        for line in filter(None, (run.problem.problem, run.problem.remedy, run.problem.evidence)):
            console.line(line, Tone.BAD)
    console.line(f"Reports: {folder.path}")
    console.line(run_headline(run), tone_of_code(run.exit_code))


def _close_host(host: HostReport, console: Console) -> None:
    console.line("")
    for one in host.runs:
        if one.exit_code is not ExitCode.HELD and not one.problem:
            told = closing(one, console.clean, marks=console.mark_of, verbosity=-1, reports=None)
            for tone, line in told:
                console.line(line, tone)
    for line in _troubles(host):
        console.line(f"    {line}", Tone.UNSURE)
    for line in _misses(host):
        console.line(f"  {line}", Tone.BAD)
    for notice in host.notices:
        console.note(notice)
    console.line(host_headline(host), tone_of_code(host.exit_code))


def _troubles(host: HostReport) -> Iterator[str]:
    """Yield why nobody could tell, each once."""
    told = [
        part
        for error in (host.error, host.trouble)
        if error
        for part in (error.problem, error.remedy, error.evidence)
    ]
    for part in dict.fromkeys(filter(None, told)):
        yield from part.splitlines()


def _misses(host: HostReport) -> Iterator[str]:
    """Yield what the gate there saw not to hold."""
    for told in host.said.verdicts if host.said else ():
        if told.outcome is not Outcome.PASS:
            yield f"tier 4: {told.name}: {told.reason}"
