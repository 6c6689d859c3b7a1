"""Creates the test host: a step of the play, which may begin before Ansible comes to its task.

Whoever comes first takes it, the task or a worker that was forked before it. See D94 in
ARCHITECTURE.md.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hardgate.ansible.task_result import TaskArguments, answer_task
from hardgate.engine.capability_memory import CapabilityMemory, open_capability_memory
from hardgate.engine.client import get_shared_client
from hardgate.engine.lock import hold_folder_lock
from hardgate.errors import HostError
from hardgate.host.observer import TestHost
from hardgate.host.published_steps import (
    CREATED,
    ORDERED,
    await_answer,
    has_answer,
    publish_answer,
)
from hardgate.host.session_socket import SESSION_FILE
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import HostRequest, create_host_container
from hardgate.system.ownership import Owner

VARIABLE_PREFIX = "test_host_"
"""Of the role's variables, which the task's arguments are called by."""
WAIT_SECONDS = 7200
"""The role's default: the gate leaves it at that."""


def take_first_step(variables: Mapping[str, Any]) -> None:
    """Create the host with the play's variables, while Ansible loads."""
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
