"""Makes a test host, and waits until it is ready. Thin: `hardgate.host` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import (
    StepFunction,
    TaskArguments,
    answer_task,
    perform_step,
)
from hardgate.engine.capability_memory import CapabilityMemory, open_capability_memory
from hardgate.engine.client import get_shared_client
from hardgate.engine.lock import hold_folder_lock
from hardgate.errors import HostError
from hardgate.host.host_state import clear_host, read_host_state
from hardgate.host.observer import Observer, TestHost
from hardgate.host.published_steps import (
    ARRIVAL,
    CREATED,
    ENGINE,
    HELD,
    ORDERED,
    RELEASED,
    TAKEN,
    await_answer,
    has_answer,
    publish_answer,
)
from hardgate.host.session_socket import SESSION_FILE
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import HostRequest, copy_image, create_host_container
from hardgate.system.ownership import Owner

VARIABLE_PREFIX = "test_host_"
WAIT_SECONDS = 7200
"""The role's default: the gate leaves it at that."""


def take_first_step(variables: Mapping[str, Any]) -> None:
    """Create the host while Ansible loads what it needs to come to that task."""
    named = {
        name.removeprefix(VARIABLE_PREFIX): value
        for name, value in variables.items()
        if name.startswith(VARIABLE_PREFIX)
    }
    create_host_step({"wait_seconds": WAIT_SECONDS, **named})


def create_host_step(values: TaskArguments) -> StepResult:
    """Create and start the host's container, of the image that the gate names in its folder.

    That is done once, by whoever comes first: the task, or the worker that is forked before it.
    """
    folder, seconds = Path(values["folder"]), float(values["wait_seconds"])
    order = await_answer(folder, ORDERED, seconds).arrival or {}
    with hold_folder_lock(folder):
        if not has_answer(folder, CREATED):
            answer = answer_task(
                lambda: _create_host(values, order["image"], order["engine_info"]).to_json()
            )
            # The gate holds the host from here on; Ansible's own way of telling takes 0.1 s longer.
            publish_answer(folder, CREATED, answer)
    return await_answer(folder, CREATED, seconds)


def _create_host(values: TaskArguments, image: str, info: Mapping[str, Any]) -> StepResult:
    owner = Owner.from_labels(values["labels"])
    if owner is None:
        raise HostError("The role's labels name no run.", "Pass 'test_host_labels' whole.")
    kind, outer_url = values["kind"], values["outer_url"]
    client = get_shared_client(outer_url)
    request = HostRequest(
        kind=kind,
        image=image,
        owner=owner,
        seconds=int(values["seconds"]),
        keep_seconds=int(values["keep_seconds"]),
        environment=values["environment"],
        share=values["share"],
        engine_info=info,
    )
    created = create_host_container(client, request, _open_memory(kind, outer_url, info))
    host = TestHost(
        kind=kind,
        engine_url=values["engine_url"],
        outer_url=outer_url,
        container=created.container,
        root="/host" if kind == "direct" else "",
        session=str(Path(values["folder"], SESSION_FILE)),
    )
    return StepResult(test_host=host, created_host=created)


def _open_memory(kind: str, url: str, info: Mapping[str, Any]) -> CapabilityMemory | None:
    """A direct run's engine is the host itself, which has to grant all that a tier asks for."""
    if kind != "nested":
        return None
    return open_capability_memory(url, str(info.get("ID") or ""), os.environ)


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
