"""Whether an image that was verified by one contract may count as verified by another."""

from collections.abc import Sequence

from hardgate.contract import Contract
from hardgate.contract_diff import WHOLE, Change, demands, differences


def why_stale(
    verified_by: Contract, wanted: Contract, *, left_out: Sequence[str] = ()
) -> tuple[str, ...]:
    """Say, a sentence each, what `wanted` demands and nobody looked at; nothing: not stale.

    Words alone make nobody stale: another hint, another order. `left_out` names capabilities that
    the run was told to leave out (`--only`).
    """
    new = demands(differences(verified_by, wanted))
    parts = [f"'{name}' was left out of the run, as asked." for name in left_out]
    return (*(_sentence(change) for change in new), *parts)


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
        case "agent_uid":
            told = f"It was verified for an agent of uid {change.before}, not {change.after}."
        case _:
            told = f"{name}: {change.sentence}" if change.capability else change.sentence
    return told
