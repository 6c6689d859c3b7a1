"""What a contract demands that another did not, told before it is rolled out. Values only."""

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from hardgate.model.contract import Capability, Contract, Severity


class Effect(Enum):
    """What a change does to an image that is green before it."""

    RED = "may go red"
    """It is demanded anew, and a miss is red."""
    TOLD = "is looked at"
    """It is demanded anew, and a miss is only told: the capability is advisory."""
    LESS = "demands less"
    WORDS = "says it otherwise"
    """Nothing that decides a verdict."""


@dataclass(frozen=True, kw_only=True)
class ContractChange:
    """One difference between two contracts."""

    capability: str
    """Its name; empty where it is the contract's own."""
    field: str
    """What differs, as the contract calls it; `capability` where the whole of it came or went."""
    effect: Effect
    before: Any
    after: Any
    """None where the capability is gone; so `before` where it is new."""

    @property
    def is_demand(self) -> bool:
        """Tell whether more is asked for than before."""
        return self.effect in {Effect.RED, Effect.TOLD}

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        return _SENTENCES.get(self.field, _other_sentence)(self)

    @property
    def patch(self) -> str:
        """The probe's unified diff; empty where it is the same, or gone with its capability."""
        match self.field, self.before, self.after:
            case "probe", str(), str():
                return diff_probes(self.before, self.after, self.capability)
            case "capability", None, Capability():
                return diff_probes("", self.after.probe, self.capability)
            case _:
                return ""


WHOLE_CAPABILITY = "capability"
_DESCRIPTIVE_FIELDS = ("description", "source", "hint", "secret", "rerun")
"""Fields of a capability that decide no verdict."""
_DECISIVE_FIELDS = ("probe", "required_egress", "user")
"""Fields of a capability that may turn a verdict whichever way they change."""
_FIXED_FIELDS = ("subject", "agent_uid", "variables")
"""Fields of a contract, likewise."""


def diff_contracts(before: Contract, after: Contract) -> tuple[ContractChange, ...]:
    """List all that differs: what costs most first, else in the order of `after`."""
    changes = [*_diff_contract_fields(before, after), *_diff_capabilities(before, after)]
    order = list(Effect)
    return tuple(sorted(changes, key=lambda change: order.index(change.effect)))


def pick_demands(changes: Iterable[ContractChange]) -> tuple[ContractChange, ...]:
    """Pick what is asked for beyond what was."""
    return tuple(change for change in changes if change.is_demand)


def diff_probes(before: str, after: str, name: str) -> str:
    """Lay two probes beside each other; a line's characters that do not show are escaped."""
    lines = difflib.unified_diff(
        _split_lines(before), _split_lines(after), f"A {name}", f"B {name}", n=3
    )
    return "\n".join(line.rstrip("\n") for line in lines)


def _diff_contract_fields(before: Contract, after: Contract) -> Iterator[ContractChange]:
    if before.version != after.version:
        effect = Effect.RED if after.version > before.version else Effect.LESS
        yield _make_change("", "version", effect, before, after)
    for field in _FIXED_FIELDS:
        if _ignore_order(getattr(before, field)) != _ignore_order(getattr(after, field)):
            yield _make_change("", field, Effect.RED, before, after)


def _ignore_order(value: Any) -> Any:
    """Leave out what makes no difference: the order of names."""
    return sorted(value) if isinstance(value, tuple) else value


def _diff_capabilities(before: Contract, after: Contract) -> Iterator[ContractChange]:
    old = {capability.name: capability for capability in before.capabilities}
    new = {capability.name: capability for capability in after.capabilities}
    for name, capability in new.items():
        if name in old:
            yield from _diff_capability(old[name], capability)
        else:
            effect = _demand_effect(capability)
            yield ContractChange(
                capability=name,
                field=WHOLE_CAPABILITY,
                effect=effect,
                before=None,
                after=capability,
            )
    for name, capability in old.items():
        if name not in new:
            yield ContractChange(
                capability=name,
                field=WHOLE_CAPABILITY,
                effect=Effect.LESS,
                before=capability,
                after=None,
            )


def _diff_capability(before: Capability, after: Capability) -> Iterator[ContractChange]:
    name = after.name
    if before.severity is not after.severity:
        effect = Effect.RED if after.severity is Severity.HARD else Effect.LESS
        yield _make_change(name, "severity", effect, before, after)
    for field in _DECISIVE_FIELDS:
        if getattr(before, field) != getattr(after, field):
            yield _make_change(name, field, _demand_effect(after), before, after)
    if before.timeout != after.timeout:
        effect = Effect.LESS if _is_longer(before.timeout, after.timeout) else _demand_effect(after)
        yield _make_change(name, "timeout", effect, before, after)
    for field in _DESCRIPTIVE_FIELDS:
        if getattr(before, field) != getattr(after, field):
            yield _make_change(name, field, Effect.WORDS, before, after)


def _make_change(
    capability: str, field: str, effect: Effect, before: Any, after: Any
) -> ContractChange:
    return ContractChange(
        capability=capability,
        field=field,
        effect=effect,
        before=getattr(before, field),
        after=getattr(after, field),
    )


def _demand_effect(capability: Capability) -> Effect:
    return Effect.RED if capability.severity is Severity.HARD else Effect.TOLD


def _is_longer(before: float | None, after: float | None) -> bool:
    """Compare two times; one that is left to the run may be any."""
    return before is not None and after is not None and after > before


def _split_lines(text: str) -> list[str]:
    """Split at line feeds alone, as a shell does."""
    if not text:
        return []
    *lines, last = (_escape_unprintable(line) for line in text.split("\n"))
    ends = [f"{line}\n" for line in lines]
    return [*ends, f"{last}  (no line end)\n"] if last else ends


def _escape_unprintable(line: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )


def _format_value(value: Any) -> str:
    match value:
        case Enum():
            return str(value.value)
        case bool():
            return str(value).lower()
        case None:
            return "nobody's"
        case tuple():
            return ", ".join(map(str, value)) or "nothing"
        case _:
            return str(value)


def _whole_sentence(change: ContractChange) -> str:
    if change.after is None:
        return "It is gone."
    return f"It is new: {' '.join(change.after.description.split())}"


def _timeout_sentence(change: ContractChange) -> str:
    before, after = (
        "as long as the run says" if value is None else f"{value:g} s"
        for value in (change.before, change.after)
    )
    return f"Its probe may take {after}; it was {before}."


_SENTENCES: Mapping[str, Callable[[ContractChange], str]] = {
    WHOLE_CAPABILITY: _whole_sentence,
    "probe": lambda _: "It is looked at by another probe.",
    "severity": lambda change: (
        f"It is {_format_value(change.after)}, and was {_format_value(change.before)}."
    ),
    "required_egress": lambda change: (
        f"Its targets are {_format_value(change.after)}; they were {_format_value(change.before)}."
    ),
    "timeout": _timeout_sentence,
    "user": lambda change: (
        f"Its probe is run as {_format_value(change.after)}, and was as "
        f"{_format_value(change.before)}."
    ),
    "subject": lambda change: (
        f"It is about a {_format_value(change.after)}, and was about a "
        f"{_format_value(change.before)}."
    ),
    "variables": lambda change: (
        f"Its probes see {_format_value(change.after)}; they saw {_format_value(change.before)}."
    ),
    "version": lambda change: (
        f"It is of schema version {change.after}, and was of {change.before}."
    ),
    "agent_uid": lambda change: (
        f"The agent's uid is {_format_value(change.after)}, and was {_format_value(change.before)}."
    ),
}


def _other_sentence(change: ContractChange) -> str:
    if change.field in {"secret", "rerun"}:
        return (
            f"Its '{change.field}' is {_format_value(change.after)}, and was "
            f"{_format_value(change.before)}."
        )
    return f"Its {change.field} is put otherwise."
