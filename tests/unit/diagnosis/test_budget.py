"""A diagnosis ends in time, and a miss without one is still a miss with a sentence."""

import itertools

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.budget import Budget
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.diagnosis.reason import find_reason
from hardgate.model.observation import Execution, Observation
from hardgate.model.verdict import Outcome, judge_plan
from tests.unit import runs


def failed(name: str) -> Observation:
    message = "curl: (6) Could not resolve host: example.org"
    return Observation(name=name, execution=Execution(exit_status=6, stderr=message))


def test_a_diagnosis_out_of_time_says_so() -> None:
    ticks = itertools.count()
    reason = find_reason(
        FailedProbe(observation=failed("egress")), Budget(3, clock=lambda: float(next(ticks)))
    )

    assert reason is not None
    assert reason.cause == "not_in_time"
    assert "not diagnosed in time" in reason.sentence
    assert reason.general


def test_a_diagnosis_in_time_gives_the_reason() -> None:
    reason = find_reason(FailedProbe(observation=failed("egress")), Budget(3, clock=lambda: 0.0))

    assert reason is not None
    assert reason.cause == "name_not_resolved"


def test_one_budget_serves_a_whole_run_and_every_miss_keeps_its_verdict() -> None:
    observations = [failed(name) for name in runs.NAMES]
    ticks = itertools.count()

    verdicts = attach_diagnoses(
        runs.PLAN,
        judge_plan(runs.PLAN, observations),
        observations,
        Budget(8, clock=lambda: next(ticks) / 10),
    )

    misses = [verdict for verdict in verdicts if verdict.outcome is Outcome.FAIL]
    causes = [
        miss.diagnosis.reason.cause for miss in misses if miss.diagnosis and miss.diagnosis.reason
    ]
    assert len(misses) == len(causes) == len(runs.NAMES)
    assert causes[0] == "name_not_resolved"
    assert causes[-1] == "not_in_time"


def test_the_name_that_was_not_resolved_is_without_the_sentences_full_stop() -> None:
    stop = Observation(
        name="egress",
        execution=Execution(exit_status=6, stderr="curl: (6) Could not resolve host: example.org."),
    )

    reason = find_reason(FailedProbe(observation=stop))

    assert reason is not None
    assert "'example.org'" in reason.sentence
