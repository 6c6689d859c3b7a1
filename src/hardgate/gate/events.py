"""Hears the gate's play as it goes: events in; findings, live lines and a held host out.

See D11 in ARCHITECTURE.md.
"""

import contextlib
from contextlib import ExitStack
from dataclasses import asdict

from docker.errors import DockerException
from requests.exceptions import RequestException

from hardgate.ansible.events import (
    PlayEnded,
    PlayEvent,
    Task,
    TaskFailed,
    TaskMark,
    TaskOk,
    TaskStarted,
)
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import HardgateError
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.host import workspace
from hardgate.host.observer import Observer
from hardgate.host.step_result import StepResult
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Observation, bound_observation
from hardgate.model.plan import Plan
from hardgate.model.verdict import judge_plan
from hardgate.report.console import Console


def take_token(observer: Observer, container: Workspace, console: Console, state: RunState) -> None:
    """Let the console know the workspace's token; say it where that cannot be read.

    One that was read before is known for good.
    """
    try:
        token = workspace.read_workspace_token(observer, container)
    except (HardgateError, DockerException, RequestException, OSError):
        if not state.knows_token and workspace.UNREADABLE_NOTICE not in state.notices:
            state.notices.append(workspace.UNREADABLE_NOTICE)
            console.print_notice(workspace.UNREADABLE_NOTICE)
        return
    state.knows_token = True
    console.redactor = console.redactor.with_values([token])


class GateEventHandler:
    """Takes in one event after the other, in the play's own thread."""

    def __init__(
        self,
        plan: Plan,
        stage: TestEnvironment,
        console: Console,
        findings: RunState,
        step: ExitStack,
    ) -> None:
        """Hear for one run; the step that is under way ends with `step`, however the play does."""
        self._plan = plan
        self._stage = stage
        self._console = console
        self._findings = findings
        self._step = step

    def handle_play_event(self, event: PlayEvent) -> None:
        """Take in one event; what is raised here ends the play."""
        match event:
            case TaskStarted(task=task):
                self._start_step(task)
            case TaskOk(result=result):
                self._store_result(StepResult.from_json(result))
            case TaskFailed():
                self._store_error(event)
            case PlayEnded():
                self._step.close()
                if not (event.failed or event.unreachable):
                    self._stage.play_ended.set()
            case _:
                pass

    def _start_step(self, task: Task) -> None:
        self._step.close()
        if TaskMark.PROBED in task.marks:
            self._stage.probes_over.set()
        if not task.is_silent:
            self._step.enter_context(self._console.step(task.title))

    def _store_result(self, step: StepResult) -> None:
        if step.created_host is not None and step.created_host.lacking:
            self._findings.adaptations.append(
                f"The engine cannot grant {', '.join(step.created_host.lacking)}: "
                "the test host goes without"
            )
        if step.host is not None:
            self._stage.host = step.host
        if step.engine is not None:
            self._findings.host = step.engine
        if step.taken is False:
            self._findings.adaptations.append(
                "The image was copied into the test host whole: the outer engine keeps its "
                "images in another layout"
            )
        if step.workspace is not None:
            self._findings.workspace = step.workspace
        if step.stop_remark:
            self._findings.notices.append(step.stop_remark)
        if step.readiness is not None:
            self._redact_token()
        if step.observation is not None:
            self._store_observation(step.observation)

    def _redact_token(self) -> None:
        observer, container = self._stage.observer, self._findings.workspace
        if observer is not None and container is not None:
            take_token(observer, container, self._console, self._findings)

    def _store_observation(self, seen: Observation) -> None:
        # Redacted before anything is concluded from it: a conclusion may quote half a secret.
        redacted = self._console.redactor.redact_value(asdict(seen))
        observation = bound_observation(Observation.from_json(redacted))
        observation = observation.count_looks_from(self._findings.began)
        self._findings.observations.append(observation)
        plan, observations = self._plan.narrow_to(observation.name), self._findings.observations
        for verdict in attach_diagnoses(plan, judge_plan(plan, observations), observations):
            self._console.print_verdict(verdict)
            self._findings.on_verdict(verdict)

    def _store_error(self, failure: TaskFailed) -> None:
        error = failure.reported_error
        if error is not None:
            self._findings.error = error
            with contextlib.suppress(HardgateError):
                self._step.__exit__(HardgateError, error, None)


class TwoChecksEventHandler:
    """Gives each event of a play of two checks to the one that it is about."""

    def __init__(
        self,
        first: GateEventHandler,
        stage: TestEnvironment,
        second: SecondCheck,
        step: ExitStack,
    ) -> None:
        """Begin with the first one; both share the step that is under way."""
        self._handler: GateEventHandler | None = first
        self._stage = stage
        self._second = second
        self._step = step

    def handle_play_event(self, event: PlayEvent) -> None:
        """Take in one event; between the two checks there is nobody whom it concerns."""
        match event:
            case TaskStarted(task=task) if TaskMark.SECOND in task.marks:
                self._step.close()
                self._handler = None
                self._second.release_first()
            case TaskOk(result=result) if StepResult.from_json(result).cleared:
                second = self._second
                self._handler = GateEventHandler(
                    second.request.plan, self._stage, second.console, second.begin(), self._step
                )
            case TaskFailed(reported_error=HardgateError() as error) if self._handler is None:
                self._second.on_refused(error)
            case _ if self._handler is not None:
                self._handler.handle_play_event(event)
            case _:
                pass
