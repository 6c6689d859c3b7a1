"""What one host is worth as a runner: its contracts' verdicts, and tier 4 there. Values only."""

from dataclasses import dataclass

from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode, HardgateError, combine_exit_codes
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Run
from hardgate.model.verdict import exit_code_of_verdicts, judge_plan
from hardgate.remote.runner.host_state import HostState
from hardgate.remote.runner.request import RunnerRequest
from hardgate.report.gate_summary import ExpectedRun, GateSummary, SummaryError

DIRECT_HOST_KIND = "direct"
"""The gate's test host is the runner itself: that is what is to be proved."""


@dataclass(frozen=True, kw_only=True)
class HostReport:
    """Everything a report may say of one host."""

    name: str
    runs: tuple[Run, ...]
    """One for each contract of a host, in their order."""
    gate_plan: Plan
    gate_summary: GateSummary | None
    """What the gate there said; None where there is nothing to rely on."""
    summary_error: HardgateError | None
    """Why there is not; never beside `said`."""
    error: HardgateError | None
    """What kept the host from being looked at."""
    withdrawn: bool
    notices: tuple[str, ...]

    @property
    def gate_exit_code(self) -> ExitCode:
        """Say what the gate there is worth."""
        return self.gate_summary.exit_code if self.gate_summary else ExitCode.UNKNOWN

    @property
    def exit_code(self) -> ExitCode:
        """Say what all of it is worth."""
        codes = [*(run.exit_code for run in self.runs), self.gate_exit_code]
        return combine_exit_codes([*codes, ExitCode.UNKNOWN] if self.error else codes)


def judge_host(
    state: HostState, request: RunnerRequest, *, run_id: str, started_at: str, seconds: float
) -> HostReport:
    """Judge what was seen of one host; what was not is an error, with the cause that is known."""
    runs: list[Run] = []
    for plan in request.plans:
        all_held = all(run.exit_code is ExitCode.HELD for run in runs)
        why_missing = _explain_missing(
            state, "" if all_held else f"It did not keep '{runs[-1].plan.group}' before that."
        )
        runs.append(_make_contract_run(plan, state, why_missing, run_id, started_at, seconds))
    summary, summary_error = _read_gate_result(state, request)
    return HostReport(
        name=state.name,
        runs=tuple(runs),
        gate_plan=request.gate_plan,
        gate_summary=summary,
        summary_error=summary_error,
        error=state.error,
        withdrawn=state.withdrawn,
        notices=tuple(dict.fromkeys(state.notices)),
    )


def _explain_missing(state: HostState, before: str) -> str:
    """Say why there is no observation; what was seen before the trouble weighs more."""
    return before or (state.error.problem if state.error else "Nothing was heard of it.")


def _make_contract_run(
    plan: Plan, state: HostState, why_missing: str, run_id: str, started_at: str, seconds: float
) -> Run:
    observations: list[Observation] | None = state.observations.get(plan.group)
    judged = judge_plan(plan, observations or (), "" if observations else why_missing)
    verdicts = attach_diagnoses(plan, judged, observations or ())
    engine, kernel = state.engine, state.kernel
    return Run(
        id=run_id,
        started_at=started_at,
        seconds=round(seconds, 3),
        plan=plan,
        image=None,
        host=Host(kind="subject", name=state.name, engine=engine, kernel=kernel),
        verdicts=verdicts,
        exit_code=exit_code_of_verdicts(verdicts, partial=plan.is_partial),
        problem="" if observations else why_missing,
    )


def _read_gate_result(
    state: HostState, request: RunnerRequest
) -> tuple[GateSummary | None, HardgateError | None]:
    if state.gate is None:
        why = state.error.problem if state.error else "The gate was not run there."
        return None, HardgateError(why)
    expected = ExpectedRun(
        reference=request.reference, plan=request.gate_plan, host_kind=DIRECT_HOST_KIND
    )
    try:
        return state.gate.read_summary(expected), None
    except SummaryError as error:
        return None, error
