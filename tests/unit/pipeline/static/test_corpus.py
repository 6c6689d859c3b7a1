"""The corpus holds: no rule is red or green for nothing, or silent where a reader can decide."""

import re

import pytest

from tests.corpus.entries import FILES, Entry, read_entries
from tests.corpus.measure import ask, judge

FEWEST_THREADS = 80


@pytest.mark.parametrize("file", FILES)
def test_every_answer_is_right(file: str) -> None:
    entries = [entry for entry in read_entries() if entry.file == file]
    assert entries
    wrong = [result for entry in entries for result in ask(entry) if result.kind != "right"]
    assert not wrong


def test_entries_follow_enough_public_threads() -> None:
    sources = {entry.thread for entry in read_entries()}
    threads = {name for name in sources if re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", name)}
    rows = {name for name in sources - threads if re.fullmatch(r"[HML]\d+|(case|issue) \d+", name)}
    assert threads | rows == sources
    assert len(threads) >= FEWEST_THREADS
    assert {"H9", "M1", "M2", "M3", "L6", "L8"} <= rows
    assert {f"case {number}" for number in range(13, 18)} <= rows


def test_names_of_entries_differ() -> None:
    def count(entries: list[Entry]) -> int:
        return len({entry.name for entry in entries})

    entries = list(read_entries())
    assert count(entries) == len(entries)


@pytest.mark.parametrize(
    ("expected", "got", "kind"),
    [
        ("hard", "hard", "right"),
        ("hard", "", "false green"),
        ("hard", "advice", "false green"),
        ("hard", "untold", "cannot tell"),
        ("", "untold", "cannot tell"),
        ("", "hard", "false red"),
        ("untold", "hard", "false red"),
        ("untold", "", "false green"),
    ],
)
def test_an_answer_is_named(expected: str, got: str, kind: str) -> None:
    assert judge(expected, got) == kind
