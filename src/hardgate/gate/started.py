"""A gate from its start to its reports, whatever is done in between."""

import secrets
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hardgate.gate.conclusion import begin_run, conclude_run, open_event_stream, write_reports
from hardgate.gate.request import KEEP_SECONDS, LIFE_SECONDS, GateRequest
from hardgate.gate.state import RunState
from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.event_stream import EventStream
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.report.job_summary import print_annotations
from hardgate.report.markdown import render_run_markdown
from hardgate.report.run_diff import diff_runs
from hardgate.report.sarif import list_run_findings
from hardgate.report.summary_json import summarize_run
from hardgate.system.interruption import ignore_signals
from hardgate.system.ownership import Owner, ProcessIdentity


@dataclass(frozen=True, kw_only=True)
class StartedGate:
    """A gate that has a folder for its reports, and of which something is known by and by."""

    request: GateRequest
    console: Console
    owner: Owner
    folder: ReportFolder
    state: RunState
    started_at: str
    """ISO 8601, UTC."""
    stream: EventStream | None


def make_owner(request: GateRequest) -> Owner:
    """Give a run its id, and the time that it has."""
    return Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + (KEEP_SECONDS if request.keep else LIFE_SECONDS),
        keep=request.keep,
    )


def start_gate(request: GateRequest, console: Console, owner: Owner) -> StartedGate:
    """Say that a run begins: in its folder, and on the console."""
    begun, started_at = console.find_begin(), datetime.now(UTC).isoformat(timespec="seconds")
    console.redactor = Redactor().with_values(request.secrets)
    folder = open_report_folder(request.out, owner.run, session=request.plan.title)
    console.print_opening(request.plan, host=f"{request.host} host", run_id=owner.run)
    for warning in request.plan.contract.warnings:
        console.print_notice(warning)
    state = RunState(began=begun)
    stream = None
    if "jsonl" in request.formats:
        stream = open_event_stream(
            begin_run(request.plan, owner.run, started_at), folder, console, state, begun
        )
    return StartedGate(
        request=request,
        console=console,
        owner=owner,
        folder=folder,
        state=state,
        started_at=started_at,
        stream=stream,
    )


def conclude_gate(gate: StartedGate) -> Run:
    """Judge what was seen, and write the reports."""
    request, console, folder = gate.request, gate.console, gate.folder
    begun = gate.state.began
    run = conclude_run(request, gate.owner, console, gate.state, gate.started_at, begun)
    with ignore_signals():
        if request.baseline:
            diff = diff_runs(request.baseline, summarize_run(run))
            run = replace(run, baseline=diff.to_json())
        run = write_reports(run, folder, console, request.formats, gate.stream)
        summary = console.redactor.redact_value(summarize_run(run))
        request.publish_summary(render_run_markdown(summary))
        print_annotations(console, list_run_findings(summary))
        console.print_run(run, reports=folder.path)
    return run
