"""Whether an image that was verified by one contract may count as verified by another."""

from dataclasses import dataclass

from hardgate.model.contract import Capability, Contract, Severity
from hardgate.model.contract_diff import WHOLE, Change, demands, differences


@dataclass(frozen=True, kw_only=True)
class Lack:
    """Something that is wanted, and that nobody looked at."""

    capability: str
    """Its name; empty where it is the whole contract's, so that no capability counts."""
    severity: Severity
    """As it is wanted."""
    sentence: str


def why_stale(verified_by: Contract, wanted: Contract) -> tuple[Lack, ...]:
    """Say what `wanted` demands and a run by `verified_by` did not look at; nothing: not stale.

    Words alone make nobody stale: another hint, another order.
    """
    severities = {one.name: one.severity for one in wanted.capabilities}
    return tuple(
        Lack(
            capability=change.capability,
            severity=severities.get(change.capability, Severity.HARD),
            sentence=_sentence(change),
        )
        for change in demands(differences(verified_by, wanted))
    )


def left_out(capability: Capability) -> Lack:
    """Say that a run was told to leave a capability out (`--only`)."""
    return Lack(
        capability=capability.name,
        severity=capability.severity,
        sentence=f"'{capability.name}' was left out of the run, as asked.",
    )


def _sentence(change: Change) -> str:
    name = f"'{change.capability}'"
    match change.field:
        case field if field == WHOLE:
            told = f"{name} is not in the contract that it was verified by."
        case "probe":
            told = f"{name} was looked at by another probe."
        case "severity":
            told = f"{name} was advisory there, and is hard."
        case "required_egress":
            told = f"{name} had other targets to reach."
        case "version":
            told = f"It was verified by schema version {change.before}, not {change.after}."
        case "subject":
            before, after = change.before.value, change.after.value
            told = f"It was verified as a contract of a {before}, not of a {after}."
        case "agent_uid":
            told = f"It was verified for an agent of uid {change.before}, not {change.after}."
        case _:
            told = f"{name}: {change.sentence}" if change.capability else change.sentence
    return told
