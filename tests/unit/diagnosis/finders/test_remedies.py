"""Remedies are this image's: its user, its package manager, and what was asked about."""

from typing import Any

import pytest

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.finders.packages import INSTALL_COMMANDS
from hardgate.diagnosis.reason import find_reason
from hardgate.model.observation import Execution, Observation
from hardgate.model.verdict import Reason

REFUSED = "curl: (7) Failed to connect to 127.0.0.1 port 9 after 0 ms: Connection refused"


def explain(stderr: str, script: str = "", **surroundings: Any) -> Reason:
    observation = Observation(
        name="probe",
        execution=Execution(exit_status=7, stderr=stderr),
        surroundings=surroundings,
    )
    reason = find_reason(FailedProbe(observation=observation, script=script))
    assert reason is not None
    return reason


@pytest.mark.parametrize("manager", INSTALL_COMMANDS)
def test_a_missing_command_is_installed_as_this_image_does(manager: str) -> None:
    reason = explain("sh: 1: ss: not found", commands={"ss": None}, package_manager=manager)

    assert reason.cause == "command_missing"
    assert f"RUN {manager}" in reason.remedy
    assert "iproute" in reason.remedy


def test_without_a_known_package_manager_only_the_package_is_named() -> None:
    reason = explain("sh: 1: ss: not found", commands={"ss": None}, package_manager="")

    assert "RUN" not in reason.remedy


def test_an_egress_target_on_this_machine_gets_no_remedy_for_the_runtimes_port() -> None:
    listening = [
        {"address": "0.0.0.0", "port": "8080", "program": "python3", "in_workspace": True}  # noqa: S104
    ]

    own = explain(REFUSED, listening=listening)
    target = explain(REFUSED, listening=listening, egress=["https://127.0.0.1:9/"])

    assert own.cause == "port_wrong"
    assert target.cause == "connection_refused"
    assert "platform_port" not in target.remedy


@pytest.mark.parametrize(
    ("agent", "command"),
    [
        ({"uid": 1000, "name": "coder"}, "--reuid=coder --regid=coder --init-groups"),
        ({"uid": 1000, "name": ""}, "--reuid=1000 --regid=1000 --clear-groups"),
    ],
)
def test_root_is_dropped_to_the_user_that_the_image_has(
    agent: dict[str, Any], command: str
) -> None:
    processes = [{"pid": 7, "ppid": 1, "uid": 0, "command": "python3"}]
    guard = Observation(
        name="workload_runs_as_agent_uid", facts={"init": 7, "processes": processes}
    )
    other = Observation(name="probe", surroundings={"agent": agent})

    reason = find_reason(
        FailedProbe(observation=guard, other_observations={guard.name: guard, other.name: other})
    )

    assert reason is not None
    assert command in reason.remedy
