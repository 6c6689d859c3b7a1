"""One thing that a rule found: where, by which rule, why, and what to do."""

from dataclasses import dataclass

from hardgate.model.contract import Severity


@dataclass(frozen=True, kw_only=True)
class Finding:
    """It stands at a line of a file of the template."""

    file: str
    """From the repository's root."""
    line: int
    """Counted from 1; 0 where the whole file is meant."""
    rule: str
    reason: str
    remedy: str
    severity: Severity = Severity.HARD

    @property
    def place(self) -> str:
        """Write it as editors and terminals know it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{self.place}: {self.rule}: {self.reason} {self.remedy}"
