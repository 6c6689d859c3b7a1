"""A green, a red, an unknown and an interrupted run say today what they said before."""

import json

import pytest

from hardgate.errors import ExitCode
from tests.snapshots import RUNS, SNAPSHOTS, list_keys, make_snapshots

MADE = {str(path): text for path, text in make_snapshots()}
EXIT_CODES = {
    "green": ExitCode.HELD,
    "red": ExitCode.BROKEN,
    "red-silent": ExitCode.BROKEN,
    "unknown": ExitCode.UNKNOWN,
    "interrupted": ExitCode.INTERRUPTED,
}


@pytest.mark.parametrize("path", MADE)
def test_a_run_says_what_it_said(path: str) -> None:
    kept = (SNAPSHOTS / path).read_text(encoding="utf-8")
    assert MADE[path] == kept, "If you mean it, run 'python -m tests.snapshots', and read the diff."


def test_no_snapshot_is_left_that_nothing_makes() -> None:
    kept = {str(file.relative_to(SNAPSHOTS)) for file in SNAPSHOTS.rglob("*") if file.is_file()}
    assert kept == set(MADE)


@pytest.mark.parametrize("name", RUNS)
def test_a_snapshot_has_the_exit_code_of_its_name(name: str) -> None:
    told = json.loads((SNAPSHOTS / name / "summary.json").read_text(encoding="utf-8"))
    assert told["exit_code"] == EXIT_CODES[name]
    assert told["headline"].endswith(f"(exit {int(EXIT_CODES[name])})")


def test_keys_are_listed_through_lists_and_not_into_facts() -> None:
    value = {"a": [{"b": 1}, {"c": {"d": 2}}], "facts": {"e": 3}}
    assert list(list_keys(value)) == ["a", "a[].b", "a[].c", "a[].c.d", "facts"]
