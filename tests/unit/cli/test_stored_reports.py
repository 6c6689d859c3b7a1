"""`hardgate report` of what is not a gate's run: a session, a runner's host, a fleet."""

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from hardgate.cli.report import main
from hardgate.cli.stored_reports import RENDERERS
from hardgate.errors import HardgateError, UsageError
from hardgate.redaction import Redactor
from hardgate.remote.fleet.folder import open_fleet_folder, write_fleet_reports
from hardgate.remote.runner.headline import runner_headline
from hardgate.remote.runner.report_json import encode_host_summary, summarize_host
from hardgate.remote.runner.report_junit import make_host_junit
from hardgate.remote.runner.report_markdown import render_runner_markdown
from tests.unit import fleets
from tests.unit.remote.runner.test_runner import report, run_of
from tests.unit.report.test_pages import answer, fleet_document


def host_document() -> dict[str, Any]:
    host = report()
    return dict(json.loads(json.dumps(summarize_host(host, run_of(host)), default=str)))


DOCUMENTS = {
    "answer.json": answer,
    "fleet.json": lambda: fleet_document(fleets.mixed()),
    "summary.json": host_document,
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_format_is_made_beside_the_json_and_holds_the_headline(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = DOCUMENTS[name]()
    (tmp_path / name).write_text(json.dumps(document))
    assert main([str(tmp_path)]) == 0
    written = {file.name for file in tmp_path.iterdir()} - {name}
    assert len(written) == len(RENDERERS[name])
    assert "report.html" in written
    assert document["headline"].split(":")[0] in (tmp_path / "report.html").read_text()
    assert document["headline"] in capsys.readouterr().out


def test_a_sessions_junit_counts_as_the_session_did(tmp_path: Path) -> None:
    (tmp_path / "answer.json").write_text(json.dumps(answer()))
    assert main([str(tmp_path / "answer.json"), "--format", "junit"]) == 0
    read = JUnitXml.fromfile(str(tmp_path / "junit.xml"))
    assert (read.tests, read.failures, read.errors) == (4, 1, 1)


def test_a_format_that_a_fleet_cannot_be_told_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "fleet.json").write_text(json.dumps(DOCUMENTS["fleet.json"]()))
    with pytest.raises(UsageError, match="cannot be told as 'tap'") as raised:
        main([str(tmp_path), "--format", "tap"])
    assert "html" in raised.value.remedy


@pytest.mark.parametrize("text", ["{", "{}", '{"points": [{}], "session": "static"}'])
def test_a_file_that_is_not_whole_is_refused_and_nothing_is_written(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "answer.json").write_text(text)
    with pytest.raises(UsageError, match="cannot be read"):
        main([str(tmp_path), "--format", "html"])
    assert [file.name for file in tmp_path.iterdir()] == ["answer.json"]


def count_cases(file: Path) -> tuple[int, int, int, int]:
    read = JUnitXml.fromfile(str(file))
    return read.tests, read.failures, read.errors, read.skipped


def test_a_fleets_reports_are_made_anew_to_the_byte(tmp_path: Path) -> None:
    run = fleets.mixed()
    folder = open_fleet_folder(tmp_path / "first", run.id)
    write_fleet_reports(run, folder, Redactor())
    first = {file.name: file.read_bytes() for file in folder.path.iterdir()}
    again = tmp_path / "again"
    assert main([str(folder.path), "--out", str(again)]) == 0
    assert (again / "junit.xml").read_bytes() == first["junit.xml"]
    assert (again / "report.md").read_bytes() == first["fleet.md"]
    assert (again / "report.html").read_bytes() == first["report.html"]


def test_a_hosts_junit_is_made_anew_with_every_verdict_of_tier_4(tmp_path: Path) -> None:
    host = report()
    (tmp_path / "summary.json").write_bytes(encode_host_summary(host, run_of(host), Redactor()))
    assert main([str(tmp_path), "--format", "junit"]) == 0
    written = (tmp_path / "junit.xml").read_bytes()
    assert written == make_host_junit(host, run_of(host), Redactor())
    tests, failures, errors, _ = count_cases(tmp_path / "junit.xml")
    assert host.gate_summary
    verdicts = sum(len(run.verdicts) for run in host.runs) + len(host.gate_summary.verdicts)
    assert (tests, failures, errors) == (verdicts + 1, 0, 0)


def test_a_runs_markdown_has_a_row_for_each_host_and_details_where_it_is_not_green() -> None:
    trouble = HardgateError("No route | to it.", "Look at @it.", evidence="ssh: <no>")
    hosts = (report(), report(name="two", observations={}, gate=None, error=trouble))
    run = run_of(*hosts)
    text = render_runner_markdown(runner_headline(run), [summarize_host(one, run) for one in hosts])
    assert text.startswith("# HARDGATE RUNNER UNKNOWN: 1 of 2 hosts")
    assert "| one | ✅ one: GREEN" in text
    assert "| two | ⚠️ two: UNKNOWN" in text
    assert "No route \\| to it." in text
    assert "To do: Look at &#64;it." in text
    assert "> ssh: &lt;no&gt;" in text
    assert "## ✅" not in text
