"""What goes wrong, in two sentences: what it is, and what to do about it."""

import traceback
from collections.abc import Iterable
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process's exit status says. One code has one meaning."""

    HELD = 0
    """Every hard capability and every guard held."""
    BROKEN = 1
    """At least one hard capability or guard was seen not to hold."""
    MISUSED = 2
    """The contract or the command is wrong; no engine was touched."""
    UNKNOWN = 3
    """Nobody could tell: no engine, no host, no image, or not everything was looked at."""
    INTERRUPTED = 130
    """SIGINT came; the report was still written."""
    TERMINATED = 143
    """SIGTERM came; the report was still written."""


def combine_exit_codes(codes: Iterable[ExitCode]) -> ExitCode:
    """Add up what several things are worth: a proven miss first, then what nobody could tell.

    Of nothing at all it is UNKNOWN: nothing verified is never green.
    """
    found = set(codes)
    if ExitCode.BROKEN in found:
        return ExitCode.BROKEN
    return ExitCode.HELD if found == {ExitCode.HELD} else ExitCode.UNKNOWN


class HardgateError(Exception):
    """An error with a remedy, for the person at the terminal."""

    exit_code: ExitCode = ExitCode.UNKNOWN

    def __init__(self, problem: str, remedy: str = "", *, evidence: str = "") -> None:
        """Take `problem` and `remedy` as whole sentences, and `evidence` as it was seen."""
        super().__init__(f"{problem} {remedy}".strip())
        self.problem = problem
        self.remedy = remedy
        self.evidence = evidence


class UsageError(HardgateError):
    """The command line, or a file that it names, is wrong."""

    exit_code = ExitCode.MISUSED


class ContractError(UsageError):
    """A contract or a tier cannot be accepted."""


class EngineError(HardgateError):
    """No engine answers, or the one that does cannot carry the gate."""


class BuildError(HardgateError):
    """The image, or a base for it, could not be built."""


class HostError(HardgateError):
    """The test host could not be made ready."""


class PlaybookError(HardgateError):
    """A play ended without having looked."""


def explain_crash(error: Exception) -> HardgateError:
    """Make an error of an exception that no code expected, with where it was raised.

    A file that cannot be read or written is the machine's fault, and is named.
    """
    if isinstance(error, OSError) and error.filename and error.strerror:
        return HardgateError(
            f"'{error.filename}' cannot be used: {error.strerror}.",
            "Let this user read it, or make room, and run it again.",
        )
    return HardgateError(
        f"Hardgate itself failed: {type(error).__name__}: {error}.",
        "Please report it, with the evidence.",
        evidence="".join(traceback.format_exception(error)),
    )
