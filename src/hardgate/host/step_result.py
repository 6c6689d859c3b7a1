"""What one step of the gate's play answers: action plugins write it, roles and the gate read it.

A role registers the answer and passes single keys on (`{{ __workspace_started.workspace }}`), so
the fields' names are the keys. tests/unit/host/test_step_result.py holds the roles to them.
See D65 in ARCHITECTURE.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from hardgate.host.observer import TestHost
from hardgate.host.test_host import CreatedHost
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Observation
from hardgate.model.run import Host


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """A step sets the fields that it knows; a field that is None is not a key of the answer."""

    test_host: TestHost | None = None
    """The host whose container was started; nobody holds it yet."""
    created_host: CreatedHost | None = None
    """How it was started, beside `test_host`."""
    host: TestHost | None = None
    """The host, once the gate holds it, by the shortest way to its engine."""
    arrival: Mapping[str, Any] | None = None
    """What the gate prepared meanwhile: `image`, and what the workspace is to meet."""
    probe_environment: Mapping[str, str] | None = None
    """What every probe finds in its environment, once what it is to reach is there."""
    taken: bool | None = None
    """The image's layers were taken over; False where it has to be copied."""
    engine: Host | None = None
    """The host's engine, once it answers."""
    image: str | None = None
    """The id by which the host knows the image, once that was taken over or copied."""
    host_state: Mapping[str, Any] | None = None
    """What is on the host before its first workspace."""
    cleared: bool | None = None
    """The host is as it was before its first workspace."""
    workspace: Workspace | None = None
    readiness: Mapping[str, Any] | None = None
    """Facts of the guard that waits for the workspace."""
    workload: Mapping[str, Any] | None = None
    """Facts of the workload's guard, from before the stop; empty where it had ended by then."""
    observation: Observation | None = None
    """What a probe or a guard saw; several steps give none."""
    stop_remark: str | None = None
    """A sentence on how the workspace stopped; empty where there is nothing to remark."""

    def to_json(self) -> dict[str, Any]:
        """Write the keys of a task's answer."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @classmethod
    def from_json(cls, result: Mapping[str, Any]) -> "StepResult":
        """Read a task's answer; keys that are not a step's are Ansible's own."""
        given = {field.name: result.get(field.name) for field in fields(cls)}
        return cls(**{**given, **{name: _read(name, given[name]) for name in _READERS}})


def _read(name: str, value: object) -> Any:
    return _READERS[name](value) if isinstance(value, Mapping) else None


def _read_host_facts(data: Mapping[str, Any]) -> Host:
    return Host(**{**data, "adaptations": tuple(data.get("adaptations", ()))})


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "test_host": TestHost.from_json,
    "created_host": CreatedHost.from_json,
    "host": TestHost.from_json,
    "engine": _read_host_facts,
    "workspace": Workspace.from_json,
    "observation": Observation.from_json,
}
