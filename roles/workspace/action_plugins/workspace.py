"""Brings a workspace up and down, a step for each task. Thin.

`hardgate.host.workspace` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

from collections.abc import Mapping
from typing import Any

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import Step, Values, take_step
from hardgate.engine.client import shared_client
from hardgate.host import restart, workspace
from hardgate.host.observer import Lookout, TestHost
from hardgate.host.workspace import Workspace, WorkspaceRequest


def create(values: Values) -> dict[str, Any]:
    """Create the volumes and the container."""
    host = TestHost.from_json(values["host"])
    made = workspace.create(
        shared_client(host.engine_url), WorkspaceRequest.from_json(values["request"])
    )
    return {"workspace": made.to_json()}


def assert_ownership(values: Values) -> dict[str, Any]:
    """See that the volumes are root's."""
    host = TestHost.from_json(values["host"])
    workspace.assert_ownership(Lookout.at(host), Workspace.from_json(values["workspace"]))
    return {}


def start(values: Values) -> dict[str, Any]:
    """Start the image's entrypoint."""
    host = TestHost.from_json(values["host"])
    started = workspace.start(
        shared_client(host.engine_url),
        Workspace.from_json(values["workspace"]),
        WorkspaceRequest.from_json(values["request"]),
    )
    return {"workspace": started.to_json()}


def wait(values: Values) -> dict[str, Any]:
    """Wait until it is ready, or its time is over; the guard's facts, and no verdict."""
    host = TestHost.from_json(values["host"])
    return {
        "readiness": workspace.wait_until_ready(
            shared_client(host.engine_url),
            Lookout.at(host),
            Workspace.from_json(values["workspace"]),
            seconds=float(values["seconds"]),
            token_promised=bool(values["token_promised"]),
        )
    }


def import_adapter(values: Values) -> dict[str, Any]:
    """Import the adapter without the entrypoint."""
    host = TestHost.from_json(values["host"])
    seen = restart.import_adapter(
        shared_client(host.engine_url),
        WorkspaceRequest.from_json(values["request"]),
        values["script"],
        int(values["agent_uid"]),
    )
    return {"observation": restart.to_json(seen)}


def _setting(values: Values) -> restart.Setting:
    host = TestHost.from_json(values["host"])
    return restart.Setting(
        client=shared_client(host.engine_url),
        lookout=Lookout.at(host),
        workspace=Workspace.from_json(values["workspace"]),
        request=WorkspaceRequest.from_json(values["request"]),
        agent_uid=int(values["agent_uid"]),
    )


def end(values: Values) -> dict[str, Any]:
    """Stop it, and say how it ended."""
    seen, workload = restart.end(_setting(values))
    return {"workload": workload, "observation": restart.to_json(seen)}


def again(values: Values) -> dict[str, Any]:
    """Put a new container in its place, on the same volumes."""
    running, seen = restart.start_again(
        _setting(values),
        values["readiness"],
        values["workload"] or None,
        seconds=float(values["seconds"]),
        token_promised=bool(values["token_promised"]),
    )
    return {"workspace": running.to_json(), "observation": restart.to_json(seen)}


def stop(values: Values) -> dict[str, Any]:
    """Stop it."""
    host = TestHost.from_json(values["host"])
    workspace.stop(shared_client(host.engine_url), Workspace.from_json(values["workspace"]))
    return {}


STEPS: Mapping[str, Step] = {
    "create": create,
    "assert_ownership": assert_ownership,
    "start": start,
    "wait": wait,
    "import_adapter": import_adapter,
    "end": end,
    "again": again,
    "stop": stop,
}
CHANGING = frozenset({"create", "start", "end", "again", "stop"})


class ActionModule(Action):
    """Dispatch one task's `step`."""

    def work(self, values: Values) -> Mapping[str, Any]:
        """Take the step."""
        return take_step(values, STEPS, changing=CHANGING)
