"""Verdicts: total over the plan, and worth an exit code."""

from dataclasses import replace
from typing import Any

import pytest

from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode
from hardgate.model.contract import Capability, Contract, Severity
from hardgate.model.guard import Guard
from hardgate.model.observation import Execution, Observation
from hardgate.model.plan import Plan
from hardgate.model.tier import Tier
from hardgate.model.verdict import Outcome, Verdict, VerdictKind, exit_code_of_verdicts, judge_plan

TIER = Tier(number=2, name="standard", network="bridge", volumes=())


def capability(name: str, severity: Severity = Severity.HARD) -> Capability:
    return Capability(
        name=name, description="d", severity=severity, source="s", probe="exit 0", hint="Mend it."
    )


GUARD = Guard(
    name="door_is_shut",
    description="d",
    hint="Shut it.",
    judge=lambda facts, _tier, _contract: (facts["shut"], facts["why"]),
)
CAPABILITIES = (capability("a"), capability("b", Severity.ADVISORY))
PLAN = Plan(
    contract=Contract(
        origin="x", sha256="0" * 64, version=1, agent_uid=1000, capabilities=CAPABILITIES
    ),
    tier=TIER,
    capabilities=CAPABILITIES,
    guards=(GUARD,),
)


def ran(exit_status: int | None = 0, **more: Any) -> Observation:
    return Observation(name="a", execution=Execution(exit_status=exit_status, **more))


def judge_a(*observations: Observation) -> Verdict:
    return next(verdict for verdict in judge_plan(PLAN, observations) if verdict.name == "a")


def judge_guard(facts: dict[str, Any]) -> Verdict:
    return judge_plan(PLAN, [Observation(name="door_is_shut", facts=facts)])[0]


def test_every_planned_name_gets_one_verdict_in_the_plans_order() -> None:
    verdicts = judge_plan(PLAN, [])
    assert [verdict.name for verdict in verdicts] == ["door_is_shut", "a", "b"]
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ERROR}
    assert {verdict.reason for verdict in verdicts} == {
        "It was planned, and nothing was seen of it."
    }
    assert [verdict.severity for verdict in verdicts] == [
        Severity.HARD,
        Severity.HARD,
        Severity.ADVISORY,
    ]
    assert [verdict.kind for verdict in verdicts] == [
        VerdictKind.GUARD,
        VerdictKind.CAPABILITY,
        VerdictKind.CAPABILITY,
    ]


def test_what_never_came_is_explained_where_that_is_known() -> None:
    verdicts = judge_plan(PLAN, [ran(0)], "The host is gone.")
    assert [verdict.reason for verdict in verdicts] == [
        "The host is gone.",
        "",
        "The host is gone.",
    ]


def test_what_nobody_planned_owes_no_verdict() -> None:
    assert len(judge_plan(PLAN, [Observation(name="other"), ran(0)])) == 3


@pytest.mark.parametrize("statuses", [(0, 0), (0, 1), (1, 0)])
def test_what_was_seen_twice_is_an_error(statuses: tuple[int, int]) -> None:
    verdict = judge_a(*(ran(status) for status in statuses))
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason == "It was seen twice in one run."


@pytest.mark.parametrize(
    ("observation", "outcome", "reason"),
    [
        (ran(0), Outcome.PASS, ""),
        (ran(0, stdout="so much", stderr="warning"), Outcome.PASS, ""),
        (ran(0, truncated=True), Outcome.PASS, ""),
        (ran(1), Outcome.FAIL, "Its probe exited 1, without a word."),
        (ran(1, stderr=" \n\t"), Outcome.FAIL, "Its probe exited 1, without a word."),
        (ran(1, stderr="first\nlast \n\n"), Outcome.FAIL, "last"),
        (ran(1, stdout="out"), Outcome.FAIL, "out"),
        (ran(1, stdout="out", stderr="err"), Outcome.FAIL, "err"),
        (ran(126), Outcome.FAIL, "Its probe exited 126, without a word."),
        (ran(137), Outcome.FAIL, "Its probe exited 137, without a word."),
        (ran(255), Outcome.FAIL, "Its probe exited 255, without a word."),
        (ran(None), Outcome.ERROR, "The engine did not say how its probe ended."),
        (ran(None, timed_out=True, seconds=60.04), Outcome.FAIL, "still running after 60 s."),
        (ran(None, timed_out=True, seconds=0.52), Outcome.FAIL, "still running after 0.5 s."),
        (ran(137, timed_out=True, seconds=5.0), Outcome.FAIL, "still running after 5 s."),
        (ran(0, timed_out=True, seconds=5.0), Outcome.FAIL, "still running after 5 s."),
        (ran(None, problem="It is gone."), Outcome.ERROR, "It is gone."),
        (ran(0, problem="It is gone."), Outcome.ERROR, "It is gone."),
        (ran(1, problem="It is gone.", timed_out=True), Outcome.ERROR, "It is gone."),
        (replace(ran(0), problem="Nobody looked."), Outcome.ERROR, "Nobody looked."),
        (Observation(name="a"), Outcome.ERROR, "Its probe was not run."),
    ],
)
def test_an_execution_is_judged(observation: Observation, outcome: Outcome, reason: str) -> None:
    verdict = judge_a(observation)
    assert verdict.outcome is outcome
    assert verdict.reason.endswith(reason)
    assert (verdict.reason == "") is (reason == "")
    assert verdict.hint == ("Mend it." if outcome is Outcome.FAIL else "")
    assert verdict.observation == observation


@pytest.mark.parametrize(
    ("again", "flaky"),
    [(0, True), (1, False), (None, False)],
)
def test_a_second_look_is_evidence_and_changes_no_verdict(again: int | None, flaky: bool) -> None:
    trace = Execution(exit_status=again, stderr="+ [ 1 = 0 ]", problem="cut short")
    observation = replace(ran(1), rerun=trace)
    undiagnosed = judge_a(observation)
    assert undiagnosed.diagnosis is None
    (verdict,) = attach_diagnoses(PLAN, [undiagnosed], [observation])
    assert replace(verdict, diagnosis=None) == undiagnosed
    assert verdict.outcome is Outcome.FAIL
    assert verdict.reason == "Its probe exited 1, without a word."
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.flaky is flaky
    assert verdict.diagnosis.trace == "+ [ 1 = 0 ]"
    assert verdict.diagnosis.note == "cut short"


@pytest.mark.parametrize("status", [0, None])
def test_only_a_failure_has_a_diagnosis(status: int | None) -> None:
    observation = replace(ran(status), rerun=Execution(exit_status=0))
    verdicts = judge_plan(PLAN, [observation])
    assert attach_diagnoses(PLAN, verdicts, [observation]) == verdicts


@pytest.mark.parametrize(
    ("facts", "outcome", "reason", "hint"),
    [
        ({"shut": True, "why": ""}, Outcome.PASS, "", ""),
        ({"shut": True, "why": "by luck"}, Outcome.PASS, "by luck", ""),
        ({"shut": False, "why": "ajar"}, Outcome.FAIL, "ajar", "Shut it."),
        ({"shut": None, "why": "dark"}, Outcome.ERROR, "dark", "Shut it."),
    ],
)
def test_a_guard_is_judged_by_its_facts(
    facts: dict[str, Any], outcome: Outcome, reason: str, hint: str
) -> None:
    verdict = judge_guard(facts)
    assert (verdict.outcome, verdict.reason, verdict.hint) == (outcome, reason, hint)


@pytest.mark.parametrize("facts", [{}, {"shut": True}, {"why": ""}])
def test_facts_that_a_guard_cannot_read_are_an_error_and_no_crash(facts: dict[str, Any]) -> None:
    verdict = judge_guard(facts)
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("What was seen of it cannot be read")


def test_a_guard_that_could_not_look_is_an_error_whatever_its_facts() -> None:
    observation = Observation(
        name="door_is_shut", facts={"shut": True, "why": ""}, problem="No light."
    )
    verdict = judge_plan(PLAN, [observation])[0]
    assert (verdict.outcome, verdict.reason) == (Outcome.ERROR, "No light.")


def verdicts(words: str) -> list[Verdict]:
    """Read words such as 'hard:pass guard:fail'."""
    made = []
    for word in words.split():
        what, _, outcome = word.partition(":")
        made.append(
            Verdict(
                name=word,
                kind=VerdictKind.GUARD if what == "guard" else VerdictKind.CAPABILITY,
                severity=Severity.ADVISORY if what == "advisory" else Severity.HARD,
                outcome=Outcome(outcome),
                reason="",
                observation=Observation(name=word),
            )
        )
    return made


HELD, BROKEN, UNKNOWN = ExitCode.HELD, ExitCode.BROKEN, ExitCode.UNKNOWN


@pytest.mark.parametrize(
    ("words", "code", "partial_code"),
    [
        ("hard:pass", HELD, UNKNOWN),
        ("guard:pass hard:pass", HELD, UNKNOWN),
        ("guard:pass hard:pass advisory:pass", HELD, UNKNOWN),
        ("guard:pass hard:pass advisory:fail", HELD, UNKNOWN),
        ("guard:pass hard:pass advisory:error", HELD, UNKNOWN),
        ("guard:pass hard:fail", BROKEN, BROKEN),
        ("guard:fail hard:pass", BROKEN, BROKEN),
        ("guard:fail hard:error", BROKEN, BROKEN),
        ("guard:error hard:fail", BROKEN, BROKEN),
        ("hard:fail hard:error hard:pass", BROKEN, BROKEN),
        ("hard:error hard:fail", BROKEN, BROKEN),
        ("guard:fail", BROKEN, BROKEN),
        ("guard:fail advisory:pass", BROKEN, BROKEN),
        ("guard:pass hard:error", UNKNOWN, UNKNOWN),
        ("guard:error hard:pass", UNKNOWN, UNKNOWN),
        ("hard:error hard:pass advisory:fail", UNKNOWN, UNKNOWN),
        ("", UNKNOWN, UNKNOWN),
        ("guard:pass", UNKNOWN, UNKNOWN),
        ("advisory:pass", UNKNOWN, UNKNOWN),
        ("guard:pass advisory:pass", UNKNOWN, UNKNOWN),
        ("guard:pass advisory:fail", UNKNOWN, UNKNOWN),
        ("guard:error advisory:fail", UNKNOWN, UNKNOWN),
    ],
)
def test_the_exit_code_says_what_was_proven(
    words: str, code: ExitCode, partial_code: ExitCode
) -> None:
    assert exit_code_of_verdicts(verdicts(words)) is code
    assert exit_code_of_verdicts(verdicts(words), partial=True) is partial_code


def test_every_outcome_of_a_hard_promise_has_its_code() -> None:
    for outcome in Outcome:
        code = exit_code_of_verdicts(verdicts(f"guard:pass hard:{outcome.value}"))
        assert (
            code
            is {
                Outcome.PASS: HELD,
                Outcome.FAIL: BROKEN,
                Outcome.ERROR: UNKNOWN,
            }[outcome]
        )
