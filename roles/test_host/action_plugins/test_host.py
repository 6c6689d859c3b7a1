"""Makes a test host ready, a step for each task. Thin: `hardgate.host.test_host` does the work.

Runs in hardgate's own interpreter, on the machine of the gate; knows nothing of other targets.
"""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker

from hardgate.ansible.action import Action
from hardgate.ansible.task_result import StepFunction, TaskArguments, perform_step
from hardgate.engine.capability_memory import CapabilityMemory, open_capability_memory
from hardgate.engine.client import get_shared_client
from hardgate.errors import HostError
from hardgate.host.observer import Observer, TestHost
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import (
    HostRequest,
    adopt_image,
    boot_host_engine,
    copy_image,
    create_host_container,
    use_shared_socket,
    wait_until_held,
)
from hardgate.system.ownership import Owner

ARRIVAL_PAUSE_SECONDS = 0.02


def create_host_step(values: TaskArguments) -> StepResult:
    """Create and start the host's container."""
    owner = Owner.from_labels(values["labels"])
    if owner is None:
        raise HostError("The role's labels name no run.", "Pass 'test_host_labels' whole.")
    request = HostRequest(
        kind=values["kind"],
        image=values["image"],
        owner=owner,
        seconds=int(values["seconds"]),
        keep_seconds=int(values["keep_seconds"]),
        environment=values["environment"],
        share=values["share"],
    )
    outer_url = values["outer_url"]
    client = get_shared_client(outer_url)
    created = create_host_container(client, request, _open_memory(client, request.kind, outer_url))
    host = TestHost(
        kind=values["kind"],
        engine_url=values["engine_url"],
        outer_url=outer_url,
        container=created.container,
        root="/host" if values["kind"] == "direct" else "",
    )
    return StepResult(test_host=host, created_host=created)


def _open_memory(client: docker.APIClient, kind: str, url: str) -> CapabilityMemory | None:
    """A direct run's engine is the host itself, which has to grant all that a tier asks for."""
    if kind != "nested":
        return None
    return open_capability_memory(url, str(client.info().get("ID") or ""), os.environ)


def hold_host_step(values: TaskArguments) -> StepResult:
    """Wait until the gate holds the host; take the short way to its engine, where there is one."""
    wait_until_held(_make_observer(values))
    return StepResult(host=use_shared_socket(TestHost.from_json(values["host"]), values["share"]))


def await_arrival_step(values: TaskArguments) -> StepResult:
    """Wait for what the gate prepares meanwhile: the image, and the way to the beacon."""
    path, deadline = Path(values["path"]), time.monotonic() + float(values["seconds"])
    while not path.exists():
        if time.monotonic() > deadline:
            raise HostError("The image did not arrive in time.", "Look at build.log.")
        time.sleep(ARRIVAL_PAUSE_SECONDS)
    return StepResult(arrival=json.loads(path.read_text()))


def adopt_image_step(values: TaskArguments) -> StepResult:
    """Take the image over from the outer engine's store, where that can be done."""
    return StepResult(taken=adopt_image(_make_observer(values), values["image"], values["layers"]))


def boot_engine_step(values: TaskArguments) -> StepResult:
    """Start the host's engine."""
    return StepResult(engine=boot_host_engine(_make_observer(values)))


def load_image_step(values: TaskArguments) -> StepResult:
    """Load the image into the host's engine; its config digest is what the engine calls it."""
    host = TestHost.from_json(values["host"])
    return StepResult(
        image=copy_image(
            get_shared_client(host.outer_url), get_shared_client(host.engine_url), values["image"]
        )
    )


def _make_observer(values: TaskArguments) -> Observer:
    return Observer.for_host(TestHost.from_json(values["host"]))


STEPS: Mapping[str, StepFunction] = {
    "create": create_host_step,
    "hold": hold_host_step,
    "arrival": await_arrival_step,
    "take": adopt_image_step,
    "boot": boot_engine_step,
    "load": load_image_step,
}
CHANGING = frozenset({"create", "take", "boot", "load"})


class ActionModule(Action):
    """Dispatch one task's `step`."""

    def perform_task(self, values: TaskArguments) -> Mapping[str, Any]:
        """Take the step."""
        return perform_step(values, STEPS, changing=CHANGING)
