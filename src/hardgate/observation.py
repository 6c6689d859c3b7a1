"""What was seen, by a probe or a guard: values only, no conclusions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Execution:
    """One run of one script in the workspace, as the engine told it."""

    exit_status: int | None
    """The script's exit status; None where the engine did not say."""
    stdout: str = ""
    stderr: str = ""
    """Both decoded with replacement, and cut at the limit of `hardgate.execution`."""
    truncated: bool = False
    """More was written than is kept here."""
    seconds: float = 0.0
    timed_out: bool = False
    """The script was still running at its deadline, and was ended by the gate."""
    problem: str = ""
    """Why nobody could tell, as a sentence; empty where the exit status is known."""

    @property
    def silent(self) -> bool:
        """It failed by itself, and wrote nothing on stdout and stderr."""
        return bool(self.exit_status) and not (self.timed_out or self.stdout or self.stderr)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Execution":
        """Read what `dataclasses.asdict` wrote."""
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What was seen of one planned capability or guard."""

    name: str
    """The capability's or the guard's name, as planned."""
    execution: Execution | None = None
    """The probe's run; None for a guard that looks without running anything."""
    rerun: Execution | None = None
    """The second look at a silent failure (`sh -xc`); evidence, never judged."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What a guard saw: JSON values, each guard's own keys (see `hardgate.guard`)."""
    problem: str = ""
    """Why nobody could look, as a sentence; empty where somebody could."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Observation":
        """Read what `dataclasses.asdict` wrote."""
        runs = {
            key: Execution.from_json(data[key]) if data.get(key) else None
            for key in ("execution", "rerun")
        }
        return cls(
            name=data["name"],
            facts=data.get("facts", {}),
            problem=data.get("problem", ""),
            **runs,
        )
