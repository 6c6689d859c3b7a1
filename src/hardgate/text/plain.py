"""What an image printed, made harmless: no terminal's commands, nothing that XML forbids."""

import re

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)?"  # a title, a link
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # a colour, a move
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_ENDS = re.compile(r"\r\n?|\x85|\u2028|\u2029")
_FORBIDDEN_CHARACTERS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # show another order than the written one
    "\u00ad\u180e\u200b-\u200d\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # not to be seen at all
    "\ufdd0-\ufdef\ufffe\uffff]"
)
_COMMAND_STARTS = re.compile(r"((?:^|[\r\n])[^\S\r\n]*+)::")
_COMMANDS_ANYWHERE = re.compile(r"##(?=\w*\[)")
_SECTION_MARKS = re.compile(r"\b(section_(?:start|end)):(?=\d)")
_SURROGATES = re.compile("[\ud800-\udfff]")


def strip_control_codes(text: str) -> str:
    """Keep what a person reads; a lone surrogate becomes the replacement character."""
    text = _LINE_ENDS.sub("\n", _ESCAPE_SEQUENCES.sub("", text))
    return _SURROGATES.sub("\ufffd", _FORBIDDEN_CHARACTERS.sub("", text))


def one_line(text: str) -> str:
    """Fold all white space, so that nothing can pass for a line of the report's own."""
    return " ".join(strip_control_codes(text).split())


def disarm_workflow_commands(text: str) -> str:
    """Let a CI system take no line of a text for one of its own commands.

    A forge's runner reads `::` at a line's start, after spaces, and `##[` anywhere in it:
    https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    Azure reads `##vso[`, TeamCity `##teamcity[`, GitLab `section_start:` and `section_end:` with a
    time, which begin and end what is folded.
    """
    text = _COMMANDS_ANYWHERE.sub("# #", text)
    text = _SECTION_MARKS.sub(r"\1 :", text)
    return _COMMAND_STARTS.sub(r"\1: :", text)


def keep_tail(text: str, lines: int, *, characters: int = 16_384) -> str:
    """Keep the end, and say how much is missing."""
    kept = text.strip("\n")[-characters:].split("\n")[-lines:]
    end = "\n".join(kept)
    missing = len(text.strip("\n")) - len(end)
    return f"[{missing} characters before this]\n{end}" if missing else end


def cut_line(text: str, characters: int) -> str:
    """Cut a line's end off where it is too long, and show that."""
    return text if len(text) <= characters else f"{text[: max(characters - 2, 1)].rstrip()} …"


def format_duration(seconds: float) -> str:
    """Say a time as a person would."""
    if seconds < 10:  # noqa: PLR2004 - hundredths tell something below, and nothing above
        return f"{seconds:.2f} s"
    if seconds < 120:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60} s"


def format_count(number: int, noun: str) -> str:
    """Count in English: `1 guard`, `2 capabilities`."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"
