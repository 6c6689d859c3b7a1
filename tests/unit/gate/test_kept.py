"""What is printed of a kept run can be pasted as it stands, and is only offered where it works."""

import shlex
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hardgate.cli.commands import COMMANDS
from hardgate.gate import environment
from hardgate.gate.kept import describe_kept_run
from hardgate.gate.state import RunState
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Execution, Observation
from tests.unit import runs

ENVIRONMENT = cast(
    "environment.TestEnvironment",
    SimpleNamespace(
        host=SimpleNamespace(container="a" * 64, kind="nested"),
        owner=SimpleNamespace(run="3f9c2e7a"),
    ),
)


def describe(*observations: Observation) -> tuple[str, ...]:
    state = RunState(
        workspace=Workspace(id="b" * 64, volumes={}, warnings=()), observations=list(observations)
    )
    return describe_kept_run(runs.PLAN, ENVIRONMENT, state)


def missed(name: str, **facts: Any) -> Observation:
    return Observation(name=name, execution=Execution(exit_status=1), facts=facts)


def test_each_miss_is_repeated_by_a_command_of_one_line() -> None:
    lines = describe(missed("list_peers_http_200"))
    (repeat,) = [line for line in lines if line.startswith("Repeat 'list_peers_http_200'")]

    words = shlex.split(repeat.partition(": ")[2])

    assert words == ["hardgate", "probe", "list_peers_http_200", "--run", "3f9c2e7a"]
    assert words[1] in COMMANDS
    assert "\\n" not in "".join(lines)


def test_a_workspace_that_has_ended_is_neither_entered_nor_asked_again() -> None:
    lines = describe(missed("workspace_became_ready", ready=False, ended={"exit_status": 1}))

    assert not any(line.startswith(("Repeat", "Enter the workspace")) for line in lines)
    assert any(line.startswith("Remove it all") for line in lines)


@pytest.mark.parametrize("start", ["Enter the workspace: ", "Enter the test host: "])
def test_a_running_one_can_be_entered(start: str) -> None:
    assert any(line.startswith(start) for line in describe(missed("list_peers_http_200")))
