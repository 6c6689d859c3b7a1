"""What the last word once answered wrongly, a row each, and the test that holds the right answer.

A row names the input and the answer that is right now; its tests are called by it. They are the
ones that were red before, so that nothing is claimed here that no test holds.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

UNIT = Path(__file__).parent
VALIDATE, POLICY = "pipeline/test_validate.py", "pipeline/test_policy.py"
SESSION, NOXFILE = "pipeline/test_session.py", "harness/test_noxfile.py"
SOURCE, TWO_NOX = "remote/test_source_archive.py", "harness/test_two_nox_at_once.py"
PROOF = "roles/test_runner_proof.py"
COMMAND, EARLY = "cli/test_validate_command.py", "cli/test_early_end.py"
EXCUSED = f"{VALIDATE}::test_a_fork_may_miss_what_the_runners_owner_allows_and_nothing_else"
UNKNOWN = f"{VALIDATE}::test_unknown_stays_unknown_and_is_not_called_stale"
DEFECT = f"{VALIDATE}::test_one_defect_is_red_for_that_reason"
CHANGED = f"{VALIDATE}::test_a_change_of_content_makes_all_stale_whatever_the_times_say"
SPEAKS = f"{POLICY}::test_one_that_is_not_trusted_is_enough"
DIRECT = f"{POLICY}::test_direct_is_what_root_allows_and_no_job_can_raise"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One way to a wrong last word."""

    given: str
    answer: str
    tests: tuple[str, ...]
    """`FILE::FUNCTION`, with the name of a case in brackets where it is one of a table."""


ROWS: Mapping[str, Row] = {
    "H2": Row(
        given="a fork's pull request whose step sets GITHUB_EVENT_NAME=push, or GITLAB_CI=true",
        answer="untrusted: it contradicts itself; on a runner root alone allows direct",
        tests=(
            f"{POLICY}::test_an_event_that_contradicts_its_own_file_is_untrusted",
            f"{SPEAKS}[H2 the step says push, and its shell a fork]",
            f"{SPEAKS}[H2 the step says that it is at another forge]",
            f"{DIRECT}[H2 a runner, and a job that says push]",
        ),
    ),
    "H5": Row(
        given="answers of the template 'good', asked about the template 'bad' beside it",
        answer="stale: it is about another template",
        tests=(
            f"{DEFECT}[H5 another context]",
            f"{DEFECT}[H5 another Dockerfile]",
        ),
    ),
    "H6": Row(
        given="content that changes while its times, or git's own list, stay as they were",
        answer="stale: other content",
        tests=(
            f"{CHANGED}[a fix is taken back while another file stays dirty]",
            f"{CHANGED}[a file is replaced by an older one]",
            f"{CHANGED}[an untracked file of the build goes]",
            f"{CHANGED}[a git-ignored file of the build]",
        ),
    ),
    "H7": Row(
        given="a t4's summary.json that the adapter's tests left, or a newest one that is garbled",
        answer="no answer: each is read from its own folder or artifact, and agrees with itself",
        tests=(
            f"{VALIDATE}::test_an_answer_in_another_sessions_artifact_is_none",
            f"{VALIDATE}::test_answers_that_a_commit_brings_along_count_for_nothing",
            f"{DEFECT}[H7 a gate of tier 1]",
            f"{DEFECT}[H7 a gate's key twice]",
            f"{DEFECT}[H7 a run that is a link]",
            f"{VALIDATE}::test_a_broken_newest_answer_is_not_skipped_for_an_older_green_one",
            f"{VALIDATE}::test_a_green_answer_agrees_with_what_became_of_its_job",
        ),
    ),
    "H8": Row(
        given="two builds of one tag at once, as of two checkouts with one path",
        answer="each has the digest that its own build named, and removes no other's image",
        tests=(
            "engine/test_image.py::test_a_build_of_the_same_tag_that_ends_meanwhile_changes_no_digest",
            "engine/test_image.py::test_a_later_build_removes_no_image_that_a_run_still_holds",
        ),
    ),
    "M9": Row(
        given="a contract that is a link, a history that git cannot give, a pin of the job's own",
        answer="red, unknown, red: never 'not edited'",
        tests=(
            f"{VALIDATE}::test_a_contract_that_is_a_link_is_not_a_contract_that_is_not_edited",
            f"{VALIDATE}::test_a_history_that_git_cannot_give_is_not_an_empty_change",
            f"{VALIDATE}::test_a_pin_that_a_job_gives_is_one_that_the_change_can_choose",
        ),
    ),
    "M11": Row(
        given="a run whose junit.xml cannot be written",
        answer="unknown, exit 3, in the last line and in summary.json alike",
        tests=(
            "gate/test_conclusion.py::test_a_report_that_cannot_be_written_makes_green_unknown_everywhere",
            f"{SESSION}::test_a_report_that_cannot_be_written_leaves_no_green_last_line",
        ),
    ),
    "M14": Row(
        given="SIGTERM at a session while its test runs",
        answer="143 with a report; no process and no folder is left",
        tests=(
            f"{SESSION}::test_a_signal_at_adapter_leaves_a_report_and_nothing_running",
            f"{COMMAND}::test_a_signal_in_mid_gate_ends_validate_with_a_report_and_nothing_left",
        ),
    ),
    "M15": Row(
        given="TF_BUILD or bamboo_buildKey, or nobody at a terminal",
        answer="untrusted",
        tests=(
            f"{SPEAKS}[M15 nobody at a terminal]",
            f"{SPEAKS}[M15 a CI system of another name]",
        ),
    ),
    "M16": Row(
        given="a push to a stranger's repository, on a runner of the whole organisation",
        answer="no direct: the policy names what the runner was registered for",
        tests=(
            f"{DIRECT}[M16 a runner of a whole organisation]",
            f"{DIRECT}[M16 a runner that does not say whose it is]",
        ),
    ),
    "M19": Row(
        given="files that are edited and committed while a session looks at them",
        answer="unknown: what was looked at is not what is there",
        tests=(
            f"{SESSION}::test_what_changes_during_the_look_makes_it_unknown",
            f"{COMMAND}::test_files_that_differ_at_the_end_are_not_what_was_validated",
            f"{DEFECT}[M19 another history]",
        ),
    ),
    "L4": Row(
        given="a program that exits 0 and leaves a child running",
        answer="the child is ended with it",
        tests=(
            "system/test_process.py::test_what_a_program_leaves_in_the_background_ends_with_it",
        ),
    ),
    "L5": Row(
        given="a t4 of a part only that was seen red, where a fork may miss t4",
        answer="red",
        tests=(f"{EXCUSED}[L5 a part that was seen red]",),
    ),
    "L17": Row(
        given="a gate's folder on a host, four hours old, in which another play still works",
        answer="it stays; one whose play is dead goes",
        tests=(
            "roles/test_make_folder.py::test_a_folder_goes_once_its_play_is_dead_and_not_before",
            f"{PROOF}::test_a_gates_folder_in_which_a_process_works_stays",
        ),
    ),
    "L18": Row(
        given="a dangling link in the policy's place",
        answer="a wrong policy, and not no policy",
        tests=(f"{POLICY}::test_a_policy_that_is_a_dangling_link_is_not_no_policy",),
    ),
    "L19": Row(
        given="an honest pin, and an answer of ours that names the same hash",
        answer="pinned from outside the repository",
        tests=(f"{VALIDATE}::test_a_pin_that_our_own_report_names_is_still_from_outside",),
    ),
    "L22": Row(
        given="a play that is broken off between registration and proof",
        answer="the next one takes it for a runner that nobody proved",
        tests=(
            f"{PROOF}::test_only_a_runner_that_was_proved_stays_where_nobody_can_tell",
            f"{PROOF}::test_the_mark_is_there_from_before_registering_until_after_the_last_proof",
        ),
    ),
    "L24": Row(
        given="a pip that fails to fill an environment",
        answer="'was not run: its environment failed', and no verdict",
        tests=(f"{NOXFILE}::test_an_environment_that_cannot_be_filled_is_not_told_as_a_verdict",),
    ),
    "A3": Row(
        given="`validate --run` without an engine",
        answer="unknown, exit 3, and neither stale nor red",
        tests=(f"{UNKNOWN}[A3 an engine that is away]",),
    ),
    "A6": Row(
        given="a wrong command whose --out holds an older green run",
        answer="MISUSED in its last line, in junit.xml and in the JSON",
        tests=(
            f"{EARLY}::test_a_wrong_command_takes_the_place_of_an_older_verdict",
            f"{EARLY}::test_latest_names_the_wrong_command_and_no_longer_the_older_verdict",
        ),
    ),
    "B6": Row(
        given="a session that `validate` runs and that is red, or unknown",
        answer="its step has the mark of what it came to",
        tests=(f"{VALIDATE}::test_a_session_that_is_run_has_the_mark_of_its_answer",),
    ),
    "B9": Row(
        given="nox after a fleet with a stale image",
        answer="'something that is required does not hold, or is stale'",
        tests=(f"{NOXFILE}::test_noxs_last_words_say_what_the_exit_code_means",),
    ),
    "B10": Row(
        given="`hardgate fleet` of an installed hardgate",
        answer="exit 2 before any host is asked, with what to run instead, and nothing is stale",
        tests=(f"{SOURCE}::test_an_installed_hardgate_refuses_before_any_host_is_asked",),
    ),
    "B19": Row(
        given="two first `nox -s validate` at once in one template",
        answer="both are whole to their end; it is installed once",
        tests=(
            f"{TWO_NOX}::test_two_first_runs_at_once_are_both_whole_and_install_once[a template]",
            f"{TWO_NOX}::test_two_first_runs_at_once_are_both_whole_and_install_once[our own]",
        ),
    ),
}
OF_REVIEW = "H2 H5 H6 H7 H8 M9 M11 M14 M15 M16 M19 L4 L5 L17 L18 L19 L22 L24".split()
OF_TRIAL = "A3 A6 B6 B9 B10 B19".split()


def test_each_row_is_here() -> None:
    assert list(ROWS) == [*OF_REVIEW, *OF_TRIAL]


@cache
def read_module(file: str) -> tuple[frozenset[str], frozenset[str]]:
    """Give the names of a module's tests, and all texts in it, of which some name cases."""
    tree = ast.parse((UNIT / file).read_text())
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    constants = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return frozenset(tests), frozenset(text for text in constants if isinstance(text, str))


@pytest.mark.parametrize("name", ROWS)
def test_the_tests_of_a_row_are_there(name: str) -> None:
    row = ROWS[name]
    assert row.given
    assert row.answer
    assert row.tests
    for test in row.tests:
        file, _, called = test.partition("::")
        function, _, case = called.partition("[")
        tests, texts = read_module(file)
        assert function in tests, test
        assert not case or case.removesuffix("]") in texts, test
