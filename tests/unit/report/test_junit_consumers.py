"""Our JUnit files, by the rules of those who read them: the same verdicts, and why, everywhere."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from hardgate.errors import ExitCode
from hardgate.model.contract import Severity
from hardgate.model.run import Run
from hardgate.model.verdict import Outcome, Verdict
from hardgate.pipeline.check import Check
from hardgate.pipeline.report import make_session_junit
from hardgate.pipeline.session_result import make_session_result
from hardgate.redaction import Redactor
from hardgate.report.junit import make_advisory_junit, make_run_junit
from hardgate.report.junit_xml import WHOLE_RUN_CASE
from tests.unit import runs
from tests.unit.report.junit_consumers import CONSUMERS, ReadCase, RefusedReportError

OUTCOMES = {
    (Outcome.PASS, Severity.HARD): "passed",
    (Outcome.PASS, Severity.ADVISORY): "passed",
    (Outcome.FAIL, Severity.HARD): "failed",
    (Outcome.FAIL, Severity.ADVISORY): "skipped",
    (Outcome.ERROR, Severity.HARD): "failed",
    (Outcome.ERROR, Severity.ADVISORY): "failed",
}
TITLED_SKIPS = frozenset({"Jenkins", "GitLab", "Azure DevOps"})
"""Those who show why a case was skipped."""
every_consumer = pytest.mark.parametrize("consumer", CONSUMERS)
every_run = pytest.mark.parametrize("name", runs.ALL)


def read(consumer: str, run: Run, make: Callable[..., bytes] = make_run_junit) -> list[ReadCase]:
    return CONSUMERS[consumer](make(run, Redactor()))


@every_consumer
@every_run
def test_each_verdict_is_read_as_it_was_judged(consumer: str, name: str) -> None:
    run = runs.ALL[name]()
    cases = {case.name: case for case in read(consumer, run)}
    for verdict in run.verdicts:
        assert cases[verdict.name].outcome == OUTCOMES[verdict.outcome, verdict.severity]
    others = cases.keys() - {verdict.name for verdict in run.verdicts}
    assert others <= {WHOLE_RUN_CASE}


@every_consumer
@every_run
def test_the_whole_is_read_as_red_exactly_where_the_exit_code_is(consumer: str, name: str) -> None:
    run = runs.ALL[name]()
    red = any(case.outcome == "failed" for case in read(consumer, run))
    assert red == (run.exit_code is not ExitCode.HELD)


@every_consumer
@every_run
def test_why_a_promise_did_not_hold_is_shown(consumer: str, name: str) -> None:
    run = runs.ALL[name]()
    reasons = {verdict.name: verdict.best_reason for verdict in run.verdicts}
    for case in read(consumer, run):
        if case.outcome == "failed" and case.name in reasons:
            assert case.title.startswith(reasons[case.name].split("\n")[0])
            assert case.details.startswith(reasons[case.name].split("\n")[0])
        if case.outcome == "skipped" and consumer in TITLED_SKIPS:
            assert reasons[case.name] in case.title


@every_consumer
@every_run
def test_times_are_numbers_and_groups_are_the_severities(consumer: str, name: str) -> None:
    for case in read(consumer, runs.ALL[name]()):
        assert 0 <= case.seconds < 24 * 3600
        assert case.group.rpartition(".")[2] in {"hard", "advisory", "guard", "run"}


@every_run
def test_an_annotation_is_shown_at_the_contract_and_at_no_file_that_is_called_guard(
    name: str,
) -> None:
    run = runs.ALL[name]()
    assert {case.place for case in read("action-junit-report", run)} == {run.plan.contract.origin}


@every_consumer
@every_run
def test_the_advisory_file_shows_a_missed_advice_as_failed_and_is_no_greener(
    consumer: str, name: str
) -> None:
    run = runs.ALL[name]()
    advice = [one for one in run.verdicts if one.severity is Severity.ADVISORY]
    if not advice and run.exit_code is ExitCode.HELD:
        return
    cases = {case.name: case for case in read(consumer, run, make_advisory_junit)}
    assert cases.keys() - {WHOLE_RUN_CASE} == {one.name for one in advice}
    for verdict in advice:
        missed = verdict.outcome is not Outcome.PASS
        assert cases[verdict.name].outcome == ("failed" if missed else "passed")
    if run.exit_code is not ExitCode.HELD:
        assert any(case.outcome == "failed" for case in cases.values())


@cache
def write_hostile_junit() -> bytes:
    """Write it once: it is large, and the same for every reader."""
    verdict = runs.failed("agent_uid_1000", HOSTILE, stdout=HOSTILE * 50_000, stderr=HOSTILE)
    held = runs.passed("agent_home_writable", reason=HOSTILE)
    return make_run_junit(runs.red(verdicts=(verdict, held)), Redactor())


@cache
def write_large_junit() -> bytes:
    """Write a hundred misses, once."""

    def miss(number: int) -> Verdict:
        output = "x" * 2_000 + "\n"
        return replace(
            runs.failed("agent_uid_1000", f"why {number}", stdout=output * 200, stderr=output),
            name=f"promise_{number}",
        )

    return make_run_junit(
        runs.red(verdicts=tuple(miss(number) for number in range(100))), Redactor()
    )


HOSTILE = "[[ATTACHMENT|/etc/passwd]] ]]> <failure/> \x00\x1b[31m &amp; a.py:7"


@every_consumer
def test_what_an_image_wrote_is_text_to_every_reader(consumer: str) -> None:
    cases = {case.name: case for case in CONSUMERS[consumer](write_hostile_junit())}
    assert set(cases) == {"agent_uid_1000", "agent_home_writable"}
    assert cases["agent_uid_1000"].outcome == "failed"
    assert "[[ATTACHMENT" in cases["agent_uid_1000"].details
    assert cases["agent_home_writable"].outcome == "passed"


@every_consumer
def test_a_hundred_misses_with_much_output_each_are_taken(consumer: str) -> None:
    cases = CONSUMERS[consumer](write_large_junit())
    assert [case.outcome for case in cases] == ["failed"] * 100


SESSION_CHECKS = {
    "green": (Check(name="lint", group="files", outcome=Outcome.PASS),),
    "red": (
        Check(name="lint", group="files", outcome=Outcome.PASS),
        Check(name="root", group="files", outcome=Outcome.FAIL, reason="It stays root."),
        Check(
            name="advice",
            group="files",
            outcome=Outcome.FAIL,
            severity=Severity.ADVISORY,
            reason="It could be shorter.",
        ),
    ),
    "unknown": (Check(name="lint", group="files", outcome=Outcome.ERROR, reason="No shellcheck."),),
    "interrupted": (Check(name="lint", group="files", outcome=Outcome.PASS),),
}


@every_consumer
@pytest.mark.parametrize("name", SESSION_CHECKS)
def test_a_sessions_file_is_read_as_it_was_judged(consumer: str, name: str) -> None:
    checks = SESSION_CHECKS[name]
    ended = ExitCode.INTERRUPTED if name == "interrupted" else None
    result = make_session_result(
        "static",
        checks,
        commit="0" * 40,
        contract="0" * 64,
        started_at="2026-11-28T00:00:00+00:00",
        seconds=1.0,
        notices=(),
        run="3f9c2e7a",
        source=None,
        ended=ended,
    )
    cases = {
        case.name: case
        for case in CONSUMERS[consumer](make_session_junit(result, checks, "3f9c2e7a", Redactor()))
    }
    for check in checks:
        assert cases[check.name].outcome == OUTCOMES[check.outcome, check.severity]
        if cases[check.name].outcome == "failed":
            assert check.reason in cases[check.name].title
    red = any(case.outcome == "failed" for case in cases.values())
    assert red == (result.exit_code != ExitCode.HELD)


def test_the_readers_refuse_what_they_are_said_to_refuse() -> None:
    empty = b"<testsuites><testsuite name='a' time='0'/></testsuites>"
    for consumer in ("Jenkins", "test-reporter"):
        with pytest.raises(RefusedReportError):
            CONSUMERS[consumer](empty)
    untimed = (
        b"<testsuites><testsuite name='a' time='0'><testcase name='b'/></testsuite></testsuites>"
    )
    with pytest.raises(RefusedReportError, match="without time"):
        CONSUMERS["test-reporter"](untimed)
    twice = untimed.replace(b"<testcase name='b'/>", b"<testcase name='b'/>" * 2)
    assert len(CONSUMERS["GitLab"](twice)) == 1
