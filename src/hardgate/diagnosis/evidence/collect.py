"""A probe run, and a miss looked into: what it threw away, and what is around it. Never judges."""

import time
from dataclasses import replace

from hardgate.diagnosis.evidence.context import gather
from hardgate.diagnosis.evidence.traced_rerun import ENDED, SecondLook, look_again
from hardgate.host.probe import Probe, Setting, run_probe
from hardgate.host.workspace import is_same_and_running
from hardgate.model.observation import Execution, Observation

LAST_BREATHS = frozenset({None, 126, 137, 143})
"""How a probe may end whose workspace ended under it."""
PATIENCE = 1.0
WATCHED_SECONDS = 10.0
"""How long a probe that was over its time is watched at the second look: what does it wait for?"""


def observe(probe: Probe, setting: Setting) -> Observation:
    """Run a probe; run a silent failure once more, traced; look around each failure."""
    execution = run_probe(probe, setting)
    if execution.exit_status == 0:
        return Observation(name=probe.name, execution=execution)
    if not _is_alive(setting, execution):
        # A container that was killed gives 137, and an exec after that 126: no word of the probe's.
        ended = replace(execution, problem="The workspace ended while this probe ran, or before.")
        return Observation(name=probe.name, execution=ended)
    observation = Observation(name=probe.name, execution=execution)
    if probe.rerun and (execution.silent or _waits_silently(execution)):
        seconds = WATCHED_SECONDS if execution.timed_out else probe.timeout
        watched = replace(probe, timeout=min(probe.timeout, seconds))
        observation = _with(observation, _look_again(watched, setting, execution))
    return replace(observation, surroundings=gather(probe, setting, observation))


def _waits_silently(execution: Execution) -> bool:
    return execution.timed_out and not (execution.stdout or execution.stderr)


def _is_alive(setting: Setting, execution: Execution) -> bool:
    """Tell whether the workspace outlived a probe; its engine hears of its end a little later."""
    patience = PATIENCE if execution.exit_status in LAST_BREATHS else 0.0
    deadline = time.monotonic() + patience
    while is_same_and_running(setting.client, setting.workspace):
        if time.monotonic() >= deadline:
            return True
        time.sleep(0.05)
    return False


def _look_again(probe: Probe, setting: Setting, execution: Execution) -> SecondLook:
    try:
        look = look_again(probe, setting, execution)
    except Exception as error:  # A second look must not cost the first its verdict.
        problem = f"The second look itself failed: {type(error).__name__}: {error}."
        return SecondLook(rerun=Execution(exit_status=None, problem=problem))
    if _is_alive(setting, look.rerun):
        return look
    return replace(look, rerun=replace(look.rerun, exit_status=None, problem=ENDED))


def _with(observation: Observation, look: SecondLook) -> Observation:
    return replace(
        observation,
        rerun=look.rerun,
        discarded=look.trace.discarded,
        commands=look.trace.commands,
        failures=look.trace.failures,
        exchanges=look.trace.exchanges,
    )
