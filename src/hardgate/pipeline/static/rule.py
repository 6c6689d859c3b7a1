"""The rules as data: what each looks for, why, and what to do; read from rules.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hardgate.model.contract import Severity
from hardgate.pipeline.static.finding import Finding

RULES = Path(__file__).with_name("rules.yaml")
TABLE = yaml.safe_load(RULES.read_text())


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One thing that a template must have, or must not."""

    id: str
    group: str
    reason: str
    remedy: str

    def broken(self, file: str, line: int, **seen: object) -> Finding:
        """Say where it is broken; `seen` fills in what the words leave open."""
        return Finding(
            file=file,
            line=line,
            rule=self.id,
            reason=self.reason.format_map(seen),
            remedy=self.remedy.format_map(seen),
        )


@dataclass(frozen=True, kw_only=True)
class Linter:
    """Which of a linter's own rules count."""

    name: str
    hard: frozenset[str]
    """Levels, in the linter's words."""
    remedy: str
    left_out: Mapping[str, str]
    """Reasons, by rule."""

    def finding(self, file: str, line: int, code: str, level: str, reason: str) -> Finding | None:
        """Take what it said; None where its rule is left out."""
        if code in self.left_out:
            return None
        return Finding(
            file=file,
            line=line,
            rule=f"{self.name}/{code}",
            reason=reason.rstrip(".") + ".",
            remedy=self.remedy.format(code=code),
            severity=Severity.HARD if level in self.hard else Severity.ADVISORY,
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
        hard=frozenset(entry["hard"]),
        remedy=entry["remedy"],
        left_out={one["id"]: one["reason"] for one in entry["left_out"]},
    )
