"""Runs one probe, or one guard, against a workspace, and describes what it saw. Never judges.

Runs in hardgate's own interpreter, on the machine of the gate. "The probe said no" is data in an
ok result; a guard that could not look says so in its observation.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import Values
from hardgate.diagnosis.evidence.collect import observe
from hardgate.engine.client import shared_client
from hardgate.errors import HardgateError
from hardgate.host.guard_facts import Scene, gather
from hardgate.host.observer import Lookout, TestHost
from hardgate.host.probe import Probe, Setting
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Observation


def look(values: Values) -> Observation:
    """Run a probe, else gather a guard's facts."""
    host = TestHost.from_json(values["host"])
    client, lookout = shared_client(host.engine_url), Lookout.at(host)
    workspace, uid = Workspace.from_json(values["workspace"]), int(values["agent_uid"])
    if values.get("probe"):
        setting = Setting(
            client=client,
            lookout=lookout,
            workspace=workspace,
            agent_uid=uid,
            environment=values["environment"],
        )
        return observe(Probe.from_json(values["probe"]), setting)
    scene = Scene(
        client=client,
        lookout=lookout,
        workspace=workspace,
        agent_uid=uid,
        readiness=values["readiness"],
        mark=f"guard-{workspace.id}",
    )
    name = values["guard"]
    try:
        return Observation(name=name, facts=gather(name, scene))
    except HardgateError as error:
        return Observation(name=name, problem=error.problem)
    except APIError as error:
        return Observation(name=name, problem=f"The engine refused: {error.explanation or error}")
    except (DockerException, RequestException, OSError) as error:
        return Observation(name=name, problem=f"The engine could not be reached: {error}")


class ActionModule(Action):
    """One look, one observation."""

    def work(self, values: Values) -> Mapping[str, Any]:
        """Answer with the observation, as data."""
        return {"observation": asdict(look(values))}
