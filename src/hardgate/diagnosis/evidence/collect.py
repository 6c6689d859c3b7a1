"""A probe run, and a miss looked into: what it threw away, and what is around it. Never judges."""

import time
from dataclasses import replace

from hardgate.diagnosis.evidence.context import collect_surroundings
from hardgate.diagnosis.evidence.traced_rerun import WORKSPACE_ENDED, TracedRerun, rerun_traced
from hardgate.host.probe import Probe, ProbeContext, run_probe
from hardgate.host.workspace import is_same_and_running
from hardgate.model.observation import (
    Execution,
    LookKind,
    LookRecorder,
    Observation,
    bound_observation,
)

ALREADY_ENDED = "The workspace had ended, or ended meanwhile."
"""One sentence for all that nobody could look at, so that reports tell it once."""
WORKSPACE_END_STATUSES = frozenset({None, 126, 137, 143})
"""How a probe may end whose workspace ended under it."""
ENGINE_DELAY_SECONDS = 1.0
TIMED_OUT_RERUN_SECONDS = 10.0
"""How long a probe that was over its time is watched at the second look: what does it wait for?"""


def observe_probe(probe: Probe, context: ProbeContext) -> Observation:
    """Run a probe; run a silent failure once more, traced; look around each failure."""
    recorder = LookRecorder()
    observation = _observe_probe(probe, context, recorder)
    return replace(observation, looks=tuple(recorder.looks))


def _observe_probe(probe: Probe, context: ProbeContext, recorder: LookRecorder) -> Observation:
    with recorder.record_look(LookKind.RUN):
        execution = run_probe(probe, context)
    if execution.exit_status == 0:
        return Observation(name=probe.name, execution=execution)
    if not _is_workspace_alive(context, execution):
        # A container that was killed gives 137, and an exec after that 126: no word of the probe's.
        ended = replace(execution, problem=ALREADY_ENDED)
        return Observation(name=probe.name, execution=ended)
    observation = Observation(name=probe.name, execution=execution)
    if probe.rerun and (execution.is_silent or _timed_out_silently(execution)):
        seconds = TIMED_OUT_RERUN_SECONDS if execution.timed_out else probe.timeout
        watched = replace(probe, timeout=min(probe.timeout, seconds))
        observation = _add_rerun(observation, _rerun_safely(watched, context, execution, recorder))
    bounded = bound_observation(observation)
    with recorder.record_look(LookKind.CONTEXT):
        surroundings = collect_surroundings(probe, context, bounded)
    return replace(observation, surroundings=surroundings)


def _timed_out_silently(execution: Execution) -> bool:
    return execution.timed_out and not (execution.stdout or execution.stderr)


def _is_workspace_alive(context: ProbeContext, execution: Execution) -> bool:
    """Tell whether the workspace outlived a probe; its engine hears of its end a little later."""
    wait_seconds = ENGINE_DELAY_SECONDS if execution.exit_status in WORKSPACE_END_STATUSES else 0.0
    deadline = time.monotonic() + wait_seconds
    while is_same_and_running(context.client, context.workspace):
        if time.monotonic() >= deadline:
            return True
        time.sleep(0.05)
    return False


def _rerun_safely(
    probe: Probe, context: ProbeContext, execution: Execution, recorder: LookRecorder
) -> TracedRerun:
    try:
        result = rerun_traced(probe, context, execution, recorder)
    except Exception as error:  # A second look must not cost the first its verdict.
        problem = f"The second look itself failed: {type(error).__name__}: {error}."
        return TracedRerun(rerun=Execution(exit_status=None, problem=problem))
    if _is_workspace_alive(context, result.rerun):
        return result
    return replace(result, rerun=replace(result.rerun, exit_status=None, problem=WORKSPACE_ENDED))


def _add_rerun(observation: Observation, result: TracedRerun) -> Observation:
    return replace(
        observation,
        rerun=result.rerun,
        discarded=result.trace.discarded,
        commands=result.trace.commands,
        failures=result.trace.failures,
        exchanges=result.trace.exchanges,
    )
