"""How one image stands on one host, and what all of them come to."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from hardgate.errors import ExitCode, HardgateError, combine_exit_codes
from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome, VerdictKind
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.staleness import StaleReason, make_skipped_reason
from hardgate.report.gate_summary import GateSummary
from hardgate.report.marks import Mark, mark_outcome, mark_state_word


class ImageState(Enum):
    """What is known of an image on a host."""

    GREEN = "green"
    """All that the fleet's contract demands was looked at there, and held."""
    RED = "red"
    """Its gate saw something hard not to hold."""
    STALE = "stale"
    """Its gate is green, by a contract that demands less than the fleet's."""
    UNKNOWN = "unknown"
    """Nobody could tell."""

    @property
    def mark(self) -> Mark:
        """Give its mark."""
        return mark_state_word(self.value)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One capability or guard of one image on one host."""

    name: str
    kind: VerdictKind
    severity: Severity
    mark: Mark
    reason: str
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class ImageStatus:
    """One image on one host: what its gate said, or why it said nothing."""

    image: FleetImage
    host: str
    gate_summary: GateSummary | None = None
    summary_error: HardgateError | None = None
    """Why there is nothing to rely on; never beside `gate_summary`."""
    reports: str = ""
    """Where what its gate wrote lies, below the fleet's own folder; empty where nothing came."""

    @property
    def stale_reasons(self) -> tuple[StaleReason, ...]:
        """Say why a green there is none by the fleet's contract."""
        skipped_names = self.gate_summary.skipped_capabilities if self.gate_summary else ()
        skipped = (
            make_skipped_reason(capability)
            for capability in self.image.plan.capabilities
            if capability.name in skipped_names
        )
        return (*self.image.stale_reasons, *skipped)

    @property
    def state(self) -> ImageState:
        """Say what is known of it; what a gate proved weighs more than what it did not look at."""
        if self.gate_summary is None:
            return ImageState.UNKNOWN
        if self.gate_summary.exit_code is ExitCode.BROKEN:
            return ImageState.RED
        partial = self.gate_summary.exit_code is ExitCode.UNKNOWN and self._is_only_partial
        if self.gate_summary.exit_code is not ExitCode.HELD and not partial:
            return ImageState.UNKNOWN
        return ImageState.STALE if self.stale_reasons else ImageState.GREEN

    @property
    def _is_only_partial(self) -> bool:
        """Tell whether nothing but what was left out keeps its gate from green."""
        summary = self.gate_summary
        hard_verdicts = (
            [verdict for verdict in summary.verdicts if verdict.severity is Severity.HARD]
            if summary
            else []
        )
        return bool(
            summary
            and summary.skipped_capabilities
            and not summary.problem
            and all(told.outcome is Outcome.PASS for told in hard_verdicts)
        )

    @property
    def error(self) -> HardgateError | None:
        """Say why nobody could tell; None where somebody could."""
        if self.state is not ImageState.UNKNOWN or self.summary_error is not None:
            return self.summary_error
        summary = self.gate_summary
        if summary is None:
            return HardgateError("Nothing was heard of it.", "Run the fleet again.")
        return HardgateError(
            summary.problem or f"Its gate could not tell: {summary.headline}",
            summary.remedy,
            evidence=summary.evidence,
        )

    def make_cells(self) -> Iterator[Cell]:
        """Yield a cell for each capability, its own and the fleet's, and each guard."""
        planned = [
            *(
                (VerdictKind.CAPABILITY, promise.name, promise.severity)
                for promise in self.image.plan.capabilities
            ),
            *((VerdictKind.GUARD, one.name, Severity.HARD) for one in self.image.plan.guards),
        ]
        for kind, name, severity in planned:
            yield self._mark_stale(self._make_cell(kind, name, severity))
        own_names = {name for kind, name, _ in planned if kind is VerdictKind.CAPABILITY}
        for stale_reason in self.stale_reasons:
            if stale_reason.capability and stale_reason.capability not in own_names:
                yield self._make_stale_cell(stale_reason)

    def _make_cell(self, kind: VerdictKind, name: str, severity: Severity) -> Cell:
        verdict = self.gate_summary.verdicts_by_name(kind).get(name) if self.gate_summary else None
        if verdict is None:
            return self._make_unknown_cell(kind, name, severity)
        mark = mark_outcome(verdict.outcome, verdict.severity)
        return Cell(
            name=name,
            kind=kind,
            severity=severity,
            mark=mark,
            reason=verdict.reason,
            remedy="" if mark is Mark.HELD else verdict.remedy,
        )

    def _make_unknown_cell(self, kind: VerdictKind, name: str, severity: Severity) -> Cell:
        why = self.error.problem if self.error else "Its gate gave no verdict of it."
        return Cell(name=name, kind=kind, severity=severity, mark=Mark.UNKNOWN, reason=why)

    def _mark_stale(self, cell: Cell) -> Cell:
        """Take back what was told of less than the fleet's contract demands."""
        skipped_names = self.gate_summary.skipped_capabilities if self.gate_summary else ()
        if cell.kind is VerdictKind.GUARD or not (
            cell.mark is Mark.HELD or cell.name in skipped_names
        ):
            return cell
        for stale_reason in self.stale_reasons:
            if stale_reason.capability in {"", cell.name}:
                return replace(cell, mark=Mark.STALE, reason=stale_reason.sentence)
        return cell

    def _make_stale_cell(self, stale_reason: StaleReason) -> Cell:
        if self.gate_summary is None:
            return self._make_unknown_cell(
                VerdictKind.CAPABILITY, stale_reason.capability, stale_reason.severity
            )
        return Cell(
            name=stale_reason.capability,
            kind=VerdictKind.CAPABILITY,
            severity=stale_reason.severity,
            mark=Mark.STALE,
            reason=stale_reason.sentence,
        )


STATE_EXIT_CODES: Mapping[ImageState, ExitCode] = {
    ImageState.GREEN: ExitCode.HELD,
    ImageState.RED: ExitCode.BROKEN,
    ImageState.STALE: ExitCode.BROKEN,
    ImageState.UNKNOWN: ExitCode.UNKNOWN,
}


def exit_code_for_fleet(statuses: Iterable[ImageStatus]) -> ExitCode:
    """Say what the fleet is worth. Nothing verified is never 0, and stale is never green.

    Stale is 1, as for `hardgate validate`: that an image was verified by less than the fleet's
    contract is seen, not guessed, and no second run mends it.
    """
    return combine_exit_codes(STATE_EXIT_CODES[status.state] for status in statuses)
