"""One thing that an answer rests on: seen to hold, seen not to, or nobody could tell."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hardgate.errors import ExitCode, combine_exit_codes
from hardgate.model.contract import Severity
from hardgate.model.verdict import OUTCOME_EXIT_CODES, Outcome
from hardgate.redaction import Redactor


@dataclass(frozen=True, kw_only=True)
class Check:
    """Beside a verdict of the gate: a point needs no engine and no plan."""

    name: str
    group: str
    """What it belongs with, such as `dockerfile`."""
    outcome: Outcome
    reason: str = ""
    """One line: why it is not a pass, or what the pass rests on."""
    remedy: str = ""
    evidence: str = ""
    """Findings, a line each, or the end of what a program said."""
    severity: Severity = Severity.HARD
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Write it for answer.json."""
        return asdict(self) | {"outcome": self.outcome.value, "severity": self.severity.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Check":
        """Read what `to_json` wrote."""
        kinds = {"outcome": Outcome(data["outcome"]), "severity": Severity(data["severity"])}
        return cls(**{**data, **kinds})


def redact_check(check: Check, redactor: Redactor) -> Check:
    """Take the secrets out of all its texts; a parametrised test has values in its name."""
    return replace(
        check,
        name=redactor.redact_text(check.name),
        reason=redactor.redact_text(check.reason),
        remedy=redactor.redact_text(check.remedy),
        evidence=redactor.redact_text(check.evidence),
    )


def exit_code_for_checks(checks: Iterable[Check]) -> ExitCode:
    """Say what the points are worth, as `verdict.exit_code` does: nothing seen is never 0."""
    hard = (check for check in checks if check.severity is Severity.HARD)
    return combine_exit_codes(OUTCOME_EXIT_CODES[check.outcome] for check in hard)
