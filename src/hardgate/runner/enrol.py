"""`hardgate runner`: one play over all hosts, and what each of them is worth afterwards."""

import secrets
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, HardgateError
from hardgate.guarded_folder import guarded_folder
from hardgate.interruption import Interrupted, signals_raised
from hardgate.owner import Owner, Process
from hardgate.playbook import play, unsafe
from hardgate.redact import Redactor
from hardgate.report.closing import Tone, closing, tone_of_code
from hardgate.report.console import Console
from hardgate.report.folder import Folder, folder_of, open_folder
from hardgate.report.replace import replace_file
from hardgate.report.runner.headline import host_headline, opening, run_headline
from hardgate.report.runner.junit import junit
from hardgate.report.runner.summary import to_bytes
from hardgate.runner.hearing import Hearing
from hardgate.runner.host_report import DIRECT, HostReport, conclude
from hardgate.runner.request import RunnerRequest
from hardgate.runner.run import RunnerRun
from hardgate.source import pack_source
from hardgate.verdict import Outcome

PLAYBOOK = "runner.yml"
GATE = "t4"
"""The folder of the gate's own reports below a host's."""
LIFE_SECONDS = 24 * 3600
"""After these what the run left here is debris, whatever it does."""


def enrol(request: RunnerRequest, console: Console) -> ExitCode:
    """Make hosts runners, prove it, and report; a host that nobody saw is not green."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    owner = Owner(run=run_id, process=Process.current(), deadline=int(time.time()) + LIFE_SECONDS)
    console.redactor = Redactor().with_values(request.secrets.values())
    folder = open_folder(request.out, run_id, session="runner")
    console.line(opening(request, run_id))
    course = _Course(request=request, console=console)
    with signals_raised():
        course.go(owner, folder.path.resolve())
    run = course.run(run_id, started_at, time.monotonic() - begun)
    for host in run.hosts:
        _write(host, run, folder, console)
    folder.point_latest()
    _close(run, folder, console)
    return run.exit_code


@dataclass(kw_only=True)
class _Course:
    """What is known so far."""

    request: RunnerRequest
    console: Console
    hearing: Hearing = field(init=False)
    interrupted: ExitCode | None = None
    problem: HardgateError | None = None

    def __post_init__(self) -> None:
        self.hearing = Hearing(self.request.hosts, self.console)

    def go(self, owner: Owner, reports: Path) -> None:
        """Play, and keep what went wrong with the play as a whole."""
        try:
            with guarded_folder(owner) as folder:
                source = folder / "source.tar"
                pack_source(source)
                values = variables(self.request, source, reports)
                play(
                    PLAYBOOK,
                    {key: unsafe(value) for key, value in values.items()},
                    inventory=self.request.inventory,
                    on_event=self.hearing.hear,
                    directory=folder,
                )
        except Interrupted as interruption:
            self.interrupted = interruption.exit_code
        except HardgateError as error:
            self.problem = error
        except Exception as error:
            self.problem = HardgateError(
                f"Hardgate itself failed: {type(error).__name__}: {error}.",
                "Please report it, with the evidence.",
                evidence=traceback.format_exc(),
            )
        finally:
            self.hearing.close()

    def run(self, run_id: str, started_at: str, seconds: float) -> RunnerRun:
        """Conclude."""
        seen = self.hearing.seen.values()
        return RunnerRun(
            id=run_id,
            started_at=started_at,
            seconds=seconds,
            hosts=tuple(
                conclude(one, self.request, run_id=run_id, started_at=started_at, seconds=seconds)
                for one in seen
            ),
            changed=tuple(one.name for one in seen if one.changed),
            interrupted=self.interrupted,
            problem=self.problem,
        )


def variables(request: RunnerRequest, source: Path, reports: Path) -> dict[str, Any]:
    """Give the playbook its variables."""
    return {
        "runner_state": "absent" if request.remove else "present",
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
