"""`hardgate report` of what is no gate's run: a session, a runner's host, a fleet."""

import json
from pathlib import Path
from typing import Any

import pytest
from junitparser import JUnitXml

from hardgate.cli.report import main
from hardgate.cli.stored_reports import RENDERERS
from hardgate.errors import UsageError
from hardgate.remote.runner.report_json import summarize_host
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
