"""What a CI system reads of the output is hardgate's own, and never an image's."""

import io
from pathlib import Path

import pytest

from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.step_summary import list_check_findings
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.job_summary import (
    MAX_ANNOTATIONS,
    MAX_SUMMARY_BYTES,
    append_job_summary,
    format_annotation,
    print_annotations,
)
from hardgate.report.sarif import SourceFinding
from hardgate.text.plain import disarm_workflow_commands
from tests.unit import runs

COMMANDS = (
    "::error::forged",
    "  ::add-mask::GREEN",
    "\t::stop-commands::x",
    "##[error]forged",
    "text ##[add-mask]GREEN",
    "a\n::set-output name=x::y",
    "a\r::warning::y",
    "\x1b[31m::notice::y",
)


def read_commands(output: str) -> list[str]:
    """Read what a forge's runner would take for a command, as its source does."""
    return [
        line
        for line in output.replace("\r", "\n").split("\n")
        if line.lstrip().startswith("::") or "##[" in line
    ]


def finding(**changes: object) -> SourceFinding:
    values = {"rule": "r", "level": "error", "message": "m", "file": "", "line": 0}
    return SourceFinding(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("verbosity", [-1, 0, 1])
def test_nothing_of_an_image_starts_a_workflow_command(verbosity: int) -> None:
    hostile = "\n".join(COMMANDS)
    stream = io.StringIO()
    console = Console(stream, verbosity=verbosity, environ={"GITHUB_ACTIONS": "true"})
    verdict = runs.failed("agent_uid_1000", hostile, stdout=hostile, stderr=hostile, hint=hostile)
    run = runs.red(
        verdicts=(verdict, *runs.red().verdicts),
        problem=hostile, evidence=hostile, remedy=hostile, notices=COMMANDS, kept=COMMANDS,
    )  # fmt: skip
    with console.step(COMMANDS[0]) as step:
        for line in COMMANDS:
            step.show_progress(line)
            console.print_line(line)
            console.print_text(line)
    console.print_verdict(verdict)
    console.print_run(run)
    assert read_commands(stream.getvalue()) == []
    assert "forged" in stream.getvalue()


@pytest.mark.parametrize("line", COMMANDS)
def test_a_disarmed_line_is_no_command_and_still_readable(line: str) -> None:
    assert read_commands(disarm_workflow_commands(line.replace("\x1b[31m", ""))) == []


@pytest.mark.parametrize("line", ["std::vector<int>", "a ::b", "# [x]", "plain"])
def test_a_harmless_line_stays_as_it_is(line: str) -> None:
    assert disarm_workflow_commands(line) == line


def test_an_annotation_stands_at_its_file_and_line() -> None:
    assert format_annotation(finding(file="a,b:c.py", line=7, message="100% bad\n::x")) == (
        "::error file=a%2Cb%3Ac.py,line=7,title=hardgate%3A r::100%25 bad ::x"
    )
    assert format_annotation(finding(level="warning")) == "::warning title=hardgate%3A r::m"


def test_annotations_are_for_forges_alone_and_as_many_as_they_show() -> None:
    for environ, expected in (({}, 0), ({"GITHUB_ACTIONS": "true"}, MAX_ANNOTATIONS)):
        stream = io.StringIO()
        print_annotations(Console(stream, environ=environ), [finding()] * 30, environ)
        assert len(stream.getvalue().splitlines()) == expected


def test_annotations_hold_no_secret() -> None:
    stream = io.StringIO()
    console = Console(stream, redactor=Redactor().with_values([runs.TOKEN]), environ={})
    print_annotations(console, [finding(message=runs.TOKEN)], {"GITHUB_ACTIONS": "true"})
    assert runs.TOKEN not in stream.getvalue()


def check(**changes: object) -> Check:
    values = {"name": "n", "group": "g", "outcome": Outcome.FAIL, "reason": "r"}
    return Check(**{**values, **changes})  # type: ignore[arg-type]


def test_a_check_is_annotated_where_it_found_something() -> None:
    one = check(reason="Dockerfile:3: root stays.")
    many = check(evidence="a.sh:1: x: no.\nb.sh:22: y: no.", severity=Severity.ADVISORY)
    found = [(one.file, one.line, one.level) for one in list_check_findings([one, many])]
    assert found == [("Dockerfile", 3, "error"), ("a.sh", 1, "warning"), ("b.sh", 22, "warning")]


def test_a_check_without_a_place_is_annotated_without_one() -> None:
    [found] = list_check_findings([check(reason="https://example.org:443: it does not answer.")])
    assert (found.file, found.line) == ("", 0)


def test_what_held_and_what_other_sessions_told_is_not_annotated() -> None:
    told = [check(outcome=Outcome.PASS), check(group="answers")]
    assert list(list_check_findings(told)) == []


def test_the_job_summary_is_appended_where_the_forge_names_a_file(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    file.write_text("before\n")
    append_job_summary("one\n", {"GITHUB_STEP_SUMMARY": str(file)})
    append_job_summary("two\n", {"GITHUB_STEP_SUMMARY": str(file)})
    append_job_summary("never\n", {})
    assert file.read_text() == "before\n\none\n\ntwo\n"


def test_a_summary_that_the_forge_would_refuse_is_replaced_by_a_hint(tmp_path: Path) -> None:
    file = tmp_path / "summary.md"
    append_job_summary("x" * MAX_SUMMARY_BYTES, {"GITHUB_STEP_SUMMARY": str(file)})
    assert "read the job's reports" in file.read_text()


def test_a_file_that_cannot_be_written_costs_nothing(tmp_path: Path) -> None:
    append_job_summary("x", {"GITHUB_STEP_SUMMARY": str(tmp_path / "absent" / "summary.md")})


def test_annotations_of_a_session_inside_another_reach_the_jobs_log() -> None:
    log, inner = io.StringIO(), io.StringIO()
    outer = Console(log, redactor=Redactor().with_values([runs.TOKEN]), environ={})
    console = Console(inner, verbosity=-1, environ={}, commands=outer)
    print_annotations(console, [finding(message=f"no {runs.TOKEN}")], {"GITHUB_ACTIONS": "true"})
    assert inner.getvalue() == ""
    assert log.getvalue().startswith("::")
    assert runs.TOKEN not in log.getvalue()
