"""The gate's play: its variables, and its start."""

import contextlib

from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.engine.client import Engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.events import GateEventHandler
from hardgate.gate.request import GateRequest
from hardgate.gate.state import RunState
from hardgate.gate.variables import contract_probe_variables, workspace_variables
from hardgate.model.run import Host
from hardgate.report.console import Console

PLAYBOOKS = {"runtime": "runtime.yml"}
"""Of the sessions that have one of their own."""
LIFE_SECONDS = 4 * 3600
KEEP_SECONDS = 24 * 3600


def play_gate(
    request: GateRequest,
    engine: Engine,
    test_environment: TestEnvironment,
    console: Console,
    state: RunState,
) -> None:
    """Run the play that makes a host and verifies the image there; `state` takes what it saw.

    It starts before there is an image or a host, and waits for them in the run's folder.
    """
    cpus = int(engine.info["NCPU"])
    if request.host == "direct":
        state.host = Host(
            kind="direct",
            engine=engine.info["ServerVersion"],
            kernel=engine.info["KernelVersion"],
        )
    tier, owner = request.plan.workspace_tier, test_environment.owner
    if tier.describe_adaptation(cpus):
        state.adaptations.append(tier.describe_adaptation(cpus))
    values = {
        "test_host_kind": request.host,
        "test_host_folder": str(test_environment.folder),
        "test_host_labels": owner.labels,
        "test_host_outer_url": engine.url,
        "test_host_engine_url": test_environment.relay_url
        if request.host == "nested"
        else engine.url,
        "test_host_environment": read_proxy_environment(),
        "test_host_share": str(test_environment.share),
        "test_host_seconds": LIFE_SECONDS,
        "test_host_keep_seconds": KEEP_SECONDS,
        "workspace_volumes": [*tier.volumes, *request.volumes],
        "workspace_config": request.config,
        "workspace_ready_seconds": request.ready_seconds,
        "workspace_keep": request.keep or request.hold_workspace,
        **workspace_variables(
            request.plan,
            settings=tier.container_settings(cpus),
            labels=owner.labels,
            run=owner.run,
        ),
        **contract_probe_variables(request.plan, run=owner.run, seconds=request.probe_seconds),
    }
    with contextlib.ExitStack() as step:
        step.enter_context(console.step("Start Ansible"))
        run_playbook(
            PLAYBOOKS.get(request.plan.session, "gate.yml"),
            {key: mark_unsafe(value) for key, value in values.items()},
            on_event=GateEventHandler(
                request.plan, test_environment, console, state, step
            ).handle_play_event,
            interrupt=test_environment.over.is_set,
            directory=test_environment.folder,
        )
