"""What a gate in another process, or on another machine, left: its summary, read with distrust.

Nothing is judged anew. But what came over the wire counts only if it is whole, agrees with itself
and with how the gate ended, and is about what was asked: else nobody could tell.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.contract import Severity
from hardgate.model.plan import Plan
from hardgate.model.verdict import Outcome, VerdictKind
from hardgate.model.verdict import exit_code_of_verdicts as added_up
from hardgate.report.summary_json import SUMMARY_SCHEMA_VERSION
from hardgate.text.headline import exit_code_word

T = TypeVar("T")
UNTRUSTED_REMEDY = "Look at the reports and at the hardgate of that host, and run the fleet again."


class SummaryError(HardgateError):
    """A summary that says nothing which could be relied on."""

    def __init__(self, problem: str, *, evidence: str = "") -> None:
        """Take a whole sentence, and the last lines that the gate printed."""
        super().__init__(problem, UNTRUSTED_REMEDY, evidence=evidence)


@dataclass(frozen=True, kw_only=True)
class RemoteVerdict:
    """One verdict, as its gate gave it."""

    name: str
    kind: VerdictKind
    severity: Severity
    outcome: Outcome
    reason: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class GateSummary:
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
    started_at: datetime | None
    """By the clock of its own machine; None where it is not a time with a zone."""
    seconds: float
    notices: tuple[str, ...]
    skipped_capabilities: tuple[str, ...]
    """Capabilities that were not looked at, as asked."""
    verdicts: tuple[RemoteVerdict, ...]

    def verdicts_by_name(self, kind: VerdictKind) -> Mapping[str, RemoteVerdict]:
        """Give the verdicts of one kind by their names."""
        return {verdict.name: verdict for verdict in self.verdicts if verdict.kind is kind}


@dataclass(frozen=True, kw_only=True)
class ExpectedRun:
    """What a gate was started for."""

    reference: str
    """Empty where it builds one, and calls it by a folder of its own."""
    plan: Plan
    host_kind: str
    """Empty where any will do."""


def read_gate_summary(summary: Any, status: Any, expected: ExpectedRun | None) -> GateSummary:
    """Read what came back of one gate: its summary, and its process's status.

    Without `expected` it is not known what was asked: then it has to agree with itself alone.
    """
    if not summary:
        raise SummaryError(f"It left no summary, and exited {_shorten_repr(status)}.")
    if not isinstance(summary, dict):
        raise SummaryError("Its summary is not a mapping.")
    if summary.get("schema_version") != SUMMARY_SCHEMA_VERSION:
        version = _shorten_repr(summary.get("schema_version"))
        raise SummaryError(
            f"Its summary is of schema version {version}, and this hardgate reads "
            f"{SUMMARY_SCHEMA_VERSION}."
        )
    if summary.get("exit_code") == ExitCode.MISUSED and status == ExitCode.MISUSED:
        raise SummaryError(f"It was misused. {_read_value(summary, 'problem', str)}")
    parsed = _parse_gate_summary(summary)
    for problem in _find_contradictions(parsed, summary, status, expected):
        raise SummaryError(problem)
    return parsed


def _parse_gate_summary(summary: Mapping[str, Any]) -> GateSummary:
    image = _read_optional_mapping(summary, "image")
    host = _read_optional_mapping(summary, "host")
    return GateSummary(
        exit_code=_parse_choice(ExitCode, _read_value(summary, "exit_code", int), "exit_code"),
        headline=_read_value(summary, "headline", str),
        problem=_read_value(summary, "problem", str),
        remedy=_read_value(summary, "remedy", str),
        evidence=_read_value(summary, "evidence", str),
        run=_read_value(summary, "id", str),
        digest=_read_value(image, "digest", str) if image is not None else "",
        engine=_read_value(host, "engine", str) if host is not None else "",
        started_at=_parse_time(summary.get("started_at")),
        seconds=float(_read_value(summary, "seconds", (int, float))),
        notices=_read_sentences(summary, "notices"),
        skipped_capabilities=_read_sentences(summary, "not_looked_at"),
        verdicts=tuple(
            _parse_remote_verdict(verdict) for verdict in _read_value(summary, "verdicts", list)
        ),
    )


def _parse_time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None


def _parse_remote_verdict(verdict: Any) -> RemoteVerdict:
    if not isinstance(verdict, dict):
        raise SummaryError("A verdict of its summary is not a mapping.")
    reason, remedy = _read_value(verdict, "reason", str), _read_value(verdict, "hint", str)
    diagnosed = (_read_optional_mapping(verdict, "diagnosis") or {}).get("reason")
    if isinstance(diagnosed, dict):
        reason = _read_value(diagnosed, "sentence", str) or reason
        remedy = _read_value(diagnosed, "remedy", str) or remedy
    return RemoteVerdict(
        name=_read_value(verdict, "name", str),
        kind=_parse_choice(VerdictKind, verdict.get("kind"), "kind"),
        severity=_parse_choice(Severity, verdict.get("severity"), "severity"),
        outcome=_parse_choice(Outcome, verdict.get("outcome"), "outcome"),
        reason=reason,
        remedy=remedy,
    )


def _find_contradictions(
    parsed: GateSummary, summary: Mapping[str, Any], status: Any, expected: ExpectedRun | None
) -> Iterator[str]:
    """Yield what cannot be so."""
    code = int(parsed.exit_code)
    if status != code or isinstance(status, bool):
        yield f"Its summary says exit {code}, and its process exited {_shorten_repr(status)}."
    if summary.get("outcome") != exit_code_word(parsed.exit_code).lower():
        yield f"Its summary says {_shorten_repr(summary.get('outcome'))} and exit {code}."
    if expected is not None:
        yield from _find_mismatches(summary, expected)
        yield from _find_verdict_mismatches(parsed, expected.plan)
    combined = added_up(parsed.verdicts)
    if parsed.exit_code in {ExitCode.HELD, ExitCode.BROKEN} and parsed.exit_code is not combined:
        yield f"Its summary says exit {code}, and its verdicts come to {int(combined)}."
    if parsed.exit_code is ExitCode.HELD and (
        parsed.problem or not parsed.digest or not parsed.engine
    ):
        yield "Its summary says that all held, and has a problem, or neither image nor host."
    if parsed.exit_code is ExitCode.HELD and (
        parsed.skipped_capabilities or summary.get("partial") is not False
    ):
        yield "Its summary says that all held, and that a part was not looked at."


def _find_mismatches(summary: Mapping[str, Any], expected: ExpectedRun) -> Iterator[str]:
    """Yield what is not about what was asked."""
    contract, expected_contract = _read_value(summary, "contract", dict), expected.plan.contract
    for key, value in (
        ("sha256", expected_contract.sha256),
        ("version", expected_contract.version),
        ("count", len(expected_contract.capabilities)),
    ):
        if contract.get(key) != value:
            yield (
                f"It was verified by another contract: its {key} is "
                f"{_shorten_repr(contract.get(key))}, not {value}."
            )
    if _read_value(summary, "tier", dict).get("number") != expected.plan.workspace_tier.number:
        yield f"It was not verified under tier {expected.plan.workspace_tier.number}."
    image = summary.get("image")
    if image is not None and expected.reference not in {"", image.get("reference")}:
        yield f"It is about the image {_shorten_repr(image.get('reference'))}."
    host = summary.get("host")
    if host is not None and expected.host_kind not in {"", host.get("kind")}:
        yield f"Its test host is {_shorten_repr(host.get('kind'))}, not {expected.host_kind}."


def _find_verdict_mismatches(parsed: GateSummary, plan: Plan) -> Iterator[str]:
    """Yield where the verdicts are not one for each of what was planned, as it was planned."""
    severities = {capability.name: capability.severity for capability in plan.capabilities}
    probed = [name for name in severities if name not in parsed.skipped_capabilities]
    yield from _compare_verdict_names("capability", probed, parsed, VerdictKind.CAPABILITY)
    yield from _compare_verdict_names(
        "guard", [guard.name for guard in plan.guards], parsed, VerdictKind.GUARD
    )
    for verdict in parsed.verdicts:
        if verdict.severity is not severities.get(verdict.name, Severity.HARD):
            yield (
                f"'{verdict.name}' is {verdict.severity.value} in its summary, and not "
                f"in its contract."
            )


def _compare_verdict_names(
    noun: str, planned: Sequence[str], parsed: GateSummary, kind: VerdictKind
) -> Iterator[str]:
    names = [verdict.name for verdict in parsed.verdicts if verdict.kind is kind]
    for name in planned:
        if names.count(name) != 1:
            yield f"It has {names.count(name)} verdicts of the {noun} '{name}'."
    for name in names:
        if name not in planned:
            yield f"It has a verdict of a {noun} {_shorten_repr(name)}, which was not planned."


def _read_value(table: Mapping[str, Any], key: str, kind: type[T] | tuple[type[T], ...]) -> T:
    value = table.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise SummaryError(f"Its summary is garbled: '{key}' is {_shorten_repr(value)}.")
    return value


def _read_optional_mapping(table: Mapping[str, Any], key: str) -> Mapping[str, Any] | None:
    return None if table.get(key, key) is None else _read_value(table, key, dict)


def _read_sentences(table: Mapping[str, Any], key: str) -> tuple[str, ...]:
    values: list[Any] = _read_value(table, key, list)
    if not all(isinstance(value, str) for value in values):
        raise SummaryError(f"Its summary is garbled: '{key}' holds what is not text.")
    return tuple(values)


def _parse_choice(kind: type[T], value: Any, key: str) -> T:
    try:
        return kind(value)  # type: ignore[call-arg] # an enum's member by its value
    except ValueError:
        raise SummaryError(f"Its summary is garbled: '{key}' is {_shorten_repr(value)}.") from None


def _shorten_repr(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"  # noqa: PLR2004 - enough to find it
