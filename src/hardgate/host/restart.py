"""How a workspace ends and comes again: a clean stop, and a second start on the same volumes."""

import contextlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import NotFound
from requests.exceptions import RequestException

from hardgate.host import workspace
from hardgate.host.guard_context import GuardContext
from hardgate.host.guard_facts import collect_workload_facts
from hardgate.host.observer import Observer
from hardgate.host.test_host import ROLE_LABEL
from hardgate.host.workspace import (
    DEFAULT_STOP_SIGNAL,
    STOP_SECONDS,
    Workspace,
    WorkspaceRequest,
    inspect_state,
    signal_number,
)
from hardgate.model.contract import Contract
from hardgate.model.guard import Guard, GuardFacts, GuardResult, judge_readiness, judge_workload
from hardgate.model.observation import Observation
from hardgate.model.tier import Tier

KILLED_STATUS = 137
IMPORT_SECONDS = 60
IMPORT_GUARD_NAME = "adapter_imports_by_itself"
STOP_GUARD_NAME, RESTART_GUARD_NAME = "workspace_stops_cleanly", "workspace_restarts_on_its_volumes"


def judge_stop(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `before` (it was running), `seconds` and `exit_status` of its stop, and `signal`, by
    which the engine stopped it: the image's STOPSIGNAL, else SIGTERM.
    """
    del tier, contract
    signal = str(facts.get("signal") or DEFAULT_STOP_SIGNAL)
    if not facts["before"]:
        return None, "The workspace had ended before it was stopped."
    status, seconds = facts["exit_status"], facts["seconds"]
    if status == KILLED_STATUS:
        return False, f"It did not end within {STOP_SECONDS} s of {signal}, and was killed."
    if status not in {0, 128 + signal_number(signal)}:
        return False, f"It ended with exit status {status} when it was stopped."
    return True, f"It ended {seconds:.1f} s after {signal}."


def judge_import(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `exit_status` and `said` (the end of its output)."""
    del tier, contract
    if facts["exit_status"] == 0:
        return True, ""
    lines = str(facts["said"]).strip().splitlines()
    return False, lines[-1] if lines else f"It exited {facts['exit_status']} without a word."


def judge_restart(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `readiness` and `first` (as `judge_readiness` has them), `workload` and
    `first_workload` (each as `judge_workload` has it, or None).

    What was wrong the first time has a guard of its own; here a difference is looked for.
    """
    if not facts["first"]["ready"]:
        return None, "It never came up the first time."
    again, reason = judge_readiness(facts["readiness"], tier, contract)
    if not again:
        return False, f"Started anew on its own volumes, it did not become ready: {reason}"
    held, reason = judge_workload(facts["workload"], tier, contract)
    before = facts["first_workload"]
    if not held and before and judge_workload(before, tier, contract)[0]:
        return held, f"Started anew on its own volumes: {reason}"
    times = facts["first"]["seconds"], facts["readiness"]["seconds"]
    return True, f"Ready after {times[0]:.1f} s, and after {times[1]:.1f} s the second time."


RESTART_GUARDS = (
    Guard(
        name=IMPORT_GUARD_NAME,
        description="Python imports the adapter as the agent, without the entrypoint.",
        hint="COPY the adapter, and list in requirements.txt what it imports.",
        judge=judge_import,
        late=True,
    ),
    Guard(
        name=STOP_GUARD_NAME,
        description="Told to stop, the workspace ends by itself.",
        hint=(
            "A container's first process gets no signal that it does not handle: handle SIGTERM in "
            "the runtime, put tini above it, or name by STOPSIGNAL the signal that it knows; a "
            "shell above it has to 'exec' it."
        ),
        judge=judge_stop,
        late=True,
    ),
    Guard(
        name=RESTART_GUARD_NAME,
        description="A new container on the volumes of the first one comes up as the first did.",
        hint="Write the entrypoint so that it may run again on what it left behind.",
        judge=judge_restart,
        late=True,
    ),
)
"""Planned by `hardgate runtime` alone: they end the workspace."""


@dataclass(frozen=True, kw_only=True)
class RestartContext:
    """Where a workspace is ended and started anew."""

    client: docker.APIClient
    observer: Observer
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
        labels=dict(request.labels) | {ROLE_LABEL: "adapter"},
        host_config=client.create_host_config(network_mode="none"),
    )["Id"]
    try:
        client.start(created)
        status = client.wait(created, timeout=IMPORT_SECONDS)["StatusCode"]
        output = client.logs(created, tail=40).decode(errors="replace")
    except RequestException:
        return Observation(
            name=IMPORT_GUARD_NAME, problem=f"It was still running after {IMPORT_SECONDS} s."
        )
    finally:
        client.remove_container(created, v=True, force=True)
    return Observation(name=IMPORT_GUARD_NAME, facts={"exit_status": status, "said": output})


def stop_and_observe(context: RestartContext) -> tuple[Observation, dict[str, Any] | None]:
    """Stop it as a platform would; say how it ended, and who ran until then."""
    client, running = context.client, context.workspace
    before = workspace.is_same_and_running(client, running)
    workload = collect_workload_facts(_make_guard_context(context, running)) if before else None
    begun = time.monotonic()
    workspace.stop_workspace(client, running)
    seconds = round(time.monotonic() - begun, 3)
    state = inspect_state(client, running.id) or {}
    facts = {
        "before": before,
        "seconds": seconds,
        "exit_status": state.get("exit_status"),
        "signal": workspace.read_stop_signal(client, running.id),
    }
    return Observation(name=STOP_GUARD_NAME, facts=facts), workload


def _make_guard_context(context: RestartContext, running: Workspace) -> GuardContext:
    return GuardContext(
        client=context.client,
        observer=context.observer,
        workspace=running,
        agent_uid=context.agent_uid,
        readiness={},
        mark=f"again-{running.id}",
    )


def restart_workspace(
    context: RestartContext,
    first: Mapping[str, Any],
    first_workload: Mapping[str, Any] | None,
    *,
    seconds: float,
    token_promised: bool,
) -> tuple[Workspace, Observation]:
    """Put a new container in its place, on the same volumes."""
    client = context.client
    with contextlib.suppress(NotFound):
        client.remove_container(context.workspace.id, v=False, force=True)
    created = workspace.create_workspace(client, context.request)
    running = workspace.start_workspace(client, created, context.request)
    readiness = workspace.wait_until_ready(
        client, context.observer, running, seconds=seconds, token_promised=token_promised
    )
    facts = {
        "readiness": readiness,
        "first": dict(first),
        "workload": collect_workload_facts(_make_guard_context(context, running))
        if readiness["ready"]
        else None,
        "first_workload": first_workload,
    }
    return running, Observation(name=RESTART_GUARD_NAME, facts=facts)
