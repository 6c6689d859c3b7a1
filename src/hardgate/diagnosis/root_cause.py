"""Root causes: misses that one and the same evidence explains are told as one."""

from collections.abc import Iterable
from dataclasses import dataclass

from hardgate.model.contract import Severity
from hardgate.model.verdict import Outcome, Reason, Verdict, VerdictKind


@dataclass(frozen=True, kw_only=True)
class RootCause:
    """One cause, and all that it breaks."""

    reason: Reason | None
    """None where nothing is known but the miss itself."""
    verdicts: tuple[Verdict, ...]
    """At least one; in the order of the run."""

    @property
    def sentence(self) -> str:
        """Why."""
        return self.reason.sentence if self.reason else self.verdicts[0].reason

    @property
    def remedy(self) -> str:
        """What to do; the contract's hint where the rules have nothing to say."""
        return (self.reason.remedy if self.reason else "") or self.verdicts[0].hint

    @property
    def severity(self) -> Severity:
        """The hardest of what it breaks."""
        hard = any(verdict.severity is Severity.HARD for verdict in self.verdicts)
        return Severity.HARD if hard else Severity.ADVISORY


def group_root_causes(verdicts: Iterable[Verdict]) -> tuple[RootCause, ...]:
    """Group the misses of a run by what the evidence says; what costs most comes first.

    Two misses are one where their reasons have the same rule and the same subject. A reason that
    only says what failed, and a miss without one, stand for themselves.
    """
    groups: dict[tuple[str, ...], list[Verdict]] = {}
    for verdict in verdicts:
        if verdict.outcome is Outcome.FAIL:
            groups.setdefault(_grouping_key(verdict), []).append(verdict)
    causes = [
        RootCause(reason=_pick_best_reason(group), verdicts=tuple(group))
        for group in groups.values()
    ]
    return tuple(
        sorted(
            causes,
            key=lambda cause: (cause.severity is not Severity.HARD, -len(cause.verdicts)),
        )
    )


def _grouping_key(verdict: Verdict) -> tuple[str, ...]:
    reason = verdict.diagnosis.reason if verdict.diagnosis else None
    if reason is None or reason.general:
        return ("alone", verdict.name)
    return ("cause", reason.cause, reason.subject)


def _pick_best_reason(group: list[Verdict]) -> Reason | None:
    """Take the telling that rests on most; a capability's before a guard's."""
    candidates = [
        (
            len(verdict.diagnosis.reason.quotes),
            verdict.kind is VerdictKind.CAPABILITY,
            -index,
            verdict,
        )
        for index, verdict in enumerate(group)
        if verdict.diagnosis and verdict.diagnosis.reason
    ]
    best = max(candidates, default=None, key=lambda candidate: candidate[:3])
    return best[3].diagnosis.reason if best and best[3].diagnosis else None
