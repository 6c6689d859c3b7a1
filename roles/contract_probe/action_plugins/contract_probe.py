"""Runs one probe, or one guard, against a workspace, and describes what it saw. Never judges.

Runs in hardgate's own interpreter, on the machine of the gate. "The probe said no" is data in an
ok result; a guard that could not look says so in its observation.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import TaskArguments
from hardgate.diagnosis.evidence.collect import ALREADY_ENDED, observe_probe
from hardgate.engine.client import get_shared_client
from hardgate.errors import HardgateError
from hardgate.host.guard_context import GuardContext
from hardgate.host.guard_facts import LIVE_GUARDS, collect_guard_facts, get_joint_claims
from hardgate.host.observer import Observer, TestHost
from hardgate.host.probe import Probe, ProbeContext
from hardgate.host.published_steps import await_answer
from hardgate.host.step_result import StepResult
from hardgate.host.workspace import Workspace, is_same_and_running
from hardgate.model.observation import LookKind, LookRecorder, Observation

TARGETS_SECONDS = 600.0
"""The engine makes a beacon of an image that it has."""


def make_observation(values: TaskArguments) -> Observation:
    """Run a probe, else gather a guard's facts."""
    host = TestHost.from_json(values["host"])
    client, observer = get_shared_client(host.engine_url), Observer.with_session(host)
    workspace, uid = Workspace.from_json(values["workspace"]), int(values["agent_uid"])
    if values.get("probe"):
        probe_context = ProbeContext(
            client=client,
            observer=observer,
            workspace=workspace,
            agent_uid=uid,
            environment=read_environment(values),
        )
        return observe_probe(Probe.from_json(values["probe"]), probe_context)
    guard_context = GuardContext(
        client=client,
        observer=observer,
        workspace=workspace,
        agent_uid=uid,
        readiness=values["readiness"],
        mark=f"guard-{workspace.id}",
        environment=read_environment(values),
    )
    recorder = LookRecorder()
    with recorder.record_look(LookKind.CONTEXT):
        observation = observe_guard(values["guard"], guard_context, tuple(values["guards"]))
    return replace(observation, looks=tuple(recorder.looks))


def read_environment(values: TaskArguments) -> Mapping[str, str]:
    """Give what every probe finds in its environment; wait for what it is to reach."""
    given, targets = values.get("environment") or {}, values.get("targets")
    if not targets:
        return given
    awaited = await_answer(Path(targets["folder"]), targets["step"], TARGETS_SECONDS)
    return {**given, **(awaited.probe_environment or {})}


def observe_guard(name: str, guard_context: GuardContext, guards: tuple[str, ...]) -> Observation:
    """Gather a guard's facts, beside those of the other `guards`; say what kept it from that."""
    client, workspace = guard_context.client, guard_context.workspace
    joint = get_joint_claims(workspace.id, guards)
    if name in guards:
        joint.begin(guard_context)
    try:
        if name in LIVE_GUARDS and not is_same_and_running(client, workspace):
            return Observation(name=name, problem=ALREADY_ENDED)
        return Observation(name=name, facts=collect_guard_facts(name, guard_context, joint))
    except HardgateError as error:
        return Observation(name=name, problem=error.problem)
    except APIError as error:
        return Observation(name=name, problem=f"The engine refused: {error.explanation or error}")
    except (DockerException, RequestException, OSError) as error:
        return Observation(name=name, problem=f"The engine could not be reached: {error}")


class ActionModule(Action):
    """One look, one observation."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Answer with the observation, as data."""
        return StepResult(observation=make_observation(values)).to_json()
