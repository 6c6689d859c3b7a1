"""The second look at a silent failure: evidence beside a verdict, never a verdict."""

from dataclasses import dataclass

from hardgate.observation import Observation


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a silent probe showed when its shell was made to speak."""

    trace: str
    """The commands as `sh -x` traced them, with what they wrote on stderr."""
    exit_status: int | None
    flaky: bool
    """The second run passed. The verdict stays a failure."""
    note: str = ""
    """What keeps the trace from being the whole story; empty where nothing does."""

    @classmethod
    def of(cls, observation: Observation) -> "Diagnosis | None":
        """Read the second look; None where there was none."""
        rerun = observation.rerun
        if rerun is None:
            return None
        return cls(
            trace=rerun.stderr,
            exit_status=rerun.exit_status,
            flaky=rerun.exit_status == 0,
            note=rerun.problem,
        )
