"""Hears the gate's play as it goes: events in; findings, live lines and a held host out."""

import contextlib
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from hardgate.ansible.play import Event
from hardgate.ansible.task_result import ERROR
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import HardgateError
from hardgate.gate.environment import Stage
from hardgate.gate.state import Findings
from hardgate.host import workspace
from hardgate.host.observer import TestHost
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Host
from hardgate.model.verdict import judge
from hardgate.report.console import Console

OK = frozenset({"runner_on_ok", "runner_item_on_ok"})
UNTOLD = frozenset(
    {
        "Wait for the image",
        "Give the test host its engine",
        "Load the image, where its store could not be taken over",
        "Bring the workspace down",
    }
)
"""Tasks that only wait, include others, or are told as an adaptation where they had to be done."""
VALIDATION = "Validating arguments"
"""How the tasks begin that Ansible itself puts before a role with argument specs."""


class Listener:
    """Takes in one event after the other, in the play's own thread."""

    def __init__(
        self, plan: Plan, stage: Stage, console: Console, findings: Findings, step: ExitStack
    ) -> None:
        """Hear for one run; the step that is under way ends with `step`, however the play does."""
        self._plan = plan
        self._stage = stage
        self._console = console
        self._findings = findings
        self._step = step

    def hear(self, event: Event) -> None:
        """Take in one event; what is raised here ends the play."""
        kind, data = event.get("event"), event.get("event_data", {})
        if kind == "playbook_on_task_start":
            self._begin(str(data.get("name", "")))
        elif kind in OK:
            self._take(data.get("res", {}))
        elif kind == "runner_on_failed" and not data.get("ignore_errors"):
            self._fail(data.get("res", {}))
        elif kind == "playbook_on_stats":
            self._step.close()

    def _begin(self, task: str) -> None:
        self._step.close()
        name = task.rpartition(" : ")[2]
        if name not in UNTOLD and not name.startswith(VALIDATION):
            self._step.enter_context(self._console.step(name))

    def _take(self, answer: Mapping[str, Any]) -> None:
        if "test_host" in answer:
            self._take_host(answer)
        if "host" in answer:
            self._stage.host = TestHost.from_json(answer["host"])
        if "engine" in answer:
            self._findings.host = Host(**answer["engine"])
        if "taken" in answer and not answer["taken"]:
            self._findings.adaptations.append(
                "The image was copied into the test host whole: the outer engine keeps its "
                "images in another layout"
            )
        if "workspace" in answer:
            self._findings.workspace = Workspace.from_json(answer["workspace"])
        if "readiness" in answer:
            self._know_token()
        if "observation" in answer:
            self._take_observation(answer["observation"])

    def _take_host(self, answer: Mapping[str, Any]) -> None:
        self._stage.hold(TestHost.from_json(answer["test_host"]))
        lacking = answer["created_host"]["lacking"]
        if lacking:
            self._findings.adaptations.append(
                f"The engine cannot grant {', '.join(lacking)}: the test host goes without"
            )

    def _know_token(self) -> None:
        lookout, container = self._stage.lookout, self._findings.workspace
        if lookout is not None and container is not None:
            token = workspace.read_token(lookout, container)
            self._console.redactor = self._console.redactor.with_values([token])

    def _take_observation(self, data: Mapping[str, Any]) -> None:
        # Redacted before anything is concluded from it: a conclusion may quote half a secret.
        observation = Observation.from_json(self._console.redactor.value(dict(data)))
        self._findings.observations.append(observation)
        plan, observations = self._plan.only(observation.name), self._findings.observations
        for verdict in attach_diagnoses(plan, judge(plan, observations), observations):
            self._console.verdict(verdict)

    def _fail(self, answer: Mapping[str, Any]) -> None:
        told = answer.get(ERROR)
        if told:
            error = HardgateError(told["problem"], told["remedy"], evidence=told["evidence"])
            self._findings.error = error
            with contextlib.suppress(HardgateError):
                self._step.__exit__(HardgateError, error, None)
