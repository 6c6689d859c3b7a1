"""What is sent to a host, and what is made of its answer."""

from dataclasses import replace
from typing import Any

import pytest

from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode, UsageError
from hardgate.model.contract_fields import ProbeUser
from hardgate.model.plan import make_host_plan
from hardgate.model.verdict import Outcome, exit_code_of_verdicts, judge_plan
from hardgate.redaction import MASK, Redactor
from hardgate.remote.host_probes import make_host_probes, pick_probe_variables, read_observations
from tests.unit import runs

PLAN = make_host_plan(
    replace(
        runs.HOST_CONTRACT,
        capabilities=(
            runs.capability("engine_only_on_socket", user=ProbeUser.ROOT, timeout=5.0),
            runs.capability("disk_free", rerun=False, probe="echo '{{ x }}'"),
        ),
    )
)


def answer(name: str, **execution: Any) -> dict[str, Any]:
    return {"name": name, "execution": {"exit_status": 0, **execution}}


def test_each_probe_goes_with_its_user_its_time_and_an_id_of_its_own() -> None:
    first, second = make_host_probes(PLAN, run="ab", runner="ci", seconds=60.0)
    assert (first["user"], first["timeout"], first["id"]) == ("root", 5.0, "ab-1")
    assert (second["user"], second["timeout"], second["id"]) == ("ci", 60.0, "ab-2")
    assert (second["script"], second["rerun"]) == ("echo '{{ x }}'", False)


def test_a_probe_sees_the_variables_that_its_contract_names_and_no_other() -> None:
    given = {"HARDGATE_DISK_MIB": 20480, "HARDGATE_FORGE_URL": "https://forge.example"}
    assert pick_probe_variables(PLAN, given) == {"HARDGATE_DISK_MIB": "20480"}


@pytest.mark.parametrize(
    ("given", "remedy"),
    [({}, "Give it a value."), ({"HARDGATE_DISK_MB": 1}, "Did you mean 'HARDGATE_DISK_MB'?")],
)
def test_a_variable_that_is_not_given_is_refused(given: dict[str, Any], remedy: str) -> None:
    with pytest.raises(UsageError, match="asks for the variable 'HARDGATE_DISK_MIB'") as caught:
        pick_probe_variables(PLAN, given)
    assert caught.value.remedy == remedy


def test_no_secret_is_left_in_what_is_judged() -> None:
    told = [
        answer("engine_only_on_socket"),
        answer("disk_free", exit_status=1, stderr=f"Authorization: Bearer {runs.TOKEN}\n")
        | {"rerun": {"exit_status": 1, "stderr": f"+ curl -H 'X: {runs.TOKEN}'"}},
    ]
    seen = list(read_observations(told, Redactor().with_values([runs.TOKEN])))
    verdict = attach_diagnoses(PLAN, judge_plan(PLAN, seen), seen)[1]
    assert verdict.outcome is Outcome.FAIL
    assert MASK in verdict.reason
    assert verdict.diagnosis is not None
    assert runs.TOKEN not in verdict.diagnosis.trace


def test_a_host_that_was_lost_gives_errors_and_is_never_green() -> None:
    verdicts = judge_plan(PLAN, (), "The host could not be reached.")
    assert {verdict.outcome for verdict in verdicts} == {Outcome.ERROR}
    assert {verdict.reason for verdict in verdicts} == {"The host could not be reached."}
    assert exit_code_of_verdicts(verdicts) is ExitCode.UNKNOWN


def test_a_probe_that_could_not_be_run_is_an_error_and_no_miss() -> None:
    told = [answer("engine_only_on_socket"), {"name": "disk_free", "problem": "No user 'ci'."}]
    first, second = judge_plan(PLAN, read_observations(told, Redactor()))
    assert (first.outcome, second.outcome) == (Outcome.PASS, Outcome.ERROR)
    assert second.reason == "No user 'ci'."


def test_the_rules_about_workspaces_say_nothing_of_a_host() -> None:
    said = "sh: 1: docker: not found"
    told = [
        answer("engine_only_on_socket"),
        answer("disk_free", exit_status=127) | {"rerun": {"exit_status": 127, "stderr": said}},
    ]
    seen = tuple(read_observations(told, Redactor()))
    verdict = attach_diagnoses(PLAN, judge_plan(PLAN, seen), seen)[1]
    assert verdict.diagnosis is not None
    assert (verdict.diagnosis.trace, verdict.diagnosis.reason) == (said, None)
