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


def unused_port(*sockets: dict[str, object]) -> Reason:
    """Explain a wait in which nothing listened on port 8080, and a probe saw `sockets` later."""
    facts = {"ready": False, "missing": "Nothing listens on its port 8080.", "unused_port": 8080}
    guard = Observation(name="workspace_became_ready", facts=facts)
    probe = Observation(name="list_peers_http_200", surroundings={"listening": list(sockets)})
    others = {one.name: one for one in (guard, probe)}
    reason = find_reason(FailedProbe(observation=guard, other_observations=others))
    assert reason is not None
    return reason


def listening(port: int, *, in_workspace: bool = True) -> dict[str, object]:
    return {
        "address": "0.0.0.0",  # noqa: S104 - where a program listens
        "port": port,
        "program": "python3",
        "in_workspace": in_workspace,
    }


def test_a_wait_for_a_port_and_a_probe_of_it_have_the_same_cause() -> None:
    reason = unused_port(listening(9090))

    assert (reason.cause, reason.subject) == ("port_wrong", "127.0.0.1:8080")
    assert "0.0.0.0:9090 ('python3')" in reason.sentence
    assert "/configs/.platform_port" in reason.remedy


@pytest.mark.parametrize(
    "sockets",
    [(), (listening(22, in_workspace=False),), (listening(8080), listening(9090))],
    ids=["nobody listens", "somebody else does", "it listens there by now"],
)
def test_a_wait_for_a_port_that_no_other_explains_stands_for_itself(
    sockets: tuple[dict[str, object], ...],
) -> None:
    assert unused_port(*sockets).cause == "runtime_not_up"


def test_a_probe_that_saw_nobody_listen_takes_nobody_elses_look() -> None:
    earlier = Observation(name="other", surroundings={"listening": [listening(9090)]})
    own = Observation(name="own", surroundings={"listening": []})
    probe = FailedProbe(observation=own, other_observations={"other": earlier})
    assert probe.listening_sockets == ()
    unlooked = FailedProbe(observation=Observation(name="g"), other_observations={"o": earlier})
    assert [socket.port for socket in unlooked.listening_sockets] == ["9090"]
