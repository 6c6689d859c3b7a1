"""A capability's probe, and how it is run in the workspace, as its agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker

from hardgate.engine.exec import execute
from hardgate.host.observer import Lookout
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Execution


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

    def environment_of(self, probe: Probe) -> dict[str, str]:
        """Give what a probe has in its environment."""
        return dict(self.environment) | {"MOLECULE_T4_PROBE_ID": probe.id}


def run_probe(probe: Probe, setting: Setting) -> Execution:
    """Run a probe, to the letter, as its agent."""
    return execute(
        setting.client,
        setting.workspace.id,
        ["sh", "-c", probe.script],
        user=str(setting.agent_uid),
        environment=setting.environment_of(probe),
        timeout=probe.timeout,
        end_process=setting.lookout.ender(probe.id),
    )
