"""The test host is created once, by the task or by the worker that was forked before it."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hardgate.errors import HostError
from hardgate.host import creation
from hardgate.host.creation import create_host_step, take_first_step
from hardgate.host.observer import TestHost as Host
from hardgate.host.published_steps import CREATED, ORDERED, has_answer, publish_answer
from hardgate.host.step_result import StepResult

RESULT = StepResult(
    test_host=Host(
        kind="nested", engine_url="unix:///in", outer_url="unix:///out", container="1a2b", root=""
    )
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """List what a host was created with; each takes a moment."""
    created: list[dict[str, Any]] = []

    def create_host(values: dict[str, Any], image: str, info: dict[str, Any]) -> StepResult:
        created.append({**values, "image": image, "info": info})
        time.sleep(0.1)
        return RESULT

    monkeypatch.setattr(creation, "_create_host", create_host)
    return created


def order(folder: Path) -> None:
    arrival = {"image": "host-image", "engine_info": {"ID": "x"}}
    publish_answer(folder, ORDERED, StepResult(arrival=arrival).to_json())


def test_whoever_comes_second_finds_it_made(tmp_path: Path, calls: list[dict[str, Any]]) -> None:
    variables = {
        "test_host_folder": str(tmp_path),
        "test_host_kind": "nested",
        "workspace_keep": True,
    }
    with ThreadPoolExecutor() as workers:
        early = workers.submit(take_first_step, variables)
        values = {"folder": str(tmp_path), "kind": "nested", "wait_seconds": 20}
        task = workers.submit(create_host_step, values)
        time.sleep(0.05)
        assert calls == []
        order(tmp_path)
        assert task.result() == RESULT
        early.result()
    assert create_host_step(values) == RESULT
    assert [(call["kind"], call["image"], call["info"]) for call in calls] == [
        ("nested", "host-image", {"ID": "x"})
    ]
    assert "keep" not in calls[0]


def test_a_worker_that_failed_has_the_task_say_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_values: object) -> StepResult:
        raise HostError("The engine refused.", "Ask it why.", evidence="no space")

    monkeypatch.setattr(creation, "_create_host", refuse)
    order(tmp_path)
    for take in (
        lambda: take_first_step({"test_host_folder": str(tmp_path)}),
        lambda: create_host_step({"folder": str(tmp_path), "wait_seconds": 20}),
    ):
        with pytest.raises(HostError, match="The engine refused") as caught:
            take()
        assert (caught.value.remedy, caught.value.evidence) == ("Ask it why.", "no space")


def test_a_worker_that_died_leaves_it_to_the_task(
    tmp_path: Path, calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    order(tmp_path)
    create_host = creation._create_host

    def die(*_values: object) -> StepResult:
        raise SystemExit  # as a worker does that is killed: nothing is published

    monkeypatch.setattr(creation, "_create_host", die)
    values = {"folder": str(tmp_path), "wait_seconds": 20}
    with pytest.raises(SystemExit):
        create_host_step(values)
    assert not has_answer(tmp_path, CREATED)
    monkeypatch.setattr(creation, "_create_host", create_host)
    assert create_host_step(values) == RESULT
    assert len(calls) == 1
