"""The gate takes steps, and its play's tasks wait for them: a file for each."""

import threading
import time
from pathlib import Path

import pytest

from hardgate.ansible.task_result import answer_task
from hardgate.errors import HostError
from hardgate.host.published_steps import CREATED, TAKEN, await_answer, publish_answer
from hardgate.host.step_result import StepResult


def test_a_task_waits_until_the_step_is_taken(tmp_path: Path) -> None:
    def take_step() -> None:
        time.sleep(0.2)
        publish_answer(tmp_path, TAKEN, StepResult(taken=False).to_json())

    taker = threading.Thread(target=take_step)
    taker.start()
    assert await_answer(tmp_path, TAKEN, 20) == StepResult(taken=False)
    taker.join()


def test_a_task_waits_no_longer_than_the_runs_folder_is_there(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    remover = threading.Timer(0.2, folder.rmdir)
    remover.start()
    with pytest.raises(HostError, match="The run ended before the step 'taken'"):
        await_answer(folder, TAKEN, 20)
    remover.join()


def test_a_task_fails_as_its_step_did(tmp_path: Path) -> None:
    def fail() -> dict[str, object]:
        raise HostError("It is broken.", "Mend it.", evidence="crack")

    publish_answer(tmp_path, CREATED, answer_task(fail))
    with pytest.raises(HostError) as caught:
        await_answer(tmp_path, CREATED, 20)
    raised = caught.value
    assert (raised.problem, raised.remedy, raised.evidence) == (
        "It is broken.",
        "Mend it.",
        "crack",
    )


def test_another_step_is_not_taken_for_it(tmp_path: Path) -> None:
    publish_answer(tmp_path, CREATED, {})
    with pytest.raises(HostError, match="The step 'taken' was not taken in time"):
        await_answer(tmp_path, TAKEN, 0.1)
