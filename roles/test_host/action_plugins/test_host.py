"""Makes a test host, and waits until it is ready. Thin: `hardgate.host` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import StepFunction, TaskArguments, perform_step
from hardgate.engine.client import get_shared_client
from hardgate.host.creation import create_host_step
from hardgate.host.host_state import clear_host, read_host_state
from hardgate.host.observer import Observer, TestHost
from hardgate.host.published_steps import ARRIVAL, ENGINE, HELD, RELEASED, TAKEN, await_answer
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import copy_image


def await_published_step(values: TaskArguments) -> StepResult:
    """Wait until the gate has taken a step of this name."""
    return await_answer(Path(values["folder"]), values["step"], float(values["seconds"]))


def await_arrival_step(values: TaskArguments) -> StepResult:
    """Wait until the gate holds the host, and has an image for it."""
    held = await_published_step({**values, "step": HELD})
    return replace(await_published_step({**values, "step": ARRIVAL}), host=held.host)


def load_image_step(values: TaskArguments) -> StepResult:
    """Load the image into the host's engine; its config digest is what the engine calls it."""
    host = TestHost.from_json(values["host"])
    return StepResult(
        image=copy_image(
            get_shared_client(host.outer_url), get_shared_client(host.engine_url), values["image"]
        )
    )


def list_host_state_step(values: TaskArguments) -> StepResult:
    """List what is on the host."""
    return StepResult(
        host_state=read_host_state(Observer.for_host(TestHost.from_json(values["host"])))
    )


def clear_host_step(values: TaskArguments) -> StepResult:
    """Give the host back as it was, else fail."""
    host = TestHost.from_json(values["host"])
    clear_host(get_shared_client(host.engine_url), Observer.for_host(host), values["before"])
    return StepResult(cleared=True)


PUBLISHED_STEPS = (TAKEN, ENGINE, RELEASED)
STEPS: Mapping[str, StepFunction] = {
    "create": create_host_step,
    ARRIVAL: await_arrival_step,
    **dict.fromkeys(PUBLISHED_STEPS, await_published_step),
    "load": load_image_step,
    "list_state": list_host_state_step,
    "clear": clear_host_step,
}
CHANGING = frozenset({"create", TAKEN, ENGINE, "load", "clear"})


class ActionModule(Action):
    """Dispatch one task's `step`."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Take the step."""
        return perform_step(values, STEPS, changing=CHANGING)
