"""What came of each order that the gate gave the host is there for the play's tasks."""

import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from hardgate.errors import HostError
from hardgate.gate import host_orders
from hardgate.gate.environment import LayeredImage
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.gate.host_orders import order_host, prepare_host
from hardgate.gate.request import GateRequest
from hardgate.gate.verification import _wait_for_play
from hardgate.host.published_steps import (
    CREATED,
    ENGINE,
    HELD,
    ORDERED,
    TAKEN,
    await_answer,
    has_answer,
    publish_answer,
)
from hardgate.host.step_result import StepResult
from hardgate.system.ownership import Owner, ProcessIdentity

STEPS = (HELD, TAKEN, ENGINE)


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    owner = Owner(
        run="0123abcd",
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + 600,
    )
    environment = Environment(cast(docker.APIClient, None), "", owner)
    environment.folder = tmp_path
    return environment


def prepare(
    monkeypatch: pytest.MonkeyPatch, environment: Environment, *results: Any, kind: str = "nested"
) -> list[str]:
    """Take steps with these results, or errors; name the steps that the play then sees."""

    def take_steps(*_of: object) -> Iterator[StepResult]:
        for result in results:
            if isinstance(result, Exception):
                raise result
            yield result

    monkeypatch.setattr(host_orders, "_take_steps", take_steps)
    prepare_host(kind, environment)
    return [step for step in STEPS if has_answer(environment.folder, step)]


def test_each_step_is_published(monkeypatch: pytest.MonkeyPatch, environment: Environment) -> None:
    results = [StepResult(), StepResult(taken=True), StepResult()]
    assert prepare(monkeypatch, environment, *results) == list(STEPS)
    assert await_answer(environment.folder, TAKEN, 0).taken is True


def test_a_lookout_gets_neither_image_nor_engine(
    monkeypatch: pytest.MonkeyPatch, environment: Environment
) -> None:
    results = [StepResult()] * 3
    assert prepare(monkeypatch, environment, *results, kind="direct") == [HELD]


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (HostError("It did not come up."), "It did not come up."),
        (docker.errors.APIError("no room"), "The engine refused: no room"),
        (KeyError("Id"), "Hardgate itself failed: KeyError: 'Id'."),
    ],
)
@pytest.mark.parametrize("number", [0, 1, 2], ids=STEPS)
def test_the_first_step_that_fails_is_the_last_and_whoever_waits_hears_why(
    monkeypatch: pytest.MonkeyPatch,
    environment: Environment,
    error: Exception,
    problem: str,
    number: int,
) -> None:
    results = [StepResult()] * number
    assert prepare(monkeypatch, environment, *results, error) == list(STEPS)
    for step in STEPS[:number]:
        await_answer(environment.folder, step, 0)
    for step in STEPS[number:]:
        with pytest.raises(HostError) as caught:
            await_answer(environment.folder, step, 0)
        assert caught.value.problem == problem


def test_the_play_is_given_the_hosts_image(environment: Environment) -> None:
    order_host(environment, "host:1", {"Driver": "overlay2"})
    assert await_answer(environment.folder, ORDERED, 0).arrival == {
        "image": "host:1",
        "engine_info": {"Driver": "overlay2"},
    }


def test_a_play_that_names_no_host_is_told_so(environment: Environment) -> None:
    publish_answer(environment.folder, CREATED, StepResult().to_json())
    prepare_host("nested", environment)
    with pytest.raises(HostError, match="did not name it"):
        await_answer(environment.folder, HELD, 0)


def test_no_host_is_waited_for_when_the_run_is_over(environment: Environment) -> None:
    environment.over.set()
    prepare_host("nested", environment)
    assert not has_answer(environment.folder, HELD)


@pytest.mark.parametrize("created", [False, True])
def test_a_run_that_ends_leaves_the_play_no_error_of_its_own(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, created: bool
) -> None:
    """The play would report it in place of what ended the run, such as a build that failed."""

    def end_run(*_of: object) -> Iterator[StepResult]:
        if created:
            yield StepResult()
        environment.over.set()
        raise HostError("The run ended before its image was there.")

    monkeypatch.setattr(host_orders, "_take_steps", end_run)
    prepare_host("nested", environment)
    published = [step for step in STEPS if has_answer(environment.folder, step)]
    assert published == ([HELD] if created else [])


def test_a_step_that_cannot_be_left_for_the_play_ends_the_run(environment: Environment) -> None:
    """The play would wait for it for hours."""
    environment.preparation = Future()
    environment.preparation.set_exception(OSError("No space left on device"))
    with pytest.raises(OSError, match="No space left"):
        _wait_for_play(environment, Future(), cast("GateRequest", None), time.monotonic() + 20)


def test_the_image_is_waited_for(environment: Environment) -> None:
    image = LayeredImage(digest="sha256:1", layers=("a",))
    with ThreadPoolExecutor() as workers:
        waiting = workers.submit(environment.await_image)
        time.sleep(0.1)
        assert not waiting.done()
        environment.image.set_result(image)
        assert waiting.result(20) == image


def test_no_image_is_waited_for_when_the_run_is_over(environment: Environment) -> None:
    environment.over.set()
    with pytest.raises(HostError, match="The run ended"):
        environment.await_image()
