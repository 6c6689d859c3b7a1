"""What a gate on another machine said of an image: its summary, read with distrust.

Nothing is judged anew. But what came over the wire counts only if it is whole, agrees with itself
and with how the gate ended, and is about what was asked: else nobody could tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.plan import Plan
from hardgate.model.verdict import Kind, Outcome
from hardgate.model.verdict import exit_code as added_up
from hardgate.report.headline import colour_word
from hardgate.report.summary_json import SCHEMA_VERSION

T = TypeVar("T")
NOT_TRUSTED = "Look at the reports and at the hardgate of that host, and run the fleet again."


class SummaryError(HardgateError):
    """A summary that says nothing which could be relied on."""

    def __init__(self, problem: str) -> None:
        """Take a whole sentence."""
        super().__init__(problem, NOT_TRUSTED)


@dataclass(frozen=True, kw_only=True)
class Told:
    """One verdict, as its gate gave it."""

    name: str
    kind: Kind
    severity: Severity
    outcome: Outcome
    reason: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """All that the matrix takes from a summary."""

    exit_code: ExitCode
    headline: str
    problem: str
    remedy: str
    evidence: str
    run: str
    digest: str
    """The image's config digest; empty where there never was one."""
    engine: str
    seconds: float
    notices: tuple[str, ...]
    left_out: tuple[str, ...]
    """Capabilities that were not looked at, as asked."""
    verdicts: tuple[Told, ...]

    def outcomes(self, kind: Kind) -> Mapping[str, Told]:
        """Give the verdicts of one kind by their names."""
        return {told.name: told for told in self.verdicts if told.kind is kind}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a gate was started for."""

    reference: str
    """Empty where it builds one, and calls it by a folder of its own."""
    plan: Plan
    host_kind: str


def read_said(summary: Any, status: Any, asked: Asked) -> Said:
    """Read what came back of one gate: its summary, and its process's status."""
    if not summary:
        raise SummaryError(f"It left no summary, and exited {_shown(status)}.")
    if not isinstance(summary, dict):
        raise SummaryError("Its summary is no mapping.")
    if summary.get("schema_version") != SCHEMA_VERSION:
        version = _shown(summary.get("schema_version"))
        raise SummaryError(
            f"Its summary is of schema version {version}, and this hardgate reads {SCHEMA_VERSION}."
        )
    said = _said(summary)
    for problem in _doubts(said, summary, status, asked):
        raise SummaryError(problem)
    return said


def _said(summary: Mapping[str, Any]) -> Said:
    image = _optional(summary, "image")
    host = _optional(summary, "host")
    return Said(
        exit_code=_choice(ExitCode, _get(summary, "exit_code", int), "exit_code"),
        headline=_get(summary, "headline", str),
        problem=_get(summary, "problem", str),
        remedy=_get(summary, "remedy", str),
        evidence=_get(summary, "evidence", str),
        run=_get(summary, "id", str),
        digest=_get(image, "digest", str) if image is not None else "",
        engine=_get(host, "engine", str) if host is not None else "",
        seconds=float(_get(summary, "seconds", (int, float))),
        notices=_sentences(summary, "notices"),
        left_out=_sentences(summary, "not_looked_at"),
        verdicts=tuple(_told(verdict) for verdict in _get(summary, "verdicts", list)),
    )


def _told(verdict: Any) -> Told:
    if not isinstance(verdict, dict):
        raise SummaryError("A verdict of its summary is no mapping.")
    reason, remedy = _get(verdict, "reason", str), _get(verdict, "hint", str)
    found = (_optional(verdict, "diagnosis") or {}).get("reason")
    if isinstance(found, dict):
        reason = _get(found, "sentence", str) or reason
        remedy = _get(found, "remedy", str) or remedy
    return Told(
        name=_get(verdict, "name", str),
        kind=_choice(Kind, verdict.get("kind"), "kind"),
        severity=_choice(Severity, verdict.get("severity"), "severity"),
        outcome=_choice(Outcome, verdict.get("outcome"), "outcome"),
        reason=reason,
        remedy=remedy,
    )


def _doubts(said: Said, summary: Mapping[str, Any], status: Any, asked: Asked) -> Iterator[str]:
    """Yield what cannot be so."""
    code = int(said.exit_code)
    if status != code or isinstance(status, bool):
        yield f"Its summary says exit {code}, and its process exited {_shown(status)}."
    if summary.get("outcome") != colour_word(said.exit_code).lower():
        yield f"Its summary says {_shown(summary.get('outcome'))} and exit {code}."
    yield from _foreign(summary, asked)
    yield from _odd_verdicts(said, asked.plan)
    worth = added_up(said.verdicts)
    if said.exit_code in {ExitCode.HELD, ExitCode.BROKEN} and said.exit_code is not worth:
        yield f"Its summary says exit {code}, and its verdicts come to {int(worth)}."
    if said.exit_code is ExitCode.HELD and (said.problem or not said.digest or not said.engine):
        yield "Its summary says that all held, and has a problem, or neither image nor host."
    if said.exit_code is ExitCode.HELD and (said.left_out or summary.get("partial") is not False):
        yield "Its summary says that all held, and that a part was not looked at."


def _foreign(summary: Mapping[str, Any], asked: Asked) -> Iterator[str]:
    """Yield what is not about what was asked."""
    contract, wanted = _get(summary, "contract", dict), asked.plan.contract
    for key, value in (
        ("sha256", wanted.sha256),
        ("version", wanted.version),
        ("count", len(wanted.capabilities)),
    ):
        if contract.get(key) != value:
            yield (
                f"It was verified by another contract: its {key} is "
                f"{_shown(contract.get(key))}, not {value}."
            )
    if _get(summary, "tier", dict).get("number") != asked.plan.workspace_tier.number:
        yield f"It was not verified under tier {asked.plan.workspace_tier.number}."
    image = summary.get("image")
    if image is not None and asked.reference not in {"", image.get("reference")}:
        yield f"It is about the image {_shown(image.get('reference'))}."
    host = summary.get("host")
    if host is not None and host.get("kind") != asked.host_kind:
        yield f"Its test host is {_shown(host.get('kind'))}, not {asked.host_kind}."


def _odd_verdicts(said: Said, plan: Plan) -> Iterator[str]:
    """Yield where the verdicts are not one for each of what was planned, as it was planned."""
    severities = {one.name: one.severity for one in plan.capabilities}
    looked = [name for name in severities if name not in said.left_out]
    yield from _misfits("capability", looked, said, Kind.CAPABILITY)
    yield from _misfits("guard", [guard.name for guard in plan.guards], said, Kind.GUARD)
    for told in said.verdicts:
        if told.severity is not severities.get(told.name, Severity.HARD):
            yield f"'{told.name}' is {told.severity.value} in its summary, and not in its contract."


def _misfits(noun: str, planned: Sequence[str], said: Said, kind: Kind) -> Iterator[str]:
    told = [one.name for one in said.verdicts if one.kind is kind]
    for name in planned:
        if told.count(name) != 1:
            yield f"It has {told.count(name)} verdicts of the {noun} '{name}'."
    for name in told:
        if name not in planned:
            yield f"It has a verdict of a {noun} {_shown(name)}, which was not planned."


def _get(table: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...]) -> T:
    value = table.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SummaryError(f"Its summary is garbled: '{key}' is {_shown(value)}.")
    return value


def _optional(table: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    return None if table.get(key, key) is None else _get(table, key, dict)


def _sentences(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values: list[Any] = _get(table, key, list)
    if not all(isinstance(value, str) for value in values):
        raise SummaryError(f"Its summary is garbled: '{key}' holds what is no text.")
    return tuple(values)


def _choice(kind: type[T], value: Any, key: str) -> T:
    try:
        return kind(value)  # type: ignore[call-arg] # an enum's member by its value
    except ValueError:
        raise SummaryError(f"Its summary is garbled: '{key}' is {_shown(value)}.") from None


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - enough to find it
