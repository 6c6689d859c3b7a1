"""From observations to verdicts. Total: every planned name gets exactly one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from hardgate.errors import ExitCode, combine_exit_codes
from hardgate.model.contract import Capability, Severity
from hardgate.model.guard import Guard, GuardResult
from hardgate.model.observation import Execution, Observation
from hardgate.model.plan import Plan
from hardgate.text.bounded import bound_lines

MAX_REASON_CHARS = 400
"""Characters of a probe's own words that stand as the reason; the rest is in its output."""


class Outcome(Enum):
    """What is known of a promise."""

    PASS = "pass"  # noqa: S105 - an outcome, not a word to get in by
    FAIL = "fail"
    """Seen not to hold: the image did it."""
    ERROR = "error"
    """Nobody could tell."""


OUTCOME_EXIT_CODES: Mapping[Outcome, ExitCode] = {
    Outcome.PASS: ExitCode.HELD,
    Outcome.FAIL: ExitCode.BROKEN,
    Outcome.ERROR: ExitCode.UNKNOWN,
}
"""What one hard promise is worth by itself."""


class VerdictKind(Enum):
    """What was promised: by the contract, or by the gate itself."""

    CAPABILITY = "capability"
    GUARD = "guard"


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why, and what to do."""

    cause: str
    """A rule's id."""
    subject: str
    """Misses of one cause and one subject are one."""
    sentence: str
    remedy: str
    """Empty where nothing general can be said; the contract's hint stands in then."""
    quotes: tuple[str, ...]
    """The lines of evidence that it rests on."""
    general: bool = False
    """It says what failed, and not why."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What a miss showed when it was looked at again and from outside, and what follows from it."""

    trace: str = ""
    """The commands as `sh -x` traced them, with what they wrote on stderr."""
    exit_status: int | None = None
    flaky: bool = False
    """The second run passed. The verdict stays a failure."""
    note: str = ""
    """What keeps the trace from being the whole story; empty where nothing does."""
    reason: Reason | None = None
    """Why, where the evidence says so; it quotes what it rests on."""
    looked_twice: bool = True
    """There was a second run; False where the reason rests on the first and on the surroundings."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What is known of one planned capability or guard, beside what was seen."""

    name: str
    kind: VerdictKind
    severity: Severity
    """A guard's is always hard."""
    outcome: Outcome
    reason: str
    """One line: why it is not a pass, or what the pass rests on where that needs saying."""
    hint: str = ""
    """What to do about it; empty where nothing general can be said."""
    observation: Observation
    diagnosis: Diagnosis | None = None
    """The second look at a miss, and what follows from it; it never changes the outcome."""

    @property
    def best_reason(self) -> str:
        """The reason that the evidence gives, else what the first look left."""
        reason = self.diagnosis.reason if self.diagnosis else None
        return reason.sentence if reason else self.reason

    @property
    def remedy(self) -> str:
        """What to do about that reason, else what can be said in general."""
        reason = self.diagnosis.reason if self.diagnosis else None
        return (reason.remedy if reason else "") or self.hint


def judge_plan(
    plan: Plan, observations: Iterable[Observation], problem: str = ""
) -> tuple[Verdict, ...]:
    """Give one verdict for each planned capability and guard, in the plan's order; none diagnosed.

    `problem` says why an observation that is missing never came, where that is known.
    """
    observed: dict[str, Observation] = {}
    doubled: set[str] = set()
    for observation in observations:
        if observation.name in observed:
            doubled.add(observation.name)
        observed[observation.name] = observation
    missing = problem or "It was planned, and nothing was seen of it."
    context = _JudgeContext(
        plan=plan, observed=observed, doubled=frozenset(doubled), missing=missing
    )
    return tuple(
        [_judge_guard(guard, context) for guard in plan.guards]
        + [_judge_capability(capability, context) for capability in plan.capabilities]
    )


class VerdictLike(Protocol):
    """What counts of a verdict, also of one that was given elsewhere."""

    @property
    def kind(self) -> VerdictKind:
        """What was promised."""

    @property
    def severity(self) -> Severity:
        """What a miss costs."""

    @property
    def outcome(self) -> Outcome:
        """What is known of it."""


def exit_code_of_verdicts(verdicts: Iterable[VerdictLike], *, partial: bool = False) -> ExitCode:
    """Say what the run is worth. Nothing verified is never 0; an advisory miss never counts."""
    hard = [verdict for verdict in verdicts if verdict.severity is Severity.HARD]
    code = combine_exit_codes(OUTCOME_EXIT_CODES[verdict.outcome] for verdict in hard)
    has_capability = any(verdict.kind is VerdictKind.CAPABILITY for verdict in hard)
    is_short = partial or not has_capability
    return ExitCode.UNKNOWN if is_short and code is ExitCode.HELD else code


@dataclass(frozen=True, kw_only=True)
class _JudgeContext:
    plan: Plan
    observed: Mapping[str, Observation]
    doubled: frozenset[str]
    missing: str

    def find_observation(self, name: str) -> Observation:
        if name in self.doubled:
            return Observation(name=name, problem="It was seen twice in one run.")
        return self.observed.get(name) or Observation(name=name, problem=self.missing)


def _judge_guard(guard: Guard, context: _JudgeContext) -> Verdict:
    observation = context.find_observation(guard.name)
    outcome, reason = Outcome.ERROR, observation.problem
    if not reason:
        held, reason = _apply_guard(guard, observation, context.plan)
        outcome = {True: Outcome.PASS, False: Outcome.FAIL, None: Outcome.ERROR}[held]
    return Verdict(
        name=guard.name,
        kind=VerdictKind.GUARD,
        severity=Severity.HARD,
        outcome=outcome,
        reason=reason,
        hint="" if outcome is Outcome.PASS or observation.problem else guard.hint,
        observation=observation,
    )


def _apply_guard(guard: Guard, observation: Observation, plan: Plan) -> GuardResult:
    """Ask a guard's judge; facts that it cannot read are nobody's fault but the gate's."""
    try:
        return guard.judge(observation.facts, plan.workspace_tier, plan.contract)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        return None, f"What was seen of it cannot be read ({type(error).__name__}: {error})."


def _judge_capability(capability: Capability, context: _JudgeContext) -> Verdict:
    observation = context.find_observation(capability.name)
    outcome, reason = Outcome.ERROR, observation.problem
    if not reason:
        outcome, reason = _judge_execution(observation.execution)
    if outcome is Outcome.PASS and context.plan.beacon and capability.required_egress:
        reason = "It reached the run's own beacon, not the internet."
    return Verdict(
        name=capability.name,
        kind=VerdictKind.CAPABILITY,
        severity=capability.severity,
        outcome=outcome,
        reason=reason,
        hint="" if outcome is not Outcome.FAIL else capability.hint,
        observation=observation,
    )


def _judge_execution(execution: Execution | None) -> tuple[Outcome, str]:
    if execution is None:
        return Outcome.ERROR, "Its probe was not run."
    if execution.problem:
        return Outcome.ERROR, execution.problem
    if execution.timed_out:
        return Outcome.FAIL, f"Its probe was still running after {round(execution.seconds, 1):g} s."
    if execution.exit_status is None:
        return Outcome.ERROR, "The engine did not say how its probe ended."
    if execution.exit_status == 0:
        return Outcome.PASS, ""
    return Outcome.FAIL, _last_output_line(execution) or (
        f"Its probe exited {execution.exit_status}, without a word."
    )


def _last_output_line(execution: Execution) -> str:
    lines = (execution.stderr.strip() or execution.stdout.strip()).splitlines()
    return bound_lines(lines[-1].strip(), MAX_REASON_CHARS) if lines else ""
