"""One run over hosts that are to be runners, as its reports tell it: values only."""

from dataclasses import dataclass

from hardgate.errors import ExitCode, HardgateError, combine_exit_codes
from hardgate.remote.runner.result import HostReport


@dataclass(frozen=True, kw_only=True)
class RunnerRun:
    """Everything a report may say."""

    id: str
    started_at: str
    """ISO 8601, UTC, to the second."""
    seconds: float
    hosts: tuple[HostReport, ...]
    changed: tuple[str, ...] = ()
    """Hosts where something was changed."""
    interrupted: ExitCode | None = None
    """What a signal makes of the exit code."""
    problem: HardgateError | None = None
    """Why the play as a whole came to nothing, or not to its end."""

    @property
    def exit_code(self) -> ExitCode:
        """Say what it is worth."""
        if self.interrupted is not None:
            return self.interrupted
        code = combine_exit_codes(host.exit_code for host in self.hosts)
        return ExitCode.UNKNOWN if self.problem and code is ExitCode.HELD else code

    @property
    def working_hosts(self) -> tuple[HostReport, ...]:
        """Pick the hosts where everything held."""
        return tuple(host for host in self.hosts if host.exit_code is ExitCode.HELD)
