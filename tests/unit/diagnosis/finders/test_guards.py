"""A HEALTHCHECK that does not pass is told by its own words; no shell is one cause."""

import pytest

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.reason import find_reason
from hardgate.model.guard import judge_shell
from hardgate.model.observation import Execution, Observation
from hardgate.model.verdict import Reason
from tests.unit.runs import CONTRACT, TIER

NO_SHELL = (
    "OCI runtime exec failed: exec failed: unable to start container process: "
    'exec: "sh": executable file not found in $PATH: unknown'
)


def explain(observation: Observation) -> Reason:
    reason = find_reason(FailedProbe(observation=observation))
    assert reason is not None
    return reason


def unready(health: str) -> Observation:
    facts = {"ready": False, "missing": "Its HEALTHCHECK does not pass.", "health": health}
    return Observation(name="workspace_became_ready", facts=facts)


@pytest.mark.parametrize(
    "output",
    [
        "/bin/sh: 1: curl: not found",
        "bash: line 1: curl: command not found",
        'OCI runtime exec failed: exec: "curl": executable file not found in $PATH: unknown',
    ],
)
def test_a_command_that_a_healthcheck_lacks_is_named(output: str) -> None:
    reason = explain(unready(output))

    assert reason.cause == "health_command_missing"
    assert "'curl'" in reason.sentence
    assert reason.quotes == (output,)


def test_a_healthcheck_that_fails_shows_its_own_words() -> None:
    reason = explain(unready("trying port 9090\ncurl: (22) error: 503\n"))

    assert reason.cause == "health_fails"
    assert reason.quotes == ("trying port 9090", "curl: (22) error: 503")


def test_no_shell_is_one_cause_of_guards_and_probes() -> None:
    shell = Observation(
        name="workspace_shell_is_honest",
        facts={"exit_status": 127, "nonce": "n", "answer": NO_SHELL},
    )
    writes = Observation(
        name="host_writes_are_real",
        facts={"claimed": False, "said": NO_SHELL, "path": "/x", "nonce": "n", "seen": None},
    )
    probe = Observation(name="a", execution=Execution(exit_status=127, stdout=NO_SHELL))

    witnessed = Observation(
        name="egress_is_real", facts={"claim": {"claimed": False, "said": NO_SHELL}}
    )

    reasons = [explain(observation) for observation in (shell, writes, witnessed, probe)]

    assert {(reason.cause, reason.subject) for reason in reasons} == {("no_shell", "sh")}
    held, words = judge_shell(shell.facts, TIER, CONTRACT)
    assert held is False
    assert "no 'sh'" in words
