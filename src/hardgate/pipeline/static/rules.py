"""The rules as data, and what they find; read from rules.yaml.

A rule holds, is broken, or cannot be told from the text. What cannot be told is never red and never
silent: it names the session that sees it live. Hard is what can make a verdict false, or breaks the
contract; all else is advice.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hardgate.model.contract import Severity

RULES = Path(__file__).with_name("rules.yaml")
TABLE = yaml.safe_load(RULES.read_text())
NOBODY = "nobody"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a rule found at a line of a file of the template."""

    file: str
    """From the repository's root."""
    line: int
    """Counted from 1; 0 where the whole file is meant."""
    rule: str
    reason: str
    remedy: str
    severity: Severity = Severity.HARD
    untold: bool = False
    """It cannot be told from the text."""

    @property
    def place(self) -> str:
        """Write it as editors and terminals know it."""
        return f"{self.file}:{self.line}" if self.line else self.file

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{self.place}: {self.rule}: {self.reason} {self.remedy}"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that a template must have, or must not."""

    id: str
    group: str
    reason: str
    remedy: str
    prevents: str = ""
    """The wrong verdict that it prevents, or what of the contract it is; empty for advice."""
    seen_by: str = NOBODY
    """The session that sees live what cannot be told here."""

    @property
    def severity(self) -> Severity:
        """A rule that prevents nothing is advice."""
        return Severity.HARD if self.prevents else Severity.ADVISORY

    def broken(self, file: str, line: int, **seen: object) -> Finding:
        """Say where it is broken; `seen` fills in what the words leave open."""
        return Finding(
            file=file,
            line=line,
            rule=self.id,
            reason=self.reason.format_map(seen),
            remedy=self.remedy.format_map(seen),
            severity=self.severity,
        )

    def advice(self, file: str, line: int, **seen: object) -> Finding:
        """Say where it would be better otherwise, though no verdict rests on it."""
        found = self.broken(file, line, **seen)
        return Finding(**{**vars(found), "severity": Severity.ADVISORY})

    def untold(self, file: str, line: int, why: str) -> Finding:
        """Say that the text does not tell, why, and who sees it."""
        seen = f"The session '{self.seen_by}' sees it live."
        if self.seen_by == NOBODY:
            seen = "No session sees it: look at it yourself."
        return Finding(
            file=file,
            line=line,
            rule=self.id,
            reason=f"It cannot be told from the text: {why}.",
            remedy=seen,
            severity=Severity.ADVISORY,
            untold=True,
        )


@dataclass(frozen=True, kw_only=True)
class Linter:
    """Which of a linter's own rules count."""

    name: str
    remedy: str
    left_out: Mapping[str, str]
    """Reasons, by rule."""
    severity: Severity = Severity.ADVISORY

    def finding(self, file: str, line: int, code: str, reason: str) -> Finding | None:
        """Take what it said; None where its rule is left out."""
        if code in self.left_out:
            return None
        return Finding(
            file=file,
            line=line,
            rule=f"{self.name}/{code}",
            reason=reason.rstrip(".") + ".",
            remedy=self.remedy.format(code=code),
            severity=self.severity,
        )

    def untold(self, file: str, why: str) -> Finding:
        """Say that it gave no answer on a file."""
        return Finding(
            file=file,
            line=0,
            rule=self.name,
            reason=f"{self.name} cannot tell: {why}",
            remedy="Look at the file yourself.",
            severity=Severity.ADVISORY,
            untold=True,
        )


@cache
def rules() -> Mapping[str, Rule]:
    """Give all rules by their ids, in the order of the report."""
    return {entry["id"]: Rule(**entry) for entry in TABLE["rules"]}


@cache
def linters() -> Mapping[str, Linter]:
    """Give the linters by their names."""
    return {entry["name"]: _linter(entry) for entry in TABLE["linters"]}


def _linter(entry: Mapping[str, Any]) -> Linter:
    return Linter(
        name=entry["name"],
        remedy=entry["remedy"],
        left_out={one["id"]: one["reason"] for one in entry["left_out"]},
    )
