"""The folder that a fleet's run leaves: its own four reports, and those of each gate."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_json import encode_fleet_summary, summarize_fleet
from hardgate.remote.fleet.report_junit import render_fleet_junit
from hardgate.remote.fleet.report_markdown import render_fleet_markdown
from hardgate.remote.fleet.result import FleetRun
from hardgate.report.atomic_write import replace_file
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.report.pages import render_fleet_html

MARKDOWN_FILE, JSON_FILE, JUNIT_FILE = "fleet.md", "fleet.json", "junit.xml"
HTML_FILE = "report.html"
FLEET_RENDERERS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], bytes]]] = {
    "junit": (JUNIT_FILE, render_fleet_junit),
    "markdown": (
        MARKDOWN_FILE,
        lambda fleet: render_fleet_markdown(fleet).encode("utf-8", "replace"),
    ),
    "html": (HTML_FILE, lambda fleet: render_fleet_html(fleet).encode("utf-8", "replace")),
}
"""Beside `fleet.json`, which is always written."""


def open_fleet_folder(out: Path | None, run_id: str) -> ReportFolder:
    """Make the folder, without the reports of an earlier run; raises UsageError."""
    folder = open_report_folder(out, run_id, session="fleet")
    for name in (MARKDOWN_FILE, JSON_FILE):
        (folder.path / name).unlink(missing_ok=True)
    return folder


def write_fleet_reports(
    run: FleetRun, folder: ReportFolder, redactor: Redactor, formats: Sequence[str] = ()
) -> None:
    """Write each report, whole or not at all; all of them where no format is named."""
    replace_file(folder.path / JSON_FILE, encode_fleet_summary(run, redactor))
    summary = redactor.redact_value(summarize_fleet(run))
    for name, (file, render) in FLEET_RENDERERS.items():
        if not formats or name in formats:
            replace_file(folder.path / file, render(summary))
    folder.point_latest()
