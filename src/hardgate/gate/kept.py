"""What is told of a run that was kept: how to enter it, to repeat each miss, and to remove it."""

import shlex

from hardgate.gate.environment import TestEnvironment
from hardgate.gate.state import RunState
from hardgate.model.plan import Plan
from hardgate.model.verdict import Outcome, judge_plan


def describe_kept_run(
    plan: Plan, test_environment: TestEnvironment, state: RunState
) -> tuple[str, ...]:
    """Give a line for each, to be typed as it stands; nothing where there is no workspace."""
    if test_environment.host is None or state.workspace is None:
        return ()
    host, container = test_environment.host.container[:12], state.workspace.id[:12]
    inner = f"docker exec -it {host} " if test_environment.host.kind == "nested" else ""
    enter = f"{inner}docker exec -it -u {plan.contract.agent_uid} {container}"
    running = not any(
        observation.facts.get("ended") for observation in state.observations
    )  # what has ended cannot be entered
    lines = [f"Enter the workspace: {enter} sh"] if running else []
    if inner:
        lines.append(f"Enter the test host: docker exec -it {host} bash")
    missed = {
        verdict.name
        for verdict in judge_plan(plan, state.observations)
        if verdict.outcome is not Outcome.PASS
    }
    lines += [
        f"Repeat '{capability.name}': hardgate probe {shlex.quote(capability.name)} "
        f"--run {test_environment.owner.run}"
        for capability in plan.capabilities
        if running and capability.name in missed
    ]
    return (*lines, f"Remove it all: hardgate reap --run {test_environment.owner.run}")
