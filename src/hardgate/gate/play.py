"""The gate's play: its variables, and its start."""

import contextlib
from typing import Any

from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.engine.client import Engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.events import GateEventHandler, TwoChecksEventHandler
from hardgate.gate.request import KEEP_SECONDS, LIFE_SECONDS, GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.gate.variables import contract_probe_variables, workspace_variables
from hardgate.model.run import Host
from hardgate.report.console import Console
from hardgate.system.ownership import Owner

PLAYBOOKS = {"runtime": "runtime.yml"}
"""Of the sessions that have one of their own."""
TWO_CHECKS_PLAYBOOK = "validate.yml"
"""Boots as `runtime.yml` does, and then verifies as `gate.yml` does, on one host."""


def play_gate(
    request: GateRequest,
    engine: Engine,
    test_environment: TestEnvironment,
    console: Console,
    state: RunState,
    second: SecondCheck | None = None,
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
    adaptation = request.plan.workspace_tier.describe_adaptation(cpus)
    if adaptation:
        state.adaptations.append(adaptation)
    first = _make_check_variables(request, test_environment.owner, cpus)
    values = {
        "test_host_kind": request.host,
        "test_host_folder": str(test_environment.folder),
        "test_host_labels": test_environment.owner.labels,
        "test_host_outer_url": engine.url,
        "test_host_engine_url": test_environment.relay_url
        if request.host == "nested"
        else engine.url,
        "test_host_environment": read_proxy_environment(),
        "test_host_share": str(test_environment.share),
        "test_host_seconds": LIFE_SECONDS,
        "test_host_keep_seconds": KEEP_SECONDS,
        "workspace_config": request.config,
        "workspace_ready_seconds": request.ready_seconds,
        "workspace_keep": request.keep or request.hold_workspace,
        "contract_probe_agent_uid": request.plan.contract.agent_uid,
    }
    playbook = PLAYBOOKS.get(request.plan.session, "gate.yml")
    if second is None:
        values |= first
    else:
        playbook = TWO_CHECKS_PLAYBOOK
        second.first_adaptation = adaptation
        second.own_adaptation = second.request.plan.workspace_tier.describe_adaptation(cpus)
        own = _make_check_variables(second.request, second.owner, cpus)
        values |= {"first_check": first, "second_check": own}
    with contextlib.ExitStack() as step:
        step.enter_context(console.step("Start Ansible"))
        handler = GateEventHandler(request.plan, test_environment, console, state, step)
        following = second and TwoChecksEventHandler(handler, test_environment, second, step)
        run_playbook(
            playbook,
            {key: mark_unsafe(value) for key, value in values.items()},
            on_event=(following or handler).handle_play_event,
            interrupt=test_environment.over.is_set,
            directory=test_environment.folder,
            checks_arguments=False,  # tests/unit/gate/test_play_variables.py does, for all of them
        )


def _make_check_variables(request: GateRequest, owner: Owner, cpus: int) -> dict[str, Any]:
    """Give what is one check's own: its workspace, its guards and its probes."""
    tier = request.plan.workspace_tier
    probes = contract_probe_variables(request.plan, run=owner.run, seconds=request.probe_seconds)
    return {
        "workspace_volumes": [*tier.volumes, *request.volumes],
        **workspace_variables(
            request.plan,
            settings=tier.container_settings(cpus),
            labels=owner.labels,
            run=owner.run,
        ),
        **{name: value for name, value in probes.items() if name != "contract_probe_agent_uid"},
    }
