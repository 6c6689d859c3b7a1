"""A capability's probe, run in the workspace as its agent, and looked at twice where it is silent."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import docker

from hardgate.execution import execute
from hardgate.lookout import Lookout
from hardgate.observation import Execution, Observation
from hardgate.workspace import Workspace, is_same_and_running


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One script, and how it is run; an item of a role's variable, as JSON."""

    name: str
    script: str
    """Passed to `sh -c` unchanged to the byte."""
    id: str
    """MOLECULE_T4_PROBE_ID: unique to the workspace and the capability."""
    timeout: float
    rerun: bool = True
    """A silent failure may be run once more."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Probe":
        """Read what `asdict` wrote."""
        return cls(**data)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Where probes are run: the same for all of a run's."""

    client: docker.APIClient
    lookout: Lookout
    workspace: Workspace
    agent_uid: int
    environment: Mapping[str, str]


def observe(probe: Probe, setting: Setting) -> Observation:
    """Run a probe; run a silent failure once more, traced. Never judges."""
    execution = _run(probe, setting, "-c")
    if execution.exit_status == 0:
        return Observation(name=probe.name, execution=execution)
    if not is_same_and_running(setting.client, setting.workspace):
        # A container that was killed gives 137, and an exec after that 126: no word of the probe's.
        ended = replace(execution, problem="The workspace ended while this probe ran, or before.")
        return Observation(name=probe.name, execution=ended)
    rerun = _run(probe, setting, "-xc") if execution.silent and probe.rerun else None
    return Observation(name=probe.name, execution=execution, rerun=rerun)


def _run(probe: Probe, setting: Setting, flags: str) -> Execution:
    return execute(
        setting.client,
        setting.workspace.id,
        ["sh", flags, probe.script],
        user=str(setting.agent_uid),
        environment=dict(setting.environment) | {"MOLECULE_T4_PROBE_ID": probe.id},
        timeout=probe.timeout,
        end_process=setting.lookout.ender(probe.id),
    )
