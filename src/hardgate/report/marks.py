"""How an outcome is shown: the one table of marks, words and tones for all reports.

A mark stands for what is known of a promise. A tone stands for how a line is meant; a terminal, a
page and Markdown each have a colour for it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome


class Tone(Enum):
    """How a line is meant."""

    PLAIN = "plain"
    GOOD = "good"
    BAD = "bad"
    UNSURE = "unsure"
    FAINT = "faint"

    @property
    def colour(self) -> "Colour":
        """Give its colours; none of them is set for a plain line."""
        return _COLOURS[self]


@dataclass(frozen=True, kw_only=True)
class Colour:
    """What stands for a tone, by where it is shown; empty where nothing does."""

    ansi: str = ""
    """The parameter of the escape sequence SGR."""
    rich: str = ""
    """rich's name for the same."""
    page_class: str = ""
    """The class in page/style.css."""
    emoji: str = ""
    """Before a headline in Markdown."""


_COLOURS: Mapping[Tone, Colour] = {
    Tone.PLAIN: Colour(),
    Tone.GOOD: Colour(ansi="32", rich="green", page_class="green", emoji="✅"),
    Tone.BAD: Colour(ansi="31", rich="red", page_class="red", emoji="❌"),
    Tone.UNSURE: Colour(ansi="33", rich="yellow", page_class="amber", emoji="⚠️"),
    Tone.FAINT: Colour(ansi="2", rich="dim"),
}


class Mark(Enum):
    """What is known of a promise; the value is the word for it in reports."""

    HELD = "held"
    MISSED = "missed"
    ADVISORY = "advisory"
    """Missed, and advisory only."""
    UNKNOWN = "unknown"
    STALE = "stale"
    """An image's own contract does not ask for it as the fleet's does."""
    ABSENT = "no verdict"

    @property
    def glyph(self) -> str:
        """Give its character."""
        return _SIGNS[self].glyph

    @property
    def ascii_glyph(self) -> str:
        """Give its character for a terminal without Unicode."""
        return _SIGNS[self].ascii_glyph

    @property
    def tone(self) -> Tone:
        """Give its tone."""
        return _SIGNS[self].tone

    @property
    def junit_kind(self) -> str:
        """Give what it counts as in JUnit: `failure`, `error` or `skipped`; empty for a pass."""
        return _SIGNS[self].junit_kind

    @property
    def label(self) -> str:
        """Give the character and the word."""
        return f"{self.glyph} {self.value}"


@dataclass(frozen=True, kw_only=True)
class _Sign:
    glyph: str
    ascii_glyph: str
    tone: Tone
    junit_kind: str


_SIGNS: Mapping[Mark, _Sign] = {
    Mark.HELD: _Sign(glyph="✓", ascii_glyph="+", tone=Tone.GOOD, junit_kind=""),
    Mark.MISSED: _Sign(glyph="✗", ascii_glyph="x", tone=Tone.BAD, junit_kind="failure"),
    Mark.ADVISORY: _Sign(glyph="!", ascii_glyph="!", tone=Tone.UNSURE, junit_kind="skipped"),
    Mark.UNKNOWN: _Sign(glyph="?", ascii_glyph="?", tone=Tone.UNSURE, junit_kind="error"),
    Mark.STALE: _Sign(glyph="~", ascii_glyph="~", tone=Tone.UNSURE, junit_kind="failure"),
    Mark.ABSENT: _Sign(glyph="·", ascii_glyph=".", tone=Tone.PLAIN, junit_kind="error"),
}

_STATE_MARKS: Mapping[str, Mark] = {
    "green": Mark.HELD,
    "red": Mark.MISSED,
    "stale": Mark.STALE,
    "unknown": Mark.UNKNOWN,
}


def mark_outcome(outcome: Outcome, severity: Severity = Severity.HARD) -> Mark:
    """Give the mark of a verdict or a check."""
    match outcome, severity:
        case Outcome.PASS, _:
            return Mark.HELD
        case Outcome.ERROR, _:
            return Mark.UNKNOWN
        case Outcome.FAIL, Severity.ADVISORY:
            return Mark.ADVISORY
        case _:
            return Mark.MISSED


def mark_outcome_word(outcome: str, severity: str = Severity.HARD.value) -> Mark:
    """Give the mark of a verdict of a summary; an empty word stands for no verdict."""
    return mark_outcome(Outcome(outcome), Severity(severity)) if outcome else Mark.ABSENT


def mark_state_word(state: str) -> Mark:
    """Give the mark of a run, or of an image in a fleet, by the word in its JSON.

    A run that was interrupted or misused is as unknown as any other that was not finished.
    """
    return _STATE_MARKS.get(state, Mark.UNKNOWN)


def tone_of_exit_code(code: ExitCode) -> Tone:
    """Give the tone of a line that tells of an exit code."""
    return {ExitCode.HELD: Tone.GOOD, ExitCode.BROKEN: Tone.BAD}.get(code, Tone.UNSURE)
