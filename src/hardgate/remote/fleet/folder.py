"""The folder that a fleet's run leaves: its own four reports, and those of each gate."""

from pathlib import Path

from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_json import encode_fleet_summary, summarize_fleet
from hardgate.remote.fleet.report_junit import make_fleet_junit
from hardgate.remote.fleet.report_markdown import make_fleet_markdown
from hardgate.remote.fleet.result import FleetRun
from hardgate.report.atomic_write import replace_file
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.report.pages import render_fleet_html

MARKDOWN_FILE, JSON_FILE, JUNIT_FILE = "fleet.md", "fleet.json", "junit.xml"
HTML_FILE = "report.html"


def open_fleet_folder(out: Path | None, run_id: str) -> ReportFolder:
    """Make the folder, without the reports of an earlier run; raises UsageError."""
    folder = open_report_folder(out, run_id, session="fleet")
    for name in (MARKDOWN_FILE, JSON_FILE):
        (folder.path / name).unlink(missing_ok=True)
    return folder


def write_fleet_reports(run: FleetRun, folder: ReportFolder, redactor: Redactor) -> None:
    """Write each report, whole or not at all."""
    replace_file(folder.path / JSON_FILE, encode_fleet_summary(run, redactor))
    replace_file(
        folder.path / MARKDOWN_FILE, make_fleet_markdown(run, redactor).encode("utf-8", "replace")
    )
    replace_file(folder.path / JUNIT_FILE, make_fleet_junit(run, redactor))
    summary = redactor.redact_value(summarize_fleet(run))
    replace_file(folder.path / HTML_FILE, render_fleet_html(summary).encode("utf-8", "replace"))
    folder.point_latest()
