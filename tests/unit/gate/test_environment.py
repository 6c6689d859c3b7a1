"""How a run comes down: what may still make something ends first; nothing else is waited for."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import docker
import pytest

from hardgate.gate import environment
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.system.ownership import Owner, ProcessIdentity


@pytest.fixture
def events() -> list[str]:
    """List what happened, in order."""
    return []


@pytest.fixture
def stage(
    tmp_path: Path, events: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Environment]:
    """Set an environment up that has nothing on an engine."""
    owner = Owner(
        run="0123abcd",
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + 600,
    )
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(
        environment, "remove_run_debris", lambda *_of: events.append("containers removed")
    )
    stage = Environment(cast(docker.APIClient, None), "", owner)
    stage.set_up()
    yield stage
    assert not stage.folder.exists()


def test_a_play_that_may_still_make_something_ends_first(
    stage: Environment, events: list[str]
) -> None:
    def play() -> None:
        stage.over.wait(20)
        time.sleep(0.2)
        events.append("play ended")

    with ThreadPoolExecutor() as workers:
        stage.play = workers.submit(play)
        stage.take_down()
    assert events == ["play ended", "containers removed"]


def test_a_host_that_is_being_made_is_made_before_all_is_removed(
    stage: Environment, events: list[str]
) -> None:
    """A container that came up later would stay."""

    def make_host() -> None:
        stage.over.wait(20)
        time.sleep(0.2)
        events.append("host made")

    with ThreadPoolExecutor() as workers:
        stage.preparation = workers.submit(make_host)
        stage.play_ended.set()
        stage.take_down()
    assert events == ["host made", "containers removed"]


def test_containers_go_while_ansible_ends_and_the_folder_after_it(
    stage: Environment, events: list[str]
) -> None:
    removed = threading.Event()

    def play() -> None:
        stage.play_ended.set()
        while not events:
            time.sleep(0.01)
        time.sleep(0.2)
        events.append("play ended" if stage.folder.exists() else "folder gone")
        removed.set()

    with ThreadPoolExecutor() as workers:
        stage.play = workers.submit(play)
        assert stage.play_ended.wait(20)
        stage.take_down()
        assert removed.is_set()
    assert events == ["containers removed", "play ended"]


def test_an_environment_without_a_play_comes_down(stage: Environment, events: list[str]) -> None:
    stage.take_down()
    assert events == ["containers removed"]
