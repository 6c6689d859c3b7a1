"""Makes the test host while Ansible starts: the play's tasks wait for each step, and report it.

See D74 in ARCHITECTURE.md.
"""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.ansible.task_result import answer_task
from hardgate.engine.capability_memory import CapabilityMemory, open_capability_memory
from hardgate.engine.client import Engine
from hardgate.engine.exec import ENGINE_ERRORS
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import HardgateError, explain_crash
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.play import KEEP_SECONDS, LIFE_SECONDS
from hardgate.host.observer import Observer, TestHost
from hardgate.host.published_steps import CREATED, ENGINE, HELD, TAKEN, publish_answer
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import (
    HostRequest,
    await_ready_host,
    boot_host_engine,
    create_host_container,
    take_image,
    use_shared_socket,
)


def prepare_host(
    engine: Engine, kind: str, host_image: str, test_environment: TestEnvironment
) -> None:
    """Take one step after the other, and publish each; the first that fails is the last."""
    results = _take_steps(engine, kind, host_image, test_environment)
    for step in (CREATED, HELD) if kind == "direct" else (CREATED, HELD, TAKEN, ENGINE):
        answer = _answer_next_step(results)
        publish_answer(test_environment.folder, step, answer)
        if answer.get("failed"):
            return


def _take_steps(
    engine: Engine, kind: str, host_image: str, test_environment: TestEnvironment
) -> Iterator[StepResult]:
    """Go from an image of ours to a host that has the image under test, and an engine."""
    request = _make_host_request(engine, kind, host_image, test_environment)
    client = engine.open_client()
    created = create_host_container(client, request, _open_memory(engine, kind))
    host = _describe_host(engine, kind, created.container, test_environment.relay_url)
    lifeline = test_environment.hold_host(host)
    yield StepResult(test_host=host, created_host=created)
    observer = Observer(client=client, container=host.container, root=host.root)
    nonce = await_ready_host(lifeline, observer)
    yield StepResult(host=use_shared_socket(host, request.share, nonce))
    image = test_environment.await_image()
    yield StepResult(taken=take_image(lifeline, observer, image.digest, image.layers))
    yield StepResult(engine=boot_host_engine(lifeline, observer))


def _answer_next_step(results: Iterator[StepResult]) -> Mapping[str, Any]:
    """Take a step as a task would; a crash is an answer as well, for a task waits for one."""

    def take_step() -> Mapping[str, Any]:
        try:
            return next(results).to_json()
        except (HardgateError, *ENGINE_ERRORS):
            raise
        except Exception as error:
            raise explain_crash(error) from error

    return answer_task(take_step)


def _make_host_request(
    engine: Engine, kind: str, host_image: str, test_environment: TestEnvironment
) -> HostRequest:
    return HostRequest(
        kind=kind,
        image=host_image,
        owner=test_environment.owner,
        seconds=LIFE_SECONDS,
        keep_seconds=KEEP_SECONDS,
        environment=read_proxy_environment(),
        share=str(test_environment.share),
        engine_info=engine.info,
    )


def _open_memory(engine: Engine, kind: str) -> CapabilityMemory | None:
    """A direct run's engine is the host itself, which has to grant all that a tier asks for."""
    if kind != "nested":
        return None
    return open_capability_memory(engine.url, str(engine.info.get("ID") or ""), os.environ)


def _describe_host(engine: Engine, kind: str, container: str, relay_url: str) -> TestHost:
    direct = kind == "direct"
    return TestHost(
        kind=kind,
        engine_url=engine.url if direct else relay_url,
        outer_url=engine.url,
        container=container,
        root="/host" if direct else "",
    )
