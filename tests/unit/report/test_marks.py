"""Each outcome has one mark, one word and one tone, whoever shows it."""

from itertools import product

import pytest

from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.verdict import OUTCOME_EXIT_CODES, Outcome
from hardgate.report.marks import (
    Mark,
    Tone,
    mark_outcome,
    mark_outcome_word,
    mark_state_word,
    tone_of_exit_code,
)


def test_no_two_marks_look_alike() -> None:
    for glyphs in ([mark.glyph for mark in Mark], [mark.ascii_glyph for mark in Mark]):
        assert len(set(glyphs)) == len(Mark)
        assert {len(glyph) for glyph in glyphs} == {1}
    assert all(mark.ascii_glyph.isascii() for mark in Mark)


def test_no_two_tones_look_alike() -> None:
    for field in ("ansi", "rich"):
        assert len({getattr(tone.colour, field) for tone in Tone}) == len(Tone)


def test_only_what_held_is_good_and_passes_in_junit() -> None:
    assert [mark for mark in Mark if mark.tone is Tone.GOOD] == [Mark.HELD]
    assert [mark for mark in Mark if not mark.junit_kind] == [Mark.HELD]


@pytest.mark.parametrize(("outcome", "severity"), [*product(Outcome, Severity)])
def test_a_verdict_has_one_mark_as_a_value_and_as_a_word(
    outcome: Outcome, severity: Severity
) -> None:
    assert mark_outcome_word(outcome.value, severity.value) is mark_outcome(outcome, severity)


@pytest.mark.parametrize("outcome", Outcome)
def test_the_tone_of_a_hard_outcome_is_that_of_its_exit_code(outcome: Outcome) -> None:
    assert mark_outcome(outcome).tone is tone_of_exit_code(OUTCOME_EXIT_CODES[outcome])


def test_what_has_no_verdict_has_no_other_mark() -> None:
    assert mark_outcome_word("") is Mark.ABSENT


@pytest.mark.parametrize("word", ["interrupted", "terminated", "misused", "unknown", "new word"])
def test_a_run_that_is_neither_green_nor_red_is_unknown(word: str) -> None:
    assert mark_state_word(word) is Mark.UNKNOWN


@pytest.mark.parametrize("code", ExitCode)
def test_only_exit_0_is_good_and_only_exit_1_is_bad(code: ExitCode) -> None:
    expected = {0: Tone.GOOD, 1: Tone.BAD}.get(int(code), Tone.UNSURE)
    assert tone_of_exit_code(code) is expected
