"""Whether an image that was verified by one contract may count as verified by another."""

from dataclasses import dataclass

from hardgate.model.contract import Capability, Contract, Severity
from hardgate.model.contract_diff import (
    WHOLE_CAPABILITY,
    ContractChange,
    diff_contracts,
    pick_demands,
)


@dataclass(frozen=True, kw_only=True)
class StaleReason:
    """Something that is wanted, and that nobody looked at."""

    capability: str
    """Its name; empty where it is the whole contract's, so that no capability counts."""
    severity: Severity
    """As it is wanted."""
    sentence: str


def find_stale_reasons(verified_by: Contract, required: Contract) -> tuple[StaleReason, ...]:
    """Say what `wanted` demands and a run by `verified_by` did not look at; nothing: not stale.

    Words alone make nobody stale: another hint, another order.
    """
    severities = {capability.name: capability.severity for capability in required.capabilities}
    return tuple(
        StaleReason(
            capability=change.capability,
            severity=severities.get(change.capability, Severity.HARD),
            sentence=_describe_change(change),
        )
        for change in pick_demands(diff_contracts(verified_by, required))
    )


def make_skipped_reason(capability: Capability) -> StaleReason:
    """Say that a run was told to leave a capability out (`--only`)."""
    return StaleReason(
        capability=capability.name,
        severity=capability.severity,
        sentence=f"'{capability.name}' was left out of the run, as asked.",
    )


def _describe_change(change: ContractChange) -> str:
    name = f"'{change.capability}'"
    match change.field:
        case field if field == WHOLE_CAPABILITY:
            sentence = f"{name} is not in the contract that it was verified by."
        case "probe":
            sentence = f"{name} was looked at by another probe."
        case "severity":
            sentence = f"{name} was advisory there, and is hard."
        case "required_egress":
            sentence = f"{name} had other targets to reach."
        case "version":
            sentence = f"It was verified by schema version {change.before}, not {change.after}."
        case "subject":
            before, after = change.before.value, change.after.value
            sentence = f"It was verified as a contract of a {before}, not of a {after}."
        case "agent_uid":
            sentence = f"It was verified for an agent of uid {change.before}, not {change.after}."
        case _:
            sentence = f"{name}: {change.sentence}" if change.capability else change.sentence
    return sentence
