"""Hears a play on many hosts as it goes: events in, and what was seen of each host out."""

from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import PurePath

from hardgate.ansible.events import (
    HostUnreachable,
    PlayEvent,
    Task,
    TaskFailed,
    TaskMark,
    TaskOk,
    TaskStarted,
    make_task_error,
)
from hardgate.errors import HardgateError
from hardgate.remote.runner.host_state import HostState
from hardgate.remote.task_answers import GateAnswer, HostContractAnswer
from hardgate.report.console import Console

STEP_TITLES = {
    "engine": "Make an engine answer",
    "runner": "Set the runner up",
    "runner/register": "Register the runner",
    "runner/withdraw": "Take the runner back",
    "runner/absent": "Remove the runner",
    "host_contract": "Probe the host",
    "remote_gate": "Verify an image under tier 4 there",
}
"""What a role's tasks come to, by its name and the file where that says more."""


class RunnerEventHandler:
    """Takes in one event after the other."""

    def __init__(self, hosts: Iterable[str], console: Console) -> None:
        """Hear of these hosts."""
        self.host_states = {name: HostState(name=name) for name in hosts}
        self._console = console
        self._step = ExitStack()
        self._current_step = ""

    def close_step(self) -> None:
        """End the step that was under way."""
        self._step.close()

    def handle_event(self, event: PlayEvent) -> None:
        """Take in one event; what is raised here ends the play."""
        match event:
            case TaskStarted(task=task):
                self._show_step(task)
            case TaskOk(is_item=False) if state := self.host_states.get(event.host):
                self._record_result(state, event)
            case TaskFailed() if state := self.host_states.get(event.host):
                if TaskMark.VERDICT not in event.task.marks:
                    self._record_failure(state, make_task_error(event))
            case HostUnreachable(message=message) if state := self.host_states.get(event.host):
                error = HardgateError(f"The host could not be reached: {message}")
                self._record_failure(state, error)
            case _:
                pass

    def _show_step(self, task: Task) -> None:
        step = STEP_TITLES.get(f"{task.role}/{task.file}") or STEP_TITLES.get(task.role)
        if step is None or step == self._current_step:
            return
        self._step.close()
        self._current_step = step
        self._step.enter_context(self._console.step(step))

    def _record_result(self, state: HostState, event: TaskOk) -> None:
        result = event.result
        state.responded = True
        state.changed = state.changed or bool(result.get("changed"))
        if event.task.role == "runner":
            state.notices += event.messages
        if TaskMark.WITHDRAWN in event.task.marks:
            state.withdrawn = True
        contract = HostContractAnswer.find(result, self._console.redactor)
        if contract is not None:
            state.engine, state.kernel = contract.engine, contract.kernel
            state.observations[PurePath(contract.contract).stem] = list(contract.observations)
        gate = GateAnswer.find(result, self._console.redactor)
        if gate is not None:
            state.gate = gate

    def _record_failure(self, state: HostState, error: HardgateError) -> None:
        if state.error is None:
            state.error = error
            self._console.print_notice(f"{state.name}: {error.problem}")
