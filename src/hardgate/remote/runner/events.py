"""Hears a play on many hosts as it goes: events in, and what was seen of each host out."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import PurePath
from typing import Any

from hardgate.ansible.play import Event, make_task_error
from hardgate.errors import HardgateError
from hardgate.model.observation import Observation
from hardgate.remote.runner.host_state import HostState
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
VERDICT_TASKS = frozenset(
    {
        "Refuse a host that does not keep the contract of one",
        "Refuse a runner that does not keep its contract",
        "Refuse a runner on which tier 4 does not hold",
        "Say that this host is not known to work",
    }
)
"""Tasks that fail for what was seen: the verdicts tell it."""
UNREGISTER_FILE = "/unregister.yml"
"""The file of the role's tasks that take a runner back."""
GATE_FACT = "remote_gate"
"""The fact that tells of the gate there."""


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

    def handle_event(self, event: Event) -> None:
        """Take in one event; what is raised here ends the play."""
        kind, data = str(event.get("event")), event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self._show_step(data)
            return
        state = self.host_states.get(str(data.get("host")))
        if state is None:
            return
        if kind == "runner_on_unreachable":
            message = str(data.get("res", {}).get("msg", "")).strip()
            self._record_failure(state, HardgateError(f"The host could not be reached: {message}"))
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            if data.get("task") not in VERDICT_TASKS:
                self._record_failure(state, make_task_error(data))
        elif kind == "runner_on_ok":
            self._record_result(state, data)

    def _show_step(self, data: Mapping[str, Any]) -> None:
        role, file = str(data.get("role", "")), PurePath(str(data.get("task_path", "")))
        stem = file.name.partition(".")[0]
        step = STEP_TITLES.get(f"{role}/{stem}") or STEP_TITLES.get(role)
        if step is None or step == self._current_step:
            return
        self._step.close()
        self._current_step = step
        self._step.enter_context(self._console.step(step))

    def _record_result(self, state: HostState, data: Mapping[str, Any]) -> None:
        result = data.get("res", {})
        state.responded = True
        state.changed = state.changed or bool(result.get("changed"))
        if "host_contract" in result:
            facts = result["host_contract"]
            name = PurePath(facts["contract"]).stem
            state.engine, state.kernel = facts["engine"], facts["kernel"]
            # Redacted before anything is concluded from it.
            state.observations[name] = [
                Observation.from_json(self._console.redactor.redact_value(dict(observation)))
                for observation in facts["observations"]
            ]
        elif GATE_FACT in (result.get("ansible_facts") or {}):
            state.gate = self._console.redactor.redact_value(result["ansible_facts"][GATE_FACT])
        elif str(data.get("task_action")).endswith("debug") and data.get("role") == "runner":
            message = result.get("msg", ())
            state.notices += message if isinstance(message, list) else [str(message)]
        if data.get("role") == "runner" and UNREGISTER_FILE in str(data.get("task_path")):
            state.withdrawn = True

    def _record_failure(self, state: HostState, error: HardgateError) -> None:
        if state.error is None:
            state.error = error
            self._console.print_notice(f"{state.name}: {error.problem}")
