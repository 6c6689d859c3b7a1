"""What one host is worth as a runner: its contracts' verdicts, and tier 4 there. Values only."""

from collections.abc import Iterable
from dataclasses import dataclass

from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode, HardgateError
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Run
from hardgate.model.verdict import exit_code, judge
from hardgate.remote.gate_summary import Asked, Said, SummaryError, read_said
from hardgate.remote.runner.host_state import Seen
from hardgate.remote.runner.request import RunnerRequest

DIRECT = "direct"
"""The gate's test host is the runner itself: that is what is to be proved."""


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """Everything a report may say of one host."""

    name: str
    runs: tuple[Run, ...]
    """One for each contract of a host, in their order."""
    gate_plan: Plan
    said: Said | None
    """What the gate there said; None where there is nothing to rely on."""
    trouble: HardgateError | None
    """Why there is not; never beside `said`."""
    error: HardgateError | None
    """What kept the host from being looked at."""
    withdrawn: bool
    notices: tuple[str, ...]

    @property
    def gate_code(self) -> ExitCode:
        """Say what the gate there is worth."""
        return self.said.exit_code if self.said else ExitCode.UNKNOWN

    @property
    def exit_code(self) -> ExitCode:
        """Say what all of it is worth."""
        codes = [*(run.exit_code for run in self.runs), self.gate_code]
        return worst([*codes, ExitCode.UNKNOWN] if self.error else codes)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Add up: a proven miss first, then what nobody could tell. Nothing is not green."""
    found = set(codes)
    if ExitCode.BROKEN in found:
        return ExitCode.BROKEN
    return ExitCode.HELD if found == {ExitCode.HELD} else ExitCode.UNKNOWN


def conclude(
    seen: Seen, request: RunnerRequest, *, run_id: str, started_at: str, seconds: float
) -> HostReport:
    """Judge what was seen of one host; what was not is an error, with the cause that is known."""
    runs: list[Run] = []
    for plan in request.plans:
        held = all(run.exit_code is ExitCode.HELD for run in runs)
        why = _why_not(
            seen, "" if held else f"It did not keep '{runs[-1].plan.group}' before that."
        )
        runs.append(_run(plan, seen, why, run_id, started_at, seconds))
    said, trouble = _read_gate(seen, request)
    return HostReport(
        name=seen.name,
        runs=tuple(runs),
        gate_plan=request.gate_plan,
        said=said,
        trouble=trouble,
        error=seen.error,
        withdrawn=seen.withdrawn,
        notices=tuple(dict.fromkeys(seen.notices)),
    )


def _why_not(seen: Seen, before: str) -> str:
    """Say why there is no observation; what was seen before the trouble weighs more."""
    return before or (seen.error.problem if seen.error else "Nothing was heard of it.")


def _run(plan: Plan, seen: Seen, why_not: str, run_id: str, started_at: str, seconds: float) -> Run:
    found: list[Observation] | None = seen.observations.get(plan.group)
    judged = judge(plan, found or (), "" if found else why_not)
    verdicts = attach_diagnoses(plan, judged, found or ())
    engine, kernel = seen.engine, seen.kernel
    return Run(
        id=run_id,
        started_at=started_at,
        seconds=round(seconds, 3),
        plan=plan,
        image=None,
        host=Host(kind="subject", name=seen.name, engine=engine, kernel=kernel),
        verdicts=verdicts,
        exit_code=exit_code(verdicts, partial=plan.partial),
        problem="" if found else why_not,
    )


def _read_gate(seen: Seen, request: RunnerRequest) -> tuple[Said | None, HardgateError | None]:
    if seen.gate is None:
        why = seen.error.problem if seen.error else "The gate was not run there."
        return None, HardgateError(why)
    asked = Asked(reference=request.reference, plan=request.gate_plan, host_kind=DIRECT)
    try:
        return read_said(seen.gate.get("summary"), seen.gate.get("exit_code"), asked), None
    except SummaryError as error:
        said = "\n".join(map(str, seen.gate.get("said", ())))
        return None, HardgateError(error.problem, error.remedy, evidence=said)
