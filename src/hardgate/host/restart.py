"""How a workspace ends and comes again: a clean stop, and a second start on the same volumes."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import docker
from docker.errors import NotFound
from requests.exceptions import RequestException

from hardgate.host import workspace
from hardgate.host.guard_facts import Scene, see_workload
from hardgate.host.observer import Lookout
from hardgate.host.test_host import ROLE
from hardgate.host.workspace import STOP_SECONDS, Workspace, WorkspaceRequest, look_at_state
from hardgate.model.contract import Contract
from hardgate.model.guard import Answer, Facts, Guard, judge_readiness, judge_workload
from hardgate.model.observation import Observation
from hardgate.model.tier import Tier

ENDED_BY_TERM = 143
KILLED = 137
IMPORT_SECONDS = 60
IMPORTS = "adapter_imports_by_itself"
STOPS, RESTARTS = "workspace_stops_cleanly", "workspace_restarts_on_its_volumes"


def judge_end(facts: Facts, tier: Tier, contract: Contract) -> Answer:
    """Facts: `before` (it was running), `seconds` and `exit_status` of its stop by SIGTERM."""
    del tier, contract
    if not facts["before"]:
        return None, "The workspace had ended before it was stopped."
    status, seconds = facts["exit_status"], facts["seconds"]
    if status == KILLED:
        return False, f"It did not end within {STOP_SECONDS} s of SIGTERM, and was killed."
    if status not in {0, ENDED_BY_TERM}:
        return False, f"It ended with exit status {status} when it was stopped."
    return True, f"It ended {seconds:.1f} s after SIGTERM."


def judge_import(facts: Facts, tier: Tier, contract: Contract) -> Answer:
    """Facts: `exit_status` and `said` (the end of its output)."""
    del tier, contract
    if facts["exit_status"] == 0:
        return True, ""
    lines = str(facts["said"]).strip().splitlines()
    return False, lines[-1] if lines else f"It exited {facts['exit_status']} without a word."


def judge_restart(facts: Facts, tier: Tier, contract: Contract) -> Answer:
    """Facts: `readiness` and `first` (as `judge_readiness` has them), `workload` and
    `first_workload` (each as `judge_workload` has it, or None).

    What was wrong the first time has a guard of its own; here a difference is looked for.
    """
    if not facts["first"]["ready"]:
        return None, "It never came up the first time."
    again, why = judge_readiness(facts["readiness"], tier, contract)
    if not again:
        return False, f"Started anew on its own volumes, it did not become ready: {why}"
    held, why = judge_workload(facts["workload"], tier, contract)
    before = facts["first_workload"]
    if not held and before and judge_workload(before, tier, contract)[0]:
        return held, f"Started anew on its own volumes: {why}"
    times = facts["first"]["seconds"], facts["readiness"]["seconds"]
    return True, f"Ready after {times[0]:.1f} s, and after {times[1]:.1f} s the second time."


RESTART_GUARDS = (
    Guard(
        name=IMPORTS,
        description="Python imports the adapter as the agent, without the entrypoint.",
        hint="COPY the adapter, and list in requirements.txt what it imports.",
        judge=judge_import,
        late=True,
    ),
    Guard(
        name=STOPS,
        description="Told to stop, the workspace ends by itself.",
        hint="Let the runtime be PID 1 (exec), or tini above it, and end on SIGTERM.",
        judge=judge_end,
        late=True,
    ),
    Guard(
        name=RESTARTS,
        description="A new container on the volumes of the first one comes up as the first did.",
        hint="Write the entrypoint so that it may run again on what it left behind.",
        judge=judge_restart,
        late=True,
    ),
)
"""Planned by `hardgate runtime` alone: they end the workspace."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where a workspace is ended and started anew."""

    client: docker.APIClient
    lookout: Lookout
    workspace: Workspace
    request: WorkspaceRequest
    agent_uid: int


def import_adapter(
    client: docker.APIClient, request: WorkspaceRequest, script: str, agent_uid: int
) -> Observation:
    """Run the import in a container of its own: it is told also where the workspace is dead."""
    created = client.create_container(
        request.image,
        ["-c", script],
        entrypoint=["sh"],
        user=str(agent_uid),
        labels=dict(request.labels) | {ROLE: "adapter"},
        host_config=client.create_host_config(network_mode="none"),
    )["Id"]
    try:
        client.start(created)
        status = client.wait(created, timeout=IMPORT_SECONDS)["StatusCode"]
        said = client.logs(created, tail=40).decode(errors="replace")
    except RequestException:
        return Observation(name=IMPORTS, problem=f"It was still running after {IMPORT_SECONDS} s.")
    finally:
        client.remove_container(created, v=True, force=True)
    return Observation(name=IMPORTS, facts={"exit_status": status, "said": said})


def end(setting: Setting) -> tuple[Observation, dict[str, Any] | None]:
    """Stop it as a platform would; say how it ended, and who ran until then."""
    client, running = setting.client, setting.workspace
    before = workspace.is_same_and_running(client, running)
    workload = see_workload(_scene(setting, running)) if before else None
    begun = time.monotonic()
    workspace.stop(client, running)
    seconds = round(time.monotonic() - begun, 3)
    state = look_at_state(client, running.id) or {}
    facts = {"before": before, "seconds": seconds, "exit_status": state.get("exit_status")}
    return Observation(name=STOPS, facts=facts), workload


def _scene(setting: Setting, running: Workspace) -> Scene:
    return Scene(
        client=setting.client,
        lookout=setting.lookout,
        workspace=running,
        agent_uid=setting.agent_uid,
        readiness={},
        mark=f"again-{running.id}",
    )


def start_again(
    setting: Setting,
    first: Mapping[str, Any],
    first_workload: Mapping[str, Any] | None,
    *,
    seconds: float,
    token_promised: bool,
) -> tuple[Workspace, Observation]:
    """Put a new container in its place, on the same volumes."""
    client = setting.client
    with contextlib.suppress(NotFound):
        client.remove_container(setting.workspace.id, v=False, force=True)
    created = workspace.create(client, setting.request)
    running = workspace.start(client, created, setting.request)
    readiness = workspace.wait_until_ready(
        client, setting.lookout, running, seconds=seconds, token_promised=token_promised
    )
    facts = {
        "readiness": readiness,
        "first": dict(first),
        "workload": see_workload(_scene(setting, running)) if readiness["ready"] else None,
        "first_workload": first_workload,
    }
    return running, Observation(name=RESTARTS, facts=facts)


def to_json(observation: Observation) -> dict[str, Any]:
    """Write it for a task's answer."""
    return asdict(observation)
