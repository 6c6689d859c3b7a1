"""Decisions are named by numbers, which ARCHITECTURE.md gives once each, in order."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
DECIDED = re.findall(r"^\*\*(D\d+) \(", (ROOT / "ARCHITECTURE.md").read_text(), flags=re.MULTILINE)


def test_numbers_run_without_a_gap() -> None:
    assert [f"D{number}" for number in range(1, len(DECIDED) + 1)] == DECIDED


def test_code_names_decisions_that_there_are() -> None:
    named = {
        number
        for file in (ROOT / "src").rglob("*.py")
        for line in re.findall(r"See (D\d.*) in ARCHITECTURE", file.read_text())
        for number in re.findall(r"D\d+", line)
    }
    assert named
    assert named <= set(DECIDED)
