"""What the steps of the gate's play answer, and which keys of that the roles use."""

import json
import re
from dataclasses import fields

import pytest

from hardgate.host.observer import TestHost
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import CreatedHost
from hardgate.host.workspace import Workspace
from hardgate.model.observation import Execution, Observation
from hardgate.model.run import Host
from hardgate.resources import ROLES

HOST = TestHost(
    kind="nested", engine_url="unix:///a", outer_url="unix:///b", container="c", root=""
)
WORKSPACE = Workspace(id="1", volumes={"/configs": "/v"}, warnings=("slow",), state={"Pid": 1})
RESULTS = [
    StepResult(),
    StepResult(test_host=HOST, created_host=CreatedHost(container="c", lacking=("SYS_RESOURCE",))),
    StepResult(host=HOST),
    StepResult(arrival={"image": "sha256:1", "layers": ["a"]}),
    StepResult(taken=False),
    StepResult(engine=Host(kind="nested", engine="26.1", kernel="6.1", adaptations=("one",))),
    StepResult(image="sha256:1"),
    StepResult(workspace=WORKSPACE, workload={}),
    StepResult(readiness={"ready": True}, stop_remark=""),
    StepResult(observation=Observation(name="git", execution=Execution(exit_status=1))),
]
GATE_ROLES = ("test_host", "workspace", "contract_probe")
REGISTERED = re.compile(r"__(?:test_host|workspace|contract_probe)_\w+\.(\w+)")


@pytest.mark.parametrize("result", RESULTS)
def test_a_step_comes_back_as_it_was_written(result: StepResult) -> None:
    answer = {"changed": True, "invocation": {}, **json.loads(json.dumps(result.to_json()))}
    assert StepResult.from_json(answer) == result


def test_what_a_step_does_not_know_is_no_key() -> None:
    assert StepResult(taken=False).to_json() == {"taken": False}


def test_a_key_of_another_modules_answer_is_not_taken_for_a_value() -> None:
    assert StepResult.from_json({"host": "localhost", "observation": "none"}) == StepResult()


@pytest.mark.parametrize("role", GATE_ROLES)
def test_roles_pass_on_only_keys_that_a_step_answers(role: str) -> None:
    known = {field.name for field in fields(StepResult)}
    used = {
        key
        for file in (ROLES / role).rglob("*.yml")
        for key in REGISTERED.findall(file.read_text())
    }
    assert used <= known
