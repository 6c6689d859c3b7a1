"""A host's probes: what is sent to the host, and what comes back from it. Values only."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from hardgate.errors import UsageError
from hardgate.model.contract_fields import ProbeUser
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.redaction import Redactor
from hardgate.text.typo import suggest_choice


@dataclass(frozen=True, kw_only=True)
class HostProbe:
    """One script, and how it is run on the host; as JSON it is what the module takes."""

    name: str
    script: str
    """Passed to `sh -c` unchanged to the byte."""
    id: str
    """MOLECULE_T4_PROBE_ID: unique to the host and the capability."""
    user: str
    """A name that the host knows."""
    timeout: float
    rerun: bool
    """A silent failure may be run once more."""


def make_host_probes(plan: Plan, *, run: str, runner: str, seconds: float) -> list[dict[str, Any]]:
    """Give a plan's probes as JSON; `runner` is the name of the runner's user."""
    names = {ProbeUser.RUNNER: runner, ProbeUser.ROOT: "root"}
    return [
        asdict(
            HostProbe(
                name=capability.name,
                script=capability.probe,
                id=f"{run}-{number}",
                user=names[capability.user],
                timeout=capability.timeout or seconds,
                rerun=capability.rerun,
            )
        )
        for number, capability in enumerate(plan.capabilities, start=1)
    ]


def pick_probe_variables(plan: Plan, given: Mapping[str, Any]) -> dict[str, str]:
    """Pick what the contract asks for; raises UsageError where it is not given."""
    contract = plan.contract
    for name in contract.variables:
        if name not in given:
            raise UsageError(
                f"Contract '{contract.origin}' asks for the variable '{name}', and none was given.",
                suggest_choice(name, set(given) - set(contract.variables)) or "Give it a value.",
            )
    return {name: str(given[name]) for name in contract.variables}


def read_observations(
    reported: Sequence[Mapping[str, Any]], redactor: Redactor
) -> Iterator[Observation]:
    """Read what a host told, without the secrets: nothing is concluded from those."""
    for observation in reported:
        yield Observation.from_json(redactor.redact_value(dict(observation)))
