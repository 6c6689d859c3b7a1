"""The second look at a miss: evidence beside a verdict, never a verdict."""

from dataclasses import dataclass, replace

from hardgate.diagnose.miss import Miss
from hardgate.diagnose.reason import Reason, find_reason
from hardgate.observation import Observation


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a miss showed when it was looked at again and from outside, and what follows from it."""

    trace: str = ""
    """The commands as `sh -x` traced them, with what they wrote on stderr."""
    exit_status: int | None = None
    flaky: bool = False
    """The second run passed. The verdict stays a failure."""
    note: str = ""
    """What keeps the trace from being the whole story; empty where nothing does."""
    reason: Reason | None = None
    """Why, where the evidence says so; it quotes what it rests on."""
    looked_twice: bool = True
    """There was a second run; False where the reason rests on the first and on the surroundings."""

    @classmethod
    def of(cls, miss: Miss) -> "Diagnosis | None":
        """Read the second look, and find the reason; None where there is neither."""
        told, reason = cls.of_rerun(miss.observation), find_reason(miss)
        if told is None:
            return None if reason is None else cls(reason=reason, looked_twice=False)
        return replace(told, reason=reason)

    @classmethod
    def of_rerun(cls, observation: Observation) -> "Diagnosis | None":
        """Read the second look alone; None where there was none."""
        rerun = observation.rerun
        if rerun is None:
            return None
        return cls(
            trace=rerun.stderr,
            exit_status=rerun.exit_status,
            flaky=rerun.exit_status == 0,
            note=rerun.problem,
        )


def thrown_away(observation: Observation) -> str:
    """Tell what was written in the second look where nobody could read it, with its writers."""
    return "\n".join(
        f"{record.program}: {line}" if not line.startswith(f"{record.program}:") else line
        for record in observation.discarded
        if record.target != "pipe"
        for line in record.text.splitlines()
        if line.strip() and not line.startswith("+ ")
    )
