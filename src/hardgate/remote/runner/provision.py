"""`hardgate runner`: one play over all hosts, and what each of them is worth afterwards."""

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode
from hardgate.redaction import Redactor
from hardgate.remote.play import play_on_hosts
from hardgate.remote.runner.closing import make_runner_block
from hardgate.remote.runner.events import RunnerEventHandler
from hardgate.remote.runner.headline import runner_headline, runner_opening
from hardgate.remote.runner.report_json import encode_host_summary, summarize_host
from hardgate.remote.runner.report_junit import render_host_junit
from hardgate.remote.runner.report_markdown import (
    render_host_markdown,
    render_runner_markdown,
)
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.runner.result import DIRECT_HOST_KIND, HostReport, judge_host
from hardgate.remote.runner.run import RunnerRun
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import STEPS_TITLE, Console
from hardgate.report.folder import ReportFolder, make_folder_name, open_report_folder
from hardgate.report.formats import FORMATS, REPORT_FILES
from hardgate.report.pages import render_host_html

PLAYBOOK = "runner.yml"
HOST_RENDERERS: Mapping[str, Callable[[Mapping[str, Any]], bytes]] = {
    "junit": render_host_junit,
    "html": lambda summary: render_host_html(summary).encode("utf-8", "replace"),
    "markdown": lambda summary: render_host_markdown(summary).encode("utf-8", "replace"),
}
"""Beside `summary.json`, which is always written."""
DEFAULT_HOST_FORMATS = ("junit", "html")
GATE_FOLDER = "t4"
"""The folder of the gate's own reports below a host's."""


def provision_runners(request: RunnerRequest, console: Console) -> ExitCode:
    """Make hosts runners, prove it, and report; a host that nobody saw is not green."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    run_id = secrets.token_hex(4)
    console.redactor = Redactor().with_values(request.secrets.values())
    folder = open_report_folder(request.out, run_id, session="runner")
    console.print_line(runner_opening(request, run_id))
    console.open_group(STEPS_TITLE, run_id)
    handler = RunnerEventHandler(request.hosts, console)
    failure = play_on_hosts(
        PLAYBOOK,
        lambda source: make_runner_variables(request, source, folder.path.resolve()),
        inventory=request.inventory,
        run_id=run_id,
        on_event=handler.handle_event,
    )
    handler.close_step()
    seconds = time.monotonic() - begun
    run = RunnerRun(
        id=run_id,
        started_at=started_at,
        seconds=seconds,
        hosts=tuple(
            judge_host(state, request, run_id=run_id, started_at=started_at, seconds=seconds)
            for state in handler.host_states.values()
        ),
        changed=tuple(one.name for one in handler.host_states.values() if one.changed),
        interrupted=failure.interrupted,
        problem=failure.problem,
    )
    summaries = [
        _write_host_reports(host, run, folder, console, request.formats) for host in run.hosts
    ]
    folder.point_latest()
    headline = console.redactor.redact_text(runner_headline(run))
    request.publish_summary(render_runner_markdown(headline, summaries))
    console.print_closing_block(make_runner_block(run, console), reports=folder.path)
    return run.exit_code


def make_runner_variables(request: RunnerRequest, source: Path, reports: Path) -> dict[str, Any]:
    """Give the playbook its variables."""
    return {
        "runner_state": "present",
        "remote_gate_source": str(source),
        "remote_gate_words": ["--host", DIRECT_HOST_KIND, *request.gate_arguments],
        "host_reports": {
            name: str(reports / make_folder_name(name) / GATE_FOLDER) for name in request.hosts
        },
        **request.secrets,
    }


def _write_host_reports(
    host: HostReport,
    run: RunnerRun,
    folder: ReportFolder,
    console: Console,
    formats: Sequence[str],
) -> Mapping[str, Any]:
    """Write a host's reports, each whole or not at all; give its summary, which is redacted."""
    path = folder.path / make_folder_name(host.name)
    path.mkdir(exist_ok=True)
    for name in REPORT_FILES:
        (path / name).unlink(missing_ok=True)
    replace_file(path / "summary.json", encode_host_summary(host, run, console.redactor))
    summary: Mapping[str, Any] = console.redactor.redact_value(summarize_host(host, run))
    for name in formats or DEFAULT_HOST_FORMATS:
        if name in HOST_RENDERERS:
            replace_file(path / FORMATS[name].file, HOST_RENDERERS[name](summary))
    return summary
