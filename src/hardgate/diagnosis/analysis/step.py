"""One command of a probe, with all that was seen of it."""

from dataclasses import dataclass
from functools import cached_property

from hardgate.diagnosis.analysis.xtrace import (
    Comparison,
    Question,
    read_assignment,
    read_comparison,
    read_question,
    read_words,
)
from hardgate.model.observation import Failure

SILENT_WORDS = frozenset(
    {"exit", "return", "true", ":", "set", "trap", "unset", "export", "shift", "local", "readonly"}
)
"""Commands of the shell that decide nothing."""

READERS = frozenset(
    "grep egrep fgrep awk sed head tail wc cut tr sort uniq jq xargs tee cat".split()
)
"""Commands that pass on what others give them."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command."""

    number: int = 0
    """Where it stands among the probe's steps."""
    text: str
    """As it was traced; empty where no trace tells of it."""
    status: int | None = None
    """How it ended; None where nobody saw it, as for what a shell does itself."""
    started: tuple[str, ...] = ()
    """Programs that ran for it, itself included: command lines."""
    ended: tuple[tuple[str, int], ...] = ()
    """Command lines of those that failed, with their exit statuses."""
    said: tuple[str, ...] = ()
    """Lines that it wrote, wherever to."""
    failures: tuple[Failure, ...] = ()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The command's words, without assignments before it."""
        words = read_words(self.text)
        first = next((i for i, word in enumerate(words) if not read_assignment(word)), len(words))
        return words[first:]

    @property
    def program(self) -> str:
        """The base name of the command."""
        return self.words[0].rpartition("/")[2] if self.words else ""

    @cached_property
    def programs(self) -> frozenset[str]:
        """The base names of all that ran for it."""
        started = (command.split()[:1] for command in self.started)
        return frozenset(word[0].rpartition("/")[2] for word in started if word) | {self.program}

    @cached_property
    def comparison(self) -> Comparison | None:
        """What it compares; None where it does not."""
        return read_comparison(self.text)

    @cached_property
    def question(self) -> Question | None:
        """What it asks of a file or a text; None where it does not."""
        return read_question(self.text) if self.comparison is None else None

    @property
    def is_test(self) -> bool:
        """It is a `[`, `test` or `[[`."""
        return self.program in {"[", "test", "[["}

    @property
    def is_raised(self) -> bool:
        """It ran as root, by sudo."""
        return self.program == "sudo" or "sudo" in self.programs

    @property
    def failed(self) -> bool:
        """It was seen to fail. A test is taken to, where it does not hold or cannot be told."""
        if self.status is not None:
            return self.status != 0
        if self.is_test:
            return bool(self.said) or not (self.comparison and self.comparison.holds)
        return bool(self.failures or self.said)
