"""A finished run gives the same reports anew as it gave when it ended."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.report.formats import FORMATS, render_report
from hardgate.report.read_summary import read_summary, restore_run
from hardgate.report.summary_json import encode_summary, summarize_run
from tests.unit import runs


def round_times(run: Run) -> Run:
    """Round to what a summary keeps."""
    verdicts = []
    for verdict in run.verdicts:
        seen = verdict.observation
        if seen.execution:
            rounded = replace(seen.execution, seconds=round(seen.execution.seconds, 3))
            verdict = replace(verdict, observation=replace(seen, execution=rounded))  # noqa: PLW2901
        verdicts.append(verdict)
    return replace(run, seconds=round(run.seconds, 3), verdicts=tuple(verdicts))


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", runs.ALL)
def test_each_report_is_made_anew_to_the_byte(name: str, form: str, tmp_path: Path) -> None:
    run = round_times(runs.ALL[name]())
    (tmp_path / "summary.json").write_text(encode_summary(summarize_run(run)))
    restored = restore_run(read_summary(tmp_path))
    assert render_report(form, restored, Redactor()) == render_report(form, run, Redactor())


def test_a_summary_from_before_the_newer_keys_is_read(tmp_path: Path) -> None:
    summary = summarize_run(runs.red())
    for key in ("session", "timeline", "baseline"):
        del summary[key]
    for verdict in summary["verdicts"]:
        del verdict["line"]
        del verdict["looks"]
    (tmp_path / "summary.json").write_text(encode_summary(summary))
    run = restore_run(read_summary(tmp_path))
    assert (run.plan.title, run.timeline, run.baseline) == ("t4", (), None)


def test_latest_may_be_a_file_that_names_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "3f9c2e7a"
    folder.mkdir()
    (folder / "summary.json").write_text(encode_summary(summarize_run(runs.green())))
    (tmp_path / "latest").write_text("3f9c2e7a\n")
    assert read_summary(tmp_path / "latest")["id"] == "3f9c2e7a"


@pytest.mark.parametrize("broken", ["", "[]", "{}", '{"schema_version": 2, "causes": []}'])
def test_what_is_no_summary_is_a_wrong_command(broken: str, tmp_path: Path) -> None:
    (tmp_path / "summary.json").write_text(broken)
    with pytest.raises(UsageError, match="summary"):
        read_summary(tmp_path)


def test_a_summary_that_lacks_what_reports_need_is_refused() -> None:
    summary = json.loads(encode_summary(summarize_run(runs.red())))
    del summary["verdicts"][0]["outcome"]
    with pytest.raises(UsageError, match="cannot be read: KeyError"):
        restore_run(summary)
