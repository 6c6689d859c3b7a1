"""What an action plugin of ours answers to Ansible: a value, or an error with its remedy."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from hardgate.errors import HardgateError

TaskArguments = Mapping[str, Any]
"""What stands in a task."""


class Jsonable(Protocol):
    """What a step answers: a value that can be written as keys of a task's result."""

    def to_json(self) -> Mapping[str, Any]:
        """Give the keys."""
        ...


StepFunction = Callable[[TaskArguments], Jsonable]

ERROR_KEY = "hardgate_error"
"""The key under which a failed task carries problem, remedy and evidence."""


def perform_step(
    values: TaskArguments, steps: Mapping[str, StepFunction], *, changing: frozenset[str]
) -> dict[str, Any]:
    """Take the step that a task names as its `step`."""
    name = values["step"]
    return {"changed": name in changing, **steps[name](values).to_json()}


def answer_task(work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Do a task's work; a failed task means that nobody could look, never that a probe said no."""
    try:
        return {"changed": False, **work()}
    except HardgateError as error:
        return _make_failure(error.problem, error.remedy, error.evidence)
    except APIError as error:
        return _make_failure(f"The engine refused: {error.explanation or error}")
    except (DockerException, RequestException, OSError) as error:
        return _make_failure(f"The engine could not be reached: {error}")


def _make_failure(problem: str, remedy: str = "", evidence: str = "") -> dict[str, Any]:
    return {
        "failed": True,
        "msg": f"{problem} {remedy}".strip(),
        ERROR_KEY: {"problem": problem, "remedy": remedy, "evidence": evidence},
    }
