"""What one contract demands beyond another, as lines that a person acts on, and as JSON."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.contract import Capability, Contract
from hardgate.model.contract_diff import WHOLE_CAPABILITY, ContractChange, Effect, pick_demands
from hardgate.report.contract_json import make_contract_json
from hardgate.text.plain import format_count

DIFF_SCHEMA_VERSION = 1
EFFECT_TITLES = {
    Effect.RED: "An image that is green under A may go red for",
    Effect.TOLD: "B looks at this too; it is advisory, so that no image goes red for it",
    Effect.LESS: "B demands less than A",
    Effect.WORDS: "Only the words differ; no image is judged otherwise",
}


def diff_exit_code(changes: Sequence[ContractChange]) -> ExitCode:
    """Say 1 where more is demanded, and 0 where nothing is."""
    return ExitCode.BROKEN if pick_demands(changes) else ExitCode.HELD


def format_diff(
    before: Contract, after: Contract, changes: Sequence[ContractChange]
) -> Iterator[str]:
    """Tell the changes, what costs most first; the last line says what they come to."""
    yield f"A: {_describe_contract(before)}"
    yield f"B: {_describe_contract(after)}"
    for effect, title in EFFECT_TITLES.items():
        chosen = [change for change in changes if change.effect is effect]
        if chosen:
            yield from ("", f"{title}:")
        for change in chosen:
            yield f"  {_change_mark(change)} {_describe_subject(change)}: {change.sentence}"
            yield from (f"      {line}" for line in change.patch.splitlines())
    warnings = {"A": before.warnings, "B": after.warnings}
    for name, sentences in warnings.items():
        yield from (f"Notice: {name}: {sentence}" for sentence in sentences)
    yield ""
    yield diff_headline(before, after, changes)


def diff_headline(before: Contract, after: Contract, changes: Sequence[ContractChange]) -> str:
    """Say in one line what B demands that A did not."""
    code = diff_exit_code(changes)
    demanded = pick_demands(changes)
    if demanded:
        red = sum(change.effect is Effect.RED for change in demanded)
        story = (
            f"B demands more: {format_count(len(demanded), 'demand')}, {red} of which "
            f"may turn an image red"
        )
    elif changes:
        story = "B demands nothing that A did not"
    elif before.sha256 == after.sha256:
        story = "B is A, byte for byte"
    else:
        story = "B demands what A does; the files differ in what nobody is asked for"
    return f"HARDGATE CONTRACT DIFF: {story} (exit {int(code)})"


def diff_to_json(
    before: Contract, after: Contract, changes: Sequence[ContractChange]
) -> dict[str, Any]:
    """Tell the same as JSON values."""
    return {
        "headline": diff_headline(before, after, changes),
        "demands_more": bool(pick_demands(changes)),
        "exit_code": int(diff_exit_code(changes)),
        "a": make_contract_json(before),
        "b": make_contract_json(after),
        "changes": [_change_json(change) for change in changes],
        "schema_version": DIFF_SCHEMA_VERSION,
    }


def _describe_contract(contract: Contract) -> str:
    counted = format_count(len(contract.capabilities), "capability")
    return f"{contract.origin} v{contract.version}, {counted}, sha256:{contract.sha256}"


def _change_mark(change: ContractChange) -> str:
    if change.field != WHOLE_CAPABILITY:
        return "~"
    return "+" if change.before is None else "-"


def _describe_subject(change: ContractChange) -> str:
    capability = change.after or change.before
    if isinstance(capability, Capability):
        return f"{change.capability} ({capability.severity.value})"
    return change.capability or "the contract"


def _change_json(change: ContractChange) -> dict[str, Any]:
    return {
        "capability": change.capability,
        "field": change.field,
        "effect": change.effect.name.lower(),
        "demands": change.is_demand,
        "sentence": change.sentence,
        "before": _value_json(change.before),
        "after": _value_json(change.after),
        "patch": change.patch,
    }


def _value_json(value: Any) -> Any:
    """Give a field's value; a whole capability by what decides its verdict."""
    match value:
        case Capability():
            return {"severity": value.severity.value, "probe": value.probe}
        case Enum():
            return value.value
        case tuple():
            return list(value)
        case _:
            return value
