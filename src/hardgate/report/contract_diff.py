"""What one contract demands beyond another, as lines that a person acts on, and as JSON."""

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.contract import Capability, Contract
from hardgate.model.contract_diff import WHOLE, Change, Effect, demands
from hardgate.report.headline import count

SCHEMA_VERSION = 1
TITLES = {
    Effect.RED: "An image that is green under A may go red for",
    Effect.TOLD: "B looks at this too; it is advisory, so that no image goes red for it",
    Effect.LESS: "B demands less than A",
    Effect.WORDS: "Only the words differ; no image is judged otherwise",
}


def exit_code(changes: Sequence[Change]) -> ExitCode:
    """Say 1 where more is demanded, and 0 where nothing is."""
    return ExitCode.BROKEN if demands(changes) else ExitCode.HELD


def lines(before: Contract, after: Contract, changes: Sequence[Change]) -> Iterator[str]:
    """Tell the changes, what costs most first; the last line says what they come to."""
    yield f"A: {_title(before)}"
    yield f"B: {_title(after)}"
    for effect, title in TITLES.items():
        chosen = [change for change in changes if change.effect is effect]
        if chosen:
            yield from ("", f"{title}:")
        for change in chosen:
            yield f"  {_mark(change)} {_subject(change)}: {change.sentence}"
            yield from (f"      {line}" for line in change.patch.splitlines())
    yield ""
    yield headline(before, after, changes)


def headline(before: Contract, after: Contract, changes: Sequence[Change]) -> str:
    """Say in one line what B demands that A did not."""
    code = exit_code(changes)
    new = demands(changes)
    if new:
        red = sum(change.effect is Effect.RED for change in new)
        story = f"B demands more: {count(len(new), 'demand')}, {red} of which may turn an image red"
    elif changes:
        story = "B demands nothing that A did not"
    elif before.sha256 == after.sha256:
        story = "B is A, byte for byte"
    else:
        story = "B demands what A does; the files differ in what nobody is asked for"
    return f"HARDGATE CONTRACT DIFF: {story} (exit {int(code)})"


def told(before: Contract, after: Contract, changes: Sequence[Change]) -> dict[str, Any]:
    """Tell the same as JSON values."""
    return {
        "headline": headline(before, after, changes),
        "demands_more": bool(demands(changes)),
        "exit_code": int(exit_code(changes)),
        "a": _contract(before),
        "b": _contract(after),
        "changes": [_change(change) for change in changes],
        "schema_version": SCHEMA_VERSION,
    }


def _title(contract: Contract) -> str:
    counted = count(len(contract.capabilities), "capability")
    return f"{contract.origin} v{contract.version}, {counted}, sha256:{contract.sha256}"


def _mark(change: Change) -> str:
    if change.field != WHOLE:
        return "~"
    return "+" if change.before is None else "-"


def _subject(change: Change) -> str:
    held = change.after or change.before
    if isinstance(held, Capability):
        return f"{change.capability} ({held.severity.value})"
    return change.capability or "the contract"


def _contract(contract: Contract) -> dict[str, Any]:
    return {
        "origin": contract.origin,
        "version": contract.version,
        "sha256": contract.sha256,
        "count": len(contract.capabilities),
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        "capability": change.capability,
        "field": change.field,
        "effect": change.effect.name.lower(),
        "demands": change.demands,
        "sentence": change.sentence,
        "before": _value(change.before),
        "after": _value(change.after),
        "patch": change.patch,
    }


def _value(value: Any) -> Any:
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
