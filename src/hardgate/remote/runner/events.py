"""Hears a play on many hosts as it goes: events in, and what was seen of each host out."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import PurePath
from typing import Any

from hardgate.ansible.play import Event, failure_of
from hardgate.errors import HardgateError
from hardgate.model.observation import Observation
from hardgate.remote.runner.host_state import Seen
from hardgate.report.console import Console

STEPS = {
    "engine": "Make an engine answer",
    "runner": "Set the runner up",
    "runner/register": "Register the runner",
    "runner/withdraw": "Take the runner back",
    "runner/absent": "Remove the runner",
    "host_contract": "Probe the host",
    "remote_gate": "Verify an image under tier 4 there",
}
"""What a role's tasks come to, by its name and the file where that says more."""
CONCLUSIONS = frozenset(
    {
        "Refuse a host that does not keep the contract of one",
        "Refuse a runner that does not keep its contract",
        "Refuse a runner on which tier 4 does not hold",
        "Say that this host is not known to work",
    }
)
"""Tasks that fail for what was seen: the verdicts tell it."""
UNREGISTERING = "/unregister.yml"
"""The file of the role's tasks that take a runner back."""
GATE = "remote_gate"
"""The fact that tells of the gate there."""


class Hearing:
    """Takes in one event after the other."""

    def __init__(self, hosts: Iterable[str], console: Console) -> None:
        """Hear of these hosts."""
        self.seen = {name: Seen(name=name) for name in hosts}
        self._console = console
        self._step = ExitStack()
        self._told = ""

    def close(self) -> None:
        """End the step that was under way."""
        self._step.close()

    def hear(self, event: Event) -> None:
        """Take in one event; what is raised here ends the play."""
        kind, data = str(event.get("event")), event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self._begin(data)
            return
        seen = self.seen.get(str(data.get("host")))
        if seen is None:
            return
        if kind == "runner_on_unreachable":
            message = str(data.get("res", {}).get("msg", "")).strip()
            self._fail(seen, HardgateError(f"The host could not be reached: {message}"))
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            if data.get("task") not in CONCLUSIONS:
                self._fail(seen, failure_of(data))
        elif kind == "runner_on_ok":
            self._take(seen, data)

    def _begin(self, data: Mapping[str, Any]) -> None:
        role, file = str(data.get("role", "")), PurePath(str(data.get("task_path", "")))
        stem = file.name.partition(".")[0]
        step = STEPS.get(f"{role}/{stem}") or STEPS.get(role)
        if step is None or step == self._told:
            return
        self._step.close()
        self._told = step
        self._step.enter_context(self._console.step(step))

    def _take(self, seen: Seen, data: Mapping[str, Any]) -> None:
        answer = data.get("res", {})
        seen.heard = True
        seen.changed = seen.changed or bool(answer.get("changed"))
        if "host_contract" in answer:
            told = answer["host_contract"]
            name = PurePath(told["contract"]).stem
            seen.engine, seen.kernel = told["engine"], told["kernel"]
            # Redacted before anything is concluded from it.
            seen.observations[name] = [
                Observation.from_json(self._console.redactor.value(dict(one)))
                for one in told["observations"]
            ]
        elif GATE in (answer.get("ansible_facts") or {}):
            seen.gate = self._console.redactor.value(answer["ansible_facts"][GATE])
        elif str(data.get("task_action")).endswith("debug") and data.get("role") == "runner":
            message = answer.get("msg", ())
            seen.notices += message if isinstance(message, list) else [str(message)]
        if data.get("role") == "runner" and UNREGISTERING in str(data.get("task_path")):
            seen.withdrawn = True

    def _fail(self, seen: Seen, error: HardgateError) -> None:
        if seen.error is None:
            seen.error = error
            self._console.note(f"{seen.name}: {error.problem}")
