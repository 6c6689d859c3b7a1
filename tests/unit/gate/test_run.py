"""A gate whose report cannot be written is green nowhere (M11)."""

import json
from io import StringIO
from pathlib import Path

import pytest

from hardgate.errors import ExitCode
from hardgate.gate.run import _write_reports
from hardgate.report.console import Console
from hardgate.report.folder import open_report_folder
from tests.unit import runs


@pytest.mark.parametrize("name", ["junit.xml", "summary.json", "report.html"])
def test_a_report_that_cannot_be_written_makes_green_unknown_everywhere(
    tmp_path: Path, name: str
) -> None:
    folder = open_report_folder(tmp_path, "1")
    (tmp_path / name).mkdir()
    spoken = StringIO()
    run = _write_reports(runs.green(), folder, Console(spoken), ())
    assert run.exit_code is ExitCode.UNKNOWN
    assert "could not be written" in run.problem
    for other in {"junit.xml", "summary.json"} - {name}:
        assert "HARDGATE GREEN" not in (tmp_path / other).read_text()
    if name != "summary.json":
        assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 3


def test_a_red_run_stays_red_without_a_report(tmp_path: Path) -> None:
    folder = open_report_folder(tmp_path, "1")
    (tmp_path / "junit.xml").mkdir()
    assert _write_reports(runs.red(), folder, Console(StringIO()), ()).exit_code is ExitCode.BROKEN
