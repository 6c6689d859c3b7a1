"""A template's unit tests, counted: none executed is red, and so is all that did not end well."""

from pathlib import Path

import pytest

from hardgate.pipeline.adapter_tests import PytestCase, judge_pytest_run, read_pytest_cases
from hardgate.pipeline.check import exit_code_for_checks
from hardgate.process import CommandResult


def ended(status: int | None) -> CommandResult:
    """Make a pytest that ended."""
    return CommandResult(
        argv=("pytest",),
        status=status,
        signal=None if status is not None else 9,
        stdout="its last words",
        stderr="",
        truncated=False,
        timed_out=False,
        seconds=1.0,
    )


def cases(*outcomes: str) -> list[PytestCase]:
    """Make cases of these outcomes."""
    return [PytestCase(name=f"t{n}", outcome=one, details="x") for n, one in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("status", "outcomes", "code"),
    [
        (0, ["passed"], 0),
        (0, ["passed", "skipped"], 0),
        (0, ["skipped"], 1),
        (0, [], 1),
        (5, [], 1),
        (1, ["passed", "failure"], 1),
        (2, ["error"], 1),
        (4, [], 1),
        (3, ["passed"], 1),
        (1, ["passed"], 1),
        (None, ["passed"], 3),
    ],
)
def test_only_executed_tests_count(status: int | None, outcomes: list[str], code: int) -> None:
    assert exit_code_for_checks(judge_pytest_run(ended(status), cases(*outcomes))) == code


@pytest.mark.parametrize("text", ["", "<testsuites>", "not xml"])
def test_a_report_that_cannot_be_read_holds_no_case(tmp_path: Path, text: str) -> None:
    (tmp_path / "junit.xml").write_text(text)
    assert read_pytest_cases(tmp_path / "junit.xml") == []
    assert read_pytest_cases(tmp_path / "nowhere.xml") == []
