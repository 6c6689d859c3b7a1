"""A workspace to work in by hand: booted as the gate boots it, and gone when its user is done."""

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from hardgate.engine.client import connect_engine
from hardgate.errors import HardgateError
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.request import LIFE_SECONDS, GateRequest
from hardgate.gate.state import RunState
from hardgate.gate.variables import promises_token
from hardgate.gate.verification import verify_image
from hardgate.host.workspace import inspect_state
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder
from hardgate.system.interruption import Interrupted, raise_on_signals
from hardgate.system.ownership import Owner, ProcessIdentity
from hardgate.system.process import run_interactive
from hardgate.system.temporary_folder import temporary_folder

LOG_LINES = 20


def open_shell(
    request: GateRequest, command: Sequence[str], console: Console, *, terminal: bool
) -> int:
    """Boot the workspace, run `command` in it as the agent, and take everything down.

    Gives the command's exit status. Raises HardgateError where there is no workspace to enter.
    """
    statuses: list[int] = []

    def enter(environment: TestEnvironment, state: RunState) -> None:
        console.print_line(f"In the workspace as uid {request.plan.contract.agent_uid}:")
        argv = make_exec_argv(request, environment, state, command, terminal=terminal)
        statuses.append(run_interactive(argv))

    use_workspace(request, console, enter)
    return statuses[0]


def use_workspace(
    request: GateRequest, console: Console, use: Callable[[TestEnvironment, RunState], None]
) -> None:
    """Boot the workspace that a gate of this request would, and let `use` work in it.

    Nothing is probed or judged, and no report is written.
    """
    plan = replace(
        request.plan, capabilities=(), guards=(), waits_for_token=promises_token(request.plan)
    )
    request = replace(request, plan=plan, hold_workspace=True)
    owner = Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + LIFE_SECONDS,
        keep=False,
    )
    console.redactor = Redactor().with_values(request.secrets)
    state = RunState()

    def use_running(environment: TestEnvironment) -> None:
        _refuse_ended_workspace(environment, state)
        use(environment, state)

    with temporary_folder() as folder, raise_on_signals():
        reports = ReportFolder(path=folder, latest=None)
        try:
            verify_image(request, owner, reports, console, state, then=use_running)
        except Interrupted:
            raise
        except HardgateError as error:
            raise (state.error or error) from error
    if state.error:
        raise state.error


def make_exec_argv(
    request: GateRequest,
    environment: TestEnvironment,
    state: RunState,
    command: Sequence[str],
    *,
    terminal: bool,
) -> list[str]:
    """Make the command line that enters the workspace by the test host's own engine."""
    if environment.host is None or state.workspace is None:
        raise HardgateError("There is no workspace to enter.", "Run it again with '-v'.")
    flags = ["-it"] if terminal else ["-i"]
    user = ["-u", str(request.plan.contract.agent_uid)]
    engine = ["docker", "-H", environment.host.engine_url]
    return [*engine, "exec", *flags, *user, state.workspace.id, *command]


def _refuse_ended_workspace(environment: TestEnvironment, state: RunState) -> None:
    if environment.host is None or state.workspace is None:
        return
    client = connect_engine(environment.host.engine_url)
    found = inspect_state(client, state.workspace.id)
    if found is None or not found["running"]:
        log = client.logs(state.workspace.id, tail=LOG_LINES).decode(errors="replace")
        raise HardgateError(
            "The workspace has ended, so there is nothing to enter.",
            "Run 'hardgate gate', which explains a workspace that ends at boot.",
            evidence=log,
        )
