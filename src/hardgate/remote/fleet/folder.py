"""The folder that a fleet's run leaves: its own three reports, and those of each gate."""

from pathlib import Path

from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_json import to_bytes
from hardgate.remote.fleet.report_junit import junit
from hardgate.remote.fleet.report_markdown import markdown
from hardgate.remote.fleet.result import FleetRun
from hardgate.report.atomic_write import replace_file
from hardgate.report.folder import Folder, open_folder

MARKDOWN, JSON, JUNIT = "fleet.md", "fleet.json", "junit.xml"


def open_fleet_folder(out: Path | None, run_id: str) -> Folder:
    """Make the folder, without the reports of an earlier run; raises UsageError."""
    folder = open_folder(out, run_id, session="fleet")
    for name in (MARKDOWN, JSON):
        (folder.path / name).unlink(missing_ok=True)
    return folder


def write_reports(run: FleetRun, folder: Folder, redactor: Redactor) -> None:
    """Write each report, whole or not at all."""
    replace_file(folder.path / JSON, to_bytes(run, redactor))
    replace_file(folder.path / MARKDOWN, markdown(run, redactor).encode("utf-8", "replace"))
    replace_file(folder.path / JUNIT, junit(run, redactor))
    folder.point_latest()
