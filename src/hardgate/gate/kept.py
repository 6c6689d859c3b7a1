"""What is told of a run that was kept: how to enter it, to repeat each miss, and to remove it."""

import shlex

from hardgate.gate.environment import Stage
from hardgate.gate.state import Findings
from hardgate.model.plan import Plan
from hardgate.model.verdict import Outcome, judge


def how_to_go_on(plan: Plan, stage: Stage, findings: Findings) -> tuple[str, ...]:
    """Give a line for each, to be typed as it stands; nothing where there is no workspace."""
    if stage.host is None or findings.workspace is None:
        return ()
    host, container = stage.host.container[:12], findings.workspace.id[:12]
    inner = f"docker exec -it {host} " if stage.host.kind == "nested" else ""
    enter = f"{inner}docker exec -it -u {plan.contract.agent_uid} {container}"
    lines = [f"Enter the workspace: {enter} sh"]
    if inner:
        lines.append(f"Enter the test host: docker exec -it {host} bash")
    missed = {v.name for v in judge(plan, findings.observations) if v.outcome is not Outcome.PASS}
    lines += [
        f"Repeat '{capability.name}': {enter} sh -xc {shlex.quote(capability.probe)}"
        for capability in plan.capabilities
        if capability.name in missed
    ]
    return (*lines, f"Remove it all: hardgate reap --run {stage.owner.run}")
