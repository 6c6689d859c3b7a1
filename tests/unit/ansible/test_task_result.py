"""What a task of ours answers to Ansible."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.ansible.task_result import ERROR_KEY, answer_task, perform_step
from hardgate.errors import HostError


@dataclass(frozen=True)
class Made:
    keys: Mapping[str, Any]

    def to_json(self) -> Mapping[str, Any]:
        return self.keys


STEPS = {"make": lambda values: Made({"made": values["name"]}), "see": lambda _: Made({})}
CHANGING = frozenset({"make"})


def take(**values: str) -> Mapping[str, Any]:
    return answer_task(lambda: perform_step(values, STEPS, changing=CHANGING))


def test_a_step_says_what_it_gave_and_whether_it_changed_anything() -> None:
    assert take(step="make", name="a host") == {"changed": True, "made": "a host"}
    assert take(step="see") == {"changed": False}


def test_what_only_looks_changes_nothing() -> None:
    assert answer_task(lambda: {"seen": 1}) == {"changed": False, "seen": 1}


def test_an_error_keeps_its_remedy_and_its_evidence() -> None:
    def break_off() -> Mapping[str, Any]:
        raise HostError("It is gone.", "Make another.", evidence="exit 9")

    told = answer_task(break_off)
    assert told["failed"] is True
    assert told["msg"] == "It is gone. Make another."
    assert told[ERROR_KEY] == {
        "problem": "It is gone.",
        "remedy": "Make another.",
        "evidence": "exit 9",
    }
