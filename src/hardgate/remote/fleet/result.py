"""One run of a fleet, as its reports tell it: values only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Contract
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.status import Standing, State, exit_code


@dataclass(frozen=True, kw_only=True)
class FleetRun:
    """Everything a report may say."""

    id: str
    started_at: str
    """ISO 8601, UTC, to the second."""
    seconds: float
    wanted: Contract
    host_kind: str
    hosts: tuple[str, ...]
    images: tuple[FleetImage, ...]
    standings: tuple[Standing, ...]
    """One for each image on each of its hosts."""
    remarks: tuple[str, ...] = ()
    """What went wrong beside the verdicts; whole sentences."""
    interrupted: ExitCode | None = None
    """What a signal makes of the exit code."""
    problem: HardgateError | None = None
    """Why the play as a whole came to nothing, or not to its end."""

    @property
    def exit_code(self) -> ExitCode:
        """Say what it is worth."""
        code = self.interrupted or exit_code(self.standings)
        return ExitCode.UNKNOWN if self.problem and code is ExitCode.HELD else code

    @property
    def notices(self) -> tuple[str, ...]:
        """Say what the reader must not miss: once, though many gates say it."""
        busy = {standing.host for standing in self.standings}
        idle = (f"Host '{host}': no image is for it." for host in self.hosts if host not in busy)
        told = (
            notice
            for standing in self.standings
            if standing.said
            for notice in standing.said.notices
        )
        warnings = (warning for contract in self.contracts for warning in contract.warnings)
        return tuple(dict.fromkeys((*self.remarks, *idle, *self._many_digests(), *warnings, *told)))

    def _many_digests(self) -> Iterator[str]:
        """Notice where hosts call different images by one name."""
        for image in self.images:
            found: dict[str, list[str]] = {}
            for one in self.standings:
                if one.image.reference == image.reference and one.said and one.said.digest:
                    found.setdefault(one.said.digest, []).append(one.host)
            if len(found) > 1:
                where = "; ".join(f"{digest} on {', '.join(on)}" for digest, on in found.items())
                yield f"Image '{image.reference}' is not the same on all hosts: {where}."

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Give the fleet's contract, and those of the images."""
        all_of_them = (self.wanted, *(image.plan.contract for image in self.images))
        return tuple({contract.sha256: contract for contract in all_of_them}.values())

    def pick(self, state: State) -> tuple[Standing, ...]:
        """Pick the standings of one state."""
        return tuple(standing for standing in self.standings if standing.state is state)

    def find(self, image: FleetImage, host: str) -> Standing | None:
        """Find a standing; None where the image is not for that host."""
        wanted = (image.reference, host)
        return next((one for one in self.standings if key_of(one) == wanted), None)


def key_of(standing: Standing) -> tuple[str, str]:
    """Tell standings apart."""
    return standing.image.reference, standing.host


def names(standings: Iterable[Standing]) -> str:
    """List where, as a sentence does."""
    return ", ".join(f"{one.image.reference} on {one.host}" for one in standings)
