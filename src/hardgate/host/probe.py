"""A capability's probe, and how it is run in the workspace, as its agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker

from hardgate.engine.exec import execute_in_container
from hardgate.host.observer import Observer
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
class ProbeContext:
    """Where probes are run: the same for all of a run's."""

    client: docker.APIClient
    observer: Observer
    workspace: Workspace
    agent_uid: int
    environment: Mapping[str, str]

    def build_probe_environment(self, probe: Probe) -> dict[str, str]:
        """Give what a probe has in its environment."""
        return dict(self.environment) | {"MOLECULE_T4_PROBE_ID": probe.id}


def run_probe(probe: Probe, context: ProbeContext) -> Execution:
    """Run a probe, to the letter, as its agent."""
    return execute_in_container(
        context.client,
        context.workspace.id,
        ["sh", "-c", probe.script],
        user=str(context.agent_uid),
        environment=context.build_probe_environment(probe),
        timeout=probe.timeout,
        end_process=context.observer.make_process_ender(probe.id),
    )
