"""The last line of every command, as a value: written in one place, and read back by the same."""

import re
from dataclasses import dataclass
from typing import assert_never

from hardgate.errors import ExitCode
from hardgate.text.plain import one_line

_LINE = re.compile(
    r"HARDGATE (?:(?P<subject>[A-Z][A-Z0-9 ]*) )?"
    r"(?P<word>GREEN|RED|MISUSED|UNKNOWN|INTERRUPTED|TERMINATED): "
    r"(?P<story>.*) \(exit (?P<code>\d+)\)",
)


@dataclass(frozen=True, kw_only=True)
class Headline:
    """What came of a command; `str()` is the line that cannot be misread."""

    exit_code: ExitCode
    story: str
    """What was seen, without a full stop; one line of printable text."""
    subject: str = ""
    """What was looked at, in capitals, such as `FLEET`; empty for the gate itself."""

    def __str__(self) -> str:
        """Write the line."""
        subject = f"{self.subject} " if self.subject else ""
        return one_line(
            f"HARDGATE {subject}{exit_code_word(self.exit_code)}: {self.story} "
            f"(exit {int(self.exit_code)})"
        )

    @classmethod
    def parse_line(cls, line: str) -> "Headline | None":
        """Read a line back; None for any other, and where its word is not its code's."""
        match = _LINE.fullmatch(line)
        if match is None:
            return None
        try:
            code = ExitCode(int(match["code"]))
        except ValueError:
            return None
        if exit_code_word(code) != match["word"]:
            return None
        return cls(exit_code=code, story=match["story"], subject=match["subject"] or "")


def read_headline_story(line: str) -> str:
    """Give what a headline tells between its word and its code; any other line as it is."""
    headline = Headline.parse_line(line)
    return headline.story if headline else line


def exit_code_word(code: ExitCode) -> str:
    """Give the word that stands for an exit code, and for no other."""
    match code:
        case ExitCode.HELD:
            return "GREEN"
        case ExitCode.BROKEN:
            return "RED"
        case ExitCode.MISUSED:
            return "MISUSED"
        case ExitCode.UNKNOWN:
            return "UNKNOWN"
        case ExitCode.INTERRUPTED:
            return "INTERRUPTED"
        case ExitCode.TERMINATED:
            return "TERMINATED"
        case _:
            assert_never(code)
