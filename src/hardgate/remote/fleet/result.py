"""One run of a fleet, as its reports tell it: values only."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Contract
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.status import ImageState, ImageStatus, exit_code_for_fleet


@dataclass(frozen=True, kw_only=True)
class FleetRun:
    """Everything a report may say."""

    id: str
    started_at: str
    """ISO 8601, UTC, to the second."""
    seconds: float
    contract: Contract
    host_kind: str
    hosts: tuple[str, ...]
    images: tuple[FleetImage, ...]
    standings: tuple[ImageStatus, ...]
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
        code = self.interrupted or exit_code_for_fleet(self.standings)
        return ExitCode.UNKNOWN if self.problem and code is ExitCode.HELD else code

    @property
    def notices(self) -> tuple[str, ...]:
        """Say what the reader must not miss: once, though many gates say it."""
        busy = {status.host for status in self.standings}
        idle = (f"Host '{host}': no image is for it." for host in self.hosts if host not in busy)
        gate_notices = (
            notice
            for standing in self.standings
            if standing.gate_summary
            for notice in standing.gate_summary.notices
        )
        warnings = (
            warning for contract in self.distinct_contracts for warning in contract.warnings
        )
        return tuple(
            dict.fromkeys(
                (*self.remarks, *idle, *self._find_digest_conflicts(), *warnings, *gate_notices)
            )
        )

    def _find_digest_conflicts(self) -> Iterator[str]:
        """Notice where hosts call different images by one name."""
        for image in self.images:
            hosts_by_digest: dict[str, list[str]] = {}
            for status in self.standings:
                if (
                    status.image.reference == image.reference
                    and status.gate_summary
                    and status.gate_summary.digest
                ):
                    hosts_by_digest.setdefault(status.gate_summary.digest, []).append(status.host)
            if len(hosts_by_digest) > 1:
                where = "; ".join(
                    f"{digest} on {', '.join(on)}" for digest, on in hosts_by_digest.items()
                )
                yield f"Image '{image.reference}' is not the same on all hosts: {where}."

    @property
    def distinct_contracts(self) -> tuple[Contract, ...]:
        """Give the fleet's contract, and those of the images."""
        all_of_them = (self.contract, *(image.plan.contract for image in self.images))
        return tuple({contract.sha256: contract for contract in all_of_them}.values())

    def with_state(self, state: ImageState) -> tuple[ImageStatus, ...]:
        """Pick the standings of one state."""
        return tuple(status for status in self.standings if status.state is state)

    def find_status(self, image: FleetImage, host: str) -> ImageStatus | None:
        """Find a standing; None where the image is not for that host."""
        key = (image.reference, host)
        return next((status for status in self.standings if status_key(status) == key), None)


def status_key(status: ImageStatus) -> tuple[str, str]:
    """Tell standings apart."""
    return status.image.reference, status.host


def format_locations(statuses: Iterable[ImageStatus]) -> str:
    """List where, as a sentence does."""
    return ", ".join(f"{status.image.reference} on {status.host}" for status in statuses)
