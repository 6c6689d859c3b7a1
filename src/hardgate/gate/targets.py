"""What the probes are to reach: made last, for guards and probes are the last that wait for it.

A beacon is a container of its own. It is started when the host's engine answers: until then the
engine's start needs what two cores can do. Its authority is made before, for the workspace is to
trust it from its start. See D94 in ARCHITECTURE.md.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from hardgate.ansible.task_result import answer_task
from hardgate.engine.exec import ENGINE_ERRORS
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.host_side import HostSide
from hardgate.gate.request import GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.variables import choose_egress_targets, probe_environment
from hardgate.host.egress_beacon import BeaconAuthority, remove_beacon, start_beacon
from hardgate.host.published_steps import (
    ENGINE,
    HELD,
    SECOND_TARGETS,
    TARGETS,
    publish_answer,
)
from hardgate.host.step_result import StepResult


def publish_targets(
    side: HostSide, test_environment: TestEnvironment, second: SecondCheck | None
) -> None:
    """Start the beacon, where one is wanted, and let the probes of each check have their targets.

    A beacon that cannot be started is an answer as well: the task that waits for it fails.
    """
    answer: Mapping[str, Any] = {"url": ""}
    authority = side.authority
    if authority is not None:
        if not test_environment.await_step(HELD if side.request.host == "direct" else ENGINE):
            return
        answer = answer_task(lambda: {"url": _start_beacon(side, authority, test_environment)})
    checks = {TARGETS: side.request} | ({SECOND_TARGETS: second.request} if second else {})
    for step, request in checks.items():
        found = answer if "url" not in answer else make_targets(request, str(answer["url"]))
        publish_answer(test_environment.folder, step, found)
    if answer.get("url") and second is None and is_done_with_probes(side.request):
        _remove_early(test_environment)


def is_done_with_probes(request: GateRequest) -> bool:
    """Tell whether nobody is to reach anything of the run when its probes have run."""
    held = request.keep or request.hold_workspace
    return not held and not any(guard.late for guard in request.plan.guards)


def _remove_early(test_environment: TestEnvironment) -> None:
    """Remove the beacon beside the last looks: the engine takes longer for two at a time."""
    test_environment.probes_over.wait()
    if not test_environment.over.is_set():
        with suppress(*ENGINE_ERRORS):  # the run's end removes what is left
            remove_beacon(test_environment.client, test_environment.owner)


def make_targets(request: GateRequest, beacon_url: str) -> Mapping[str, Any]:
    """Give what the probes of a check learn; the beacon's way is for one that asked for it."""
    url = beacon_url if request.plan.beacon else ""
    targets = choose_egress_targets(request.plan, request.egress, url)
    environment = probe_environment(targets, beacon=bool(url))
    return StepResult(probe_environment=environment).to_json()


def _start_beacon(
    side: HostSide, authority: BeaconAuthority, test_environment: TestEnvironment
) -> str:
    return start_beacon(test_environment.client, side.host_image, test_environment.owner, authority)
