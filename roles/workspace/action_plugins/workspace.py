"""Brings a workspace up and down, a step for each task. Thin.

`hardgate.host.workspace` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

from collections.abc import Mapping
from typing import Any

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import StepFunction, TaskArguments, perform_step
from hardgate.engine.client import get_shared_client
from hardgate.host import restart, workspace
from hardgate.host.observer import Observer, TestHost
from hardgate.host.step_result import StepResult
from hardgate.host.workspace import Workspace, WorkspaceRequest


def start_workspace_step(values: TaskArguments) -> StepResult:
    """Create the volumes and the container, see from the host that they are root's, and start it.

    One task, for what Ansible does between two takes as long as this.
    """
    host = TestHost.from_json(values["host"])
    client, request = (
        get_shared_client(host.engine_url),
        WorkspaceRequest.from_json(values["request"]),
    )
    made = workspace.create_workspace(client, request)
    workspace.require_root_volumes(Observer.with_session(host), made)
    return StepResult(workspace=workspace.start_workspace(client, made, request))


def wait_until_ready_step(values: TaskArguments) -> StepResult:
    """Wait until it is ready, or its time is over; the guard's facts, and no verdict."""
    host = TestHost.from_json(values["host"])
    return StepResult(
        readiness=workspace.wait_until_ready(
            get_shared_client(host.engine_url),
            Observer.with_session(host),
            Workspace.from_json(values["workspace"]),
            seconds=float(values["seconds"]),
            token_promised=bool(values["token_promised"]),
        )
    )


def import_adapter_step(values: TaskArguments) -> StepResult:
    """Import the adapter without the entrypoint."""
    host = TestHost.from_json(values["host"])
    observation = restart.import_adapter(
        get_shared_client(host.engine_url),
        WorkspaceRequest.from_json(values["request"]),
        values["script"],
        int(values["agent_uid"]),
    )
    return StepResult(observation=observation)


def _make_restart_context(values: TaskArguments) -> restart.RestartContext:
    host = TestHost.from_json(values["host"])
    return restart.RestartContext(
        client=get_shared_client(host.engine_url),
        observer=Observer.with_session(host),
        workspace=Workspace.from_json(values["workspace"]),
        request=WorkspaceRequest.from_json(values["request"]),
        agent_uid=int(values["agent_uid"]),
    )


def stop_and_observe_step(values: TaskArguments) -> StepResult:
    """Stop it, and say how it ended."""
    observation, workload = restart.stop_and_observe(_make_restart_context(values))
    return StepResult(workload=workload or {}, observation=observation)


def restart_workspace_step(values: TaskArguments) -> StepResult:
    """Put a new container in its place, on the same volumes."""
    running, observation = restart.restart_workspace(
        _make_restart_context(values),
        values["readiness"],
        values["workload"] or None,
        seconds=float(values["seconds"]),
        token_promised=bool(values["token_promised"]),
    )
    return StepResult(workspace=running, observation=observation)


def stop_workspace_step(values: TaskArguments) -> StepResult:
    """Stop it."""
    host = TestHost.from_json(values["host"])
    remark = workspace.stop_workspace(
        get_shared_client(host.engine_url), Workspace.from_json(values["workspace"])
    )
    return StepResult(stop_remark=remark)


STEPS: Mapping[str, StepFunction] = {
    "start": start_workspace_step,
    "wait": wait_until_ready_step,
    "import_adapter": import_adapter_step,
    "end": stop_and_observe_step,
    "again": restart_workspace_step,
    "stop": stop_workspace_step,
}
CHANGING = frozenset({"start", "end", "again", "stop"})


class ActionModule(Action):
    """Dispatch one task's `step`."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Take the step."""
        return perform_step(values, STEPS, changing=CHANGING)
