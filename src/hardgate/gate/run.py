"""`hardgate gate`: from an image to an exit code, in one direction."""

import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime

from hardgate.errors import HardgateError, explain_crash
from hardgate.gate.conclusion import begin_run, conclude_run, open_event_stream, write_reports
from hardgate.gate.play import KEEP_SECONDS, LIFE_SECONDS
from hardgate.gate.request import GateRequest
from hardgate.gate.state import RunState
from hardgate.gate.verification import RunTimeoutError, verify_image
from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.folder import open_report_folder
from hardgate.report.job_summary import print_annotations
from hardgate.report.markdown import render_run_markdown
from hardgate.report.run_diff import diff_runs
from hardgate.report.sarif import list_run_findings
from hardgate.report.summary_json import summarize_run
from hardgate.system.interruption import Interrupted, ignore_signals, raise_on_signals
from hardgate.system.ownership import Owner, ProcessIdentity


def run_gate(request: GateRequest, console: Console) -> Run:
    """Run the gate, report, and give it: a verdict for each promise, whatever happens."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    owner = Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + (KEEP_SECONDS if request.keep else LIFE_SECONDS),
        keep=request.keep,
    )
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
    with raise_on_signals():
        try:
            verify_image(request, owner, folder, console, state)
        except Interrupted as interruption:
            state.interrupted = interruption
        except HardgateError as error:
            # What a task of ours said of it is nearer to the cause than the play's own end.
            state.error = error if isinstance(error, RunTimeoutError) else state.error or error
        except Exception as error:
            state.error = explain_crash(error)
    run = conclude_run(request, owner, console, state, started_at, begun)
    with ignore_signals():
        if request.baseline:
            diff = diff_runs(request.baseline, summarize_run(run))
            run = replace(run, baseline=diff.to_json())
        run = write_reports(run, folder, console, request.formats, stream)
        summary = console.redactor.redact_value(summarize_run(run))
        request.publish_summary(render_run_markdown(summary))
        print_annotations(console, list_run_findings(summary))
        console.print_run(run, reports=folder.path)
    return run
