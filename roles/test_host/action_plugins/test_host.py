"""Waits for the steps that make a test host ready. Thin: `hardgate.host` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import StepFunction, TaskArguments, perform_step
from hardgate.engine.client import get_shared_client
from hardgate.host.observer import TestHost
from hardgate.host.published_steps import ARRIVAL, CREATED, ENGINE, HELD, TAKEN, await_answer
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import copy_image


def await_published_step(values: TaskArguments) -> StepResult:
    """Wait until the gate has taken a step of this name."""
    return await_answer(Path(values["folder"]), values["step"], float(values["seconds"]))


def load_image_step(values: TaskArguments) -> StepResult:
    """Load the image into the host's engine; its config digest is what the engine calls it."""
    host = TestHost.from_json(values["host"])
    return StepResult(
        image=copy_image(
            get_shared_client(host.outer_url), get_shared_client(host.engine_url), values["image"]
        )
    )


PUBLISHED_STEPS = (CREATED, HELD, ARRIVAL, TAKEN, ENGINE)
STEPS: Mapping[str, StepFunction] = {
    **dict.fromkeys(PUBLISHED_STEPS, await_published_step),
    "load": load_image_step,
}
CHANGING = frozenset({CREATED, TAKEN, ENGINE, "load"})


class ActionModule(Action):
    """Dispatch one task's `step`."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Take the step."""
        return perform_step(values, STEPS, changing=CHANGING)
