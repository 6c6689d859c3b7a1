"""One command of a probe, with all that was seen of it."""

from dataclasses import dataclass
from functools import cached_property

from hardgate.diagnosis.analysis.xtrace import (
    Comparison,
    UnaryTest,
    parse_assignment,
    parse_comparison,
    parse_unary_test,
    split_words,
)
from hardgate.model.observation import FailedCall

NEUTRAL_BUILTINS = frozenset(
    {"exit", "return", "true", ":", "set", "trap", "unset", "export", "shift", "local", "readonly"}
)
"""Commands of the shell that decide nothing."""

FILTER_PROGRAMS = frozenset(
    "grep egrep fgrep awk sed head tail wc cut tr sort uniq jq xargs tee cat".split()
)
"""Commands that pass on what others give them."""


@dataclass(frozen=True, kw_only=True)
class ProbeStep:
    """One command."""

    number: int = 0
    """Where it stands among the probe's steps."""
    text: str
    """As it was traced; empty where no trace tells of it."""
    status: int | None = None
    """How it ended; None where nobody saw it, as for what a shell does itself."""
    started_commands: tuple[str, ...] = ()
    """Programs that ran for it, itself included: command lines."""
    failed_commands: tuple[tuple[str, int], ...] = ()
    """Command lines of those that failed, with their exit statuses."""
    output: tuple[str, ...] = ()
    """Lines that it wrote, wherever to."""
    failures: tuple[FailedCall, ...] = ()

    @cached_property
    def argv(self) -> tuple[str, ...]:
        """The command's words, without assignments before it."""
        arguments = split_words(self.text)
        first = next(
            (i for i, word in enumerate(arguments) if not parse_assignment(word)), len(arguments)
        )
        return arguments[first:]

    @property
    def program(self) -> str:
        """The base name of the command."""
        return self.argv[0].rpartition("/")[2] if self.argv else ""

    @cached_property
    def programs(self) -> frozenset[str]:
        """The base names of all that ran for it."""
        started = (command.split()[:1] for command in self.started_commands)
        return frozenset(word[0].rpartition("/")[2] for word in started if word) | {self.program}

    @cached_property
    def comparison(self) -> Comparison | None:
        """What it compares; None where it does not."""
        return parse_comparison(self.text)

    @cached_property
    def unary_test(self) -> UnaryTest | None:
        """What it asks of a file or a text; None where it does not."""
        return parse_unary_test(self.text) if self.comparison is None else None

    @property
    def is_test(self) -> bool:
        """It is a `[`, `test` or `[[`."""
        return self.program in {"[", "test", "[["}

    @property
    def uses_sudo(self) -> bool:
        """It ran as root, by sudo."""
        return self.program == "sudo" or "sudo" in self.programs

    @property
    def has_failed(self) -> bool:
        """It was seen to fail. A test is taken to, where it does not hold or cannot be told."""
        if self.status is not None:
            return self.status != 0
        if self.is_test:
            return bool(self.output) or not (self.comparison and self.comparison.holds)
        return bool(self.failures or self.output)
