"""Has the test host that the play created make itself ready, by orders on its standard input.

The play's tasks wait for each step, and report it. See D74 in ARCHITECTURE.md.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.ansible.task_result import answer_task
from hardgate.engine.exec import ENGINE_ERRORS
from hardgate.errors import HardgateError, HostError, explain_crash
from hardgate.gate.environment import TestEnvironment
from hardgate.host.observer import Observer, TestHost
from hardgate.host.published_steps import (
    CREATED,
    ENGINE,
    HELD,
    ORDERED,
    TAKEN,
    await_answer,
    publish_answer,
)
from hardgate.host.step_result import StepResult
from hardgate.host.test_host import (
    await_ready_host,
    boot_host_engine,
    take_image,
    use_shared_socket,
)


def order_host(
    test_environment: TestEnvironment, host_image: str, engine_info: Mapping[str, Any]
) -> None:
    """Let the play create the host, of an image of ours, on an engine that was asked already."""
    value = StepResult(arrival={"image": host_image, "engine_info": dict(engine_info)})
    publish_answer(test_environment.folder, ORDERED, value.to_json())


def prepare_host(kind: str, test_environment: TestEnvironment) -> None:
    """Take one step after the other, and publish each; the first that fails is the last.

    Its answer is that of all later ones too: whichever of them a task waits for, it hears why.
    """
    results, answer = _take_steps(test_environment), dict[str, Any]()
    for step in (HELD,) if kind == "direct" else (HELD, TAKEN, ENGINE):
        if not answer.get("failed"):
            answer = dict(_answer_next_step(results))
        if test_environment.over.is_set():
            return  # A task that fails now would hide why the run ends.
        publish_answer(test_environment.folder, step, answer)


def _take_steps(test_environment: TestEnvironment) -> Iterator[StepResult]:
    """Go from the container that the play created to a host with an engine that has the image."""
    host = _await_created_host(test_environment)
    lifeline = test_environment.hold_host(host)
    observer = Observer(client=test_environment.client, container=host.container, root=host.root)
    nonce = await_ready_host(lifeline, observer)
    test_environment.open_session()
    yield StepResult(host=use_shared_socket(host, str(test_environment.share), nonce))
    image = test_environment.await_image()
    taken = take_image(lifeline, observer, image.digest, image.layers)
    yield StepResult(taken=taken is not None, image=taken)
    yield StepResult(engine=boot_host_engine(lifeline, observer))


def _await_created_host(test_environment: TestEnvironment) -> TestHost:
    """Wait for the play; HostError where the run ends before."""
    over = test_environment.over.is_set
    host = await_answer(test_environment.folder, CREATED, is_over=over).test_host
    if host is None:
        raise HostError("The play created a test host, and did not name it.")
    return host


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
