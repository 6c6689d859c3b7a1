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
class Change:
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
    def demands(self) -> bool:
        """Tell whether more is asked for than before."""
        return self.effect in {Effect.RED, Effect.TOLD}

    @property
    def sentence(self) -> str:
        """Say it in one line."""
        return _SENTENCES.get(self.field, _other)(self)

    @property
    def patch(self) -> str:
        """The probe's unified diff; empty where it is the same, or gone with its capability."""
        match self.field, self.before, self.after:
            case "probe", str(), str():
                return unified(self.before, self.after, self.capability)
            case "capability", None, Capability():
                return unified("", self.after.probe, self.capability)
            case _:
                return ""


WHOLE = "capability"
_WORDS = ("description", "source", "hint", "secret", "rerun")
"""Fields of a capability that decide no verdict."""
_DECISIVE = ("probe", "required_egress", "user")
"""Fields of a capability that may turn a verdict whichever way they change."""
_FIXED = ("subject", "agent_uid", "variables")
"""Fields of a contract, likewise."""


def differences(before: Contract, after: Contract) -> tuple[Change, ...]:
    """List all that differs: what costs most first, else in the order of `after`."""
    found = [*_of_contract(before, after), *_of_capabilities(before, after)]
    order = list(Effect)
    return tuple(sorted(found, key=lambda change: order.index(change.effect)))


def demands(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Pick what is asked for beyond what was."""
    return tuple(change for change in changes if change.demands)


def unified(before: str, after: str, name: str) -> str:
    """Lay two probes beside each other; a line's characters that do not show are escaped."""
    lines = difflib.unified_diff(_lines(before), _lines(after), f"A {name}", f"B {name}", n=3)
    return "\n".join(line.rstrip("\n") for line in lines)


def _of_contract(before: Contract, after: Contract) -> Iterator[Change]:
    if before.version != after.version:
        effect = Effect.RED if after.version > before.version else Effect.LESS
        yield _change("", "version", effect, before, after)
    for field in _FIXED:
        if _plain(getattr(before, field)) != _plain(getattr(after, field)):
            yield _change("", field, Effect.RED, before, after)


def _plain(value: Any) -> Any:
    """Leave out what makes no difference: the order of names."""
    return sorted(value) if isinstance(value, tuple) else value


def _of_capabilities(before: Contract, after: Contract) -> Iterator[Change]:
    was = {capability.name: capability for capability in before.capabilities}
    now = {capability.name: capability for capability in after.capabilities}
    for name, capability in now.items():
        if name in was:
            yield from _of_capability(was[name], capability)
        else:
            effect = _more(capability)
            yield Change(capability=name, field=WHOLE, effect=effect, before=None, after=capability)
    for name, capability in was.items():
        if name not in now:
            yield Change(
                capability=name, field=WHOLE, effect=Effect.LESS, before=capability, after=None
            )


def _of_capability(before: Capability, after: Capability) -> Iterator[Change]:
    name = after.name
    if before.severity is not after.severity:
        effect = Effect.RED if after.severity is Severity.HARD else Effect.LESS
        yield _change(name, "severity", effect, before, after)
    for field in _DECISIVE:
        if getattr(before, field) != getattr(after, field):
            yield _change(name, field, _more(after), before, after)
    if before.timeout != after.timeout:
        effect = Effect.LESS if _is_longer(before.timeout, after.timeout) else _more(after)
        yield _change(name, "timeout", effect, before, after)
    for field in _WORDS:
        if getattr(before, field) != getattr(after, field):
            yield _change(name, field, Effect.WORDS, before, after)


def _change(capability: str, field: str, effect: Effect, before: Any, after: Any) -> Change:
    return Change(
        capability=capability,
        field=field,
        effect=effect,
        before=getattr(before, field),
        after=getattr(after, field),
    )


def _more(capability: Capability) -> Effect:
    return Effect.RED if capability.severity is Severity.HARD else Effect.TOLD


def _is_longer(before: float | None, after: float | None) -> bool:
    """Compare two times; one that is left to the run may be any."""
    return before is not None and after is not None and after > before


def _lines(text: str) -> list[str]:
    """Split at line feeds alone, as a shell does."""
    if not text:
        return []
    *lines, last = (_visible(line) for line in text.split("\n"))
    ends = [f"{line}\n" for line in lines]
    return [*ends, f"{last}  (no line end)\n"] if last else ends


def _visible(line: str) -> str:
    return "".join(
        char if char.isprintable() or char == "\t" else char.encode("unicode_escape").decode()
        for char in line
    )


def _told(value: Any) -> str:
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


def _of_whole(change: Change) -> str:
    if change.after is None:
        return "It is gone."
    return f"It is new: {' '.join(change.after.description.split())}"


def _of_timeout(change: Change) -> str:
    before, after = (
        "as long as the run says" if value is None else f"{value:g} s"
        for value in (change.before, change.after)
    )
    return f"Its probe may take {after}; it was {before}."


_SENTENCES: Mapping[str, Callable[[Change], str]] = {
    WHOLE: _of_whole,
    "probe": lambda _: "It is looked at by another probe.",
    "severity": lambda change: f"It is {_told(change.after)}, and was {_told(change.before)}.",
    "required_egress": lambda change: (
        f"Its targets are {_told(change.after)}; they were {_told(change.before)}."
    ),
    "timeout": _of_timeout,
    "user": lambda change: (
        f"Its probe is run as {_told(change.after)}, and was as {_told(change.before)}."
    ),
    "subject": lambda change: (
        f"It is about a {_told(change.after)}, and was about a {_told(change.before)}."
    ),
    "variables": lambda change: (
        f"Its probes see {_told(change.after)}; they saw {_told(change.before)}."
    ),
    "version": lambda change: (
        f"It is of schema version {change.after}, and was of {change.before}."
    ),
    "agent_uid": lambda change: (
        f"The agent's uid is {_told(change.after)}, and was {_told(change.before)}."
    ),
}


def _other(change: Change) -> str:
    if change.field in {"secret", "rerun"}:
        return f"Its '{change.field}' is {_told(change.after)}, and was {_told(change.before)}."
    return f"Its {change.field} is put otherwise."
