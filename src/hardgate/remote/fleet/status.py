"""How one image stands on one host, and what all of them come to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.verdict import Kind, Outcome
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.staleness import Lack, left_out
from hardgate.remote.gate_summary import Said


class State(Enum):
    """What is known of an image on a host."""

    GREEN = "green"
    """All that the fleet's contract demands was looked at there, and held."""
    RED = "red"
    """Its gate saw something hard not to hold."""
    STALE = "stale"
    """Its gate is green, by a contract that demands less than the fleet's."""
    UNKNOWN = "unknown"
    """Nobody could tell."""


class Mark(Enum):
    """What a cell of the matrix says."""

    HELD = "held"
    MISSED = "missed"
    ADVISORY = "advisory, missed"
    UNKNOWN = "unknown"
    """Nobody could tell."""
    STALE = "stale"
    """The image's own contract does not ask for it, or by another probe."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One capability or guard of one image on one host."""

    name: str
    kind: Kind
    severity: Severity
    mark: Mark
    reason: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One image on one host: what its gate said, or why it said nothing."""

    image: FleetImage
    host: str
    said: Said | None = None
    trouble: HardgateError | None = None
    """Why there is nothing to rely on; never beside `said`."""
    reports: str = ""
    """Where what its gate wrote lies, below the fleet's own folder; empty where nothing came."""

    @property
    def lacks(self) -> tuple[Lack, ...]:
        """Say why a green there is none by the fleet's contract."""
        parts = self.said.left_out if self.said else ()
        skipped = (left_out(one) for one in self.image.plan.capabilities if one.name in parts)
        return (*self.image.lacks, *skipped)

    @property
    def state(self) -> State:
        """Say what is known of it; what a gate proved weighs more than what it did not look at."""
        if self.said is None:
            return State.UNKNOWN
        if self.said.exit_code is ExitCode.BROKEN:
            return State.RED
        partial = self.said.exit_code is ExitCode.UNKNOWN and self._only_partial
        if self.said.exit_code is not ExitCode.HELD and not partial:
            return State.UNKNOWN
        return State.STALE if self.lacks else State.GREEN

    @property
    def _only_partial(self) -> bool:
        """Tell whether nothing but what was left out keeps its gate from green."""
        said = self.said
        hard = [told for told in said.verdicts if told.severity is Severity.HARD] if said else []
        return bool(
            said
            and said.left_out
            and not said.problem
            and all(told.outcome is Outcome.PASS for told in hard)
        )

    @property
    def error(self) -> HardgateError | None:
        """Say why nobody could tell; None where somebody could."""
        if self.state is not State.UNKNOWN or self.trouble is not None:
            return self.trouble
        said = self.said
        if said is None:
            return HardgateError("Nothing was heard of it.", "Run the fleet again.")
        return HardgateError(
            said.problem or f"Its gate could not tell: {said.headline}",
            said.remedy,
            evidence=said.evidence,
        )

    def cells(self) -> Iterator[Cell]:
        """Yield a cell for each capability, its own and the fleet's, and each guard."""
        planned = [
            *((Kind.CAPABILITY, one.name, one.severity) for one in self.image.plan.capabilities),
            *((Kind.GUARD, one.name, Severity.HARD) for one in self.image.plan.guards),
        ]
        for kind, name, severity in planned:
            yield self._aged(self._cell(kind, name, severity))
        own = {name for kind, name, _ in planned if kind is Kind.CAPABILITY}
        for lack in self.lacks:
            if lack.capability and lack.capability not in own:
                yield self._missing(lack)

    def _cell(self, kind: Kind, name: str, severity: Severity) -> Cell:
        told = self.said.outcomes(kind).get(name) if self.said else None
        if told is None:
            return self._untold(kind, name, severity)
        mark = mark_of(told.outcome, told.severity)
        return Cell(
            name=name,
            kind=kind,
            severity=severity,
            mark=mark,
            reason=told.reason,
            remedy="" if mark is Mark.HELD else told.remedy,
        )

    def _untold(self, kind: Kind, name: str, severity: Severity) -> Cell:
        why = self.error.problem if self.error else "Its gate gave no verdict of it."
        return Cell(name=name, kind=kind, severity=severity, mark=Mark.UNKNOWN, reason=why)

    def _aged(self, cell: Cell) -> Cell:
        """Take back what was told of less than the fleet's contract demands."""
        parts = self.said.left_out if self.said else ()
        if cell.kind is Kind.GUARD or not (cell.mark is Mark.HELD or cell.name in parts):
            return cell
        for lack in self.lacks:
            if lack.capability in {"", cell.name}:
                return replace(cell, mark=Mark.STALE, reason=lack.sentence)
        return cell

    def _missing(self, lack: Lack) -> Cell:
        if self.said is None:
            return self._untold(Kind.CAPABILITY, lack.capability, lack.severity)
        return Cell(
            name=lack.capability,
            kind=Kind.CAPABILITY,
            severity=lack.severity,
            mark=Mark.STALE,
            reason=lack.sentence,
        )


def mark_of(outcome: Outcome, severity: Severity) -> Mark:
    """Say what a verdict is in a cell."""
    match outcome, severity:
        case Outcome.PASS, _:
            return Mark.HELD
        case Outcome.ERROR, _:
            return Mark.UNKNOWN
        case Outcome.FAIL, Severity.ADVISORY:
            return Mark.ADVISORY
        case _:
            return Mark.MISSED


def exit_code(standings: Iterable[Standing]) -> ExitCode:
    """Say what the fleet is worth. Nothing verified is never 0, and stale is never green.

    Stale is 1, as for `hardgate validate`: that an image was verified by less than the fleet's
    contract is seen, not guessed, and no second run mends it.
    """
    states = [standing.state for standing in standings]
    if State.RED in states or State.STALE in states:
        return ExitCode.BROKEN
    if not states or State.UNKNOWN in states:
        return ExitCode.UNKNOWN
    return ExitCode.HELD
