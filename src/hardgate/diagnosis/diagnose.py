"""The second look at a miss: evidence beside a verdict, never a verdict."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.budget import Budget
from hardgate.diagnosis.reason import find_reason
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.verdict import Diagnosis, Outcome, Verdict

RUN_DIAGNOSIS_SECONDS = 60.0
"""Seconds for the diagnoses of a whole run; what is left over then is not diagnosed."""


def attach_diagnoses(
    plan: Plan,
    verdicts: Iterable[Verdict],
    observations: Iterable[Observation],
    budget: Budget | None = None,
) -> tuple[Verdict, ...]:
    """Return the verdicts, each miss among them with its diagnosis; nothing else of them changes.

    `observations` are all of the run: a miss may be explained by what another probe showed.
    """
    found = {observation.name: observation for observation in observations}
    probes = {capability.name: capability.probe for capability in plan.capabilities}
    budget = budget or Budget(RUN_DIAGNOSIS_SECONDS)
    return tuple(
        replace(
            verdict, diagnosis=_diagnose(plan, verdict, probes.get(verdict.name, ""), found, budget)
        )
        if verdict.outcome is Outcome.FAIL
        else verdict
        for verdict in verdicts
    )


def _diagnose(
    plan: Plan, verdict: Verdict, script: str, found: Mapping[str, Observation], budget: Budget
) -> Diagnosis | None:
    uid = plan.contract.agent_uid
    if uid is None:  # The rules know workspaces; what a host's probe says is all there is.
        return read_rerun(verdict.observation)
    return diagnose_miss(
        FailedProbe(
            observation=verdict.observation, script=script, uid=uid, other_observations=found
        ),
        budget,
    )


def diagnose_miss(miss: FailedProbe, budget: Budget | None = None) -> Diagnosis | None:
    """Read the second look, and find the reason; None where there is neither."""
    rerun, reason = read_rerun(miss.observation), find_reason(miss, budget)
    if rerun is None:
        return None if reason is None else Diagnosis(reason=reason, looked_twice=False)
    return replace(rerun, reason=reason)


def read_rerun(observation: Observation) -> Diagnosis | None:
    """Read the second look alone; None where there was none."""
    rerun = observation.rerun
    if rerun is None:
        return None
    return Diagnosis(
        trace=rerun.stderr,
        exit_status=rerun.exit_status,
        flaky=rerun.exit_status == 0,
        note=rerun.problem,
    )


def list_discarded_lines(observation: Observation) -> str:
    """Tell what was written in the second look where nobody could read it, with its writers."""
    return "\n".join(
        f"{record.program}: {line}" if not line.startswith(f"{record.program}:") else line
        for record in observation.discarded
        if record.target != "pipe"
        for line in record.text.splitlines()
        if line.strip() and not line.startswith("+ ")
    )
