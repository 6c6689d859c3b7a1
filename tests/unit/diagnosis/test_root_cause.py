"""Misses that share a cause are told as one; the others stand for themselves."""

from dataclasses import replace

from hardgate.diagnosis.root_cause import group_root_causes
from hardgate.model.verdict import Diagnosis, Outcome, Reason, Verdict
from hardgate.report.headline import format_headline
from hardgate.report.summary_json import summarize_run
from tests.unit import runs
from tests.unit.report.test_console import tell


def reason(cause: str, subject: str = "", *, general: bool = False, quotes: int = 1) -> Reason:
    return Reason(
        cause=cause,
        subject=subject,
        sentence=f"It is {cause} of {subject}.",
        remedy=f"Mend {cause}.",
        quotes=tuple(f"{cause} {subject} {number}" for number in range(quotes)),
        general=general,
    )


def missed(name: str, why: Reason | None) -> Verdict:
    seen = Diagnosis(trace="+ x", reason=why) if why else None
    return runs.failed(name, "exited 1, without a word", diagnosis=seen)


def names(*verdicts: Verdict) -> list[list[str]]:
    return [[one.name for one in cause.verdicts] for cause in group_root_causes(verdicts)]


def test_one_cause_of_one_subject_is_told_once() -> None:
    a, b = (missed(name, reason("path_owner", "/agent-home")) for name in "ab")
    assert names(a, b) == [["a", "b"]]


def test_one_cause_of_two_subjects_is_two() -> None:
    a, b = missed("a", reason("path_owner", "/x")), missed("b", reason("path_owner", "/y"))
    assert names(a, b) == [["a"], ["b"]]


def test_what_only_says_what_failed_is_never_told_together() -> None:
    a, b = (missed(name, reason("comparison", general=True)) for name in "ab")
    assert names(a, b) == [["a"], ["b"]]


def test_a_miss_without_a_reason_stands_for_itself() -> None:
    assert names(missed("a", None), missed("b", None)) == [["a"], ["b"]]


def test_a_guard_and_a_capability_share_a_cause() -> None:
    guard = replace(
        runs.guard("workload_runs_as_agent_uid", Outcome.FAIL, "uid 0"),
        diagnosis=Diagnosis(reason=reason("runtime_as_root", "uid 0"), looked_twice=False),
    )
    token = missed("token", reason("runtime_as_root", "uid 0", quotes=3))
    (cause,) = group_root_causes([guard, token])
    assert [one.name for one in cause.verdicts] == [guard.name, "token"]
    assert cause.reason is not None
    assert len(cause.reason.quotes) == 3


def test_what_costs_most_comes_first() -> None:
    advisory = missed("privileged_flag_observable", reason("capability_lacking"))
    alone = missed("a", reason("command_missing", "jq"))
    pair = [missed(name, reason("path_owner", "/x")) for name in "bc"]
    assert names(advisory, alone, *pair) == [["b", "c"], ["a"], ["privileged_flag_observable"]]


def test_a_pass_and_an_error_have_no_cause() -> None:
    assert group_root_causes([runs.passed("a"), runs.unknown("b", "nobody looked")]) == ()


def test_the_remedy_of_the_contract_stands_in() -> None:
    silent = replace(missed("a", replace(reason("comparison"), remedy="")), hint="Read the hint.")
    assert group_root_causes([silent])[0].remedy == "Read the hint."


def shared() -> tuple[Verdict, ...]:
    return tuple(missed(name, reason("path_owner", "/x")) for name in runs.NAMES[:3])


def test_the_first_screen_tells_causes_before_misses() -> None:
    told = tell(runs.red(verdicts=shared())).split("\n\n")[1]
    lines = told.splitlines()
    start = lines.index("1 cause of 3 misses:")
    assert lines[start + 1] == f"✗ {', '.join(runs.NAMES[:3])}"
    assert lines[start + 2] == "    why:   It is path_owner of /x."
    assert lines[start + 3] == "    to do: Mend path_owner."
    assert "    | path_owner /x 0" in lines
    assert "    | + x" not in lines  # Its cause is known; the trace is for -v.


def test_the_trace_is_shown_with_v() -> None:
    assert "    | + x" in tell(runs.red(verdicts=shared()), verbosity=1)


def test_the_last_line_counts_causes_first() -> None:
    told = format_headline(runs.red(verdicts=shared()))
    assert told.startswith("HARDGATE RED: 1 cause: 3 of 10 capabilities did not hold: ")


def test_the_summary_tells_causes_and_their_evidence() -> None:
    told = summarize_run(runs.red(verdicts=shared()))
    assert [cause["verdicts"] for cause in told["causes"]] == [list(runs.NAMES[:3])]
    assert told["causes"][0]["quotes"] == ["path_owner /x 0"]
    assert told["verdicts"][0]["diagnosis"]["reason"]["cause"] == "path_owner"
