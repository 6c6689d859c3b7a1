"""What is taken along before a host goes has a step of its own, however it ends."""

import io
from pathlib import Path
from typing import cast

import docker
import pytest

from hardgate.gate import environment as gate_environment
from hardgate.gate import verification
from hardgate.gate.state import RunState
from hardgate.host.observer import TestHost
from hardgate.host.workspace import Workspace
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.system.ownership import Owner, ProcessIdentity

STEP = "Read the workspace's token and log"


@pytest.fixture
def test_environment() -> gate_environment.TestEnvironment:
    owner = Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=2**31)
    return gate_environment.TestEnvironment(
        cast("docker.APIClient", None), "unix:///nonexistent.sock", owner
    )


@pytest.fixture
def folder(tmp_path: Path) -> ReportFolder:
    return open_report_folder(tmp_path / "out", "1234abcd", session="t4")


def read(
    environment: gate_environment.TestEnvironment, folder: ReportFolder, state: RunState
) -> Console:
    console = Console(io.StringIO())
    verification._collect_token_and_log(environment, folder, console, state)
    return console


def test_the_time_of_the_last_reads_is_a_step_also_where_the_engine_is_gone(
    test_environment: gate_environment.TestEnvironment,
    folder: ReportFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = "unix:///nonexistent/inner.sock"
    monkeypatch.setenv("DOCKER_HOST", url)
    test_environment.host = TestHost(
        kind="nested",
        engine_url=url,
        outer_url="unix:///nonexistent/outer.sock",
        container="c",
        root="",
    )
    workspace = Workspace(id="w", volumes={}, warnings=())
    console = read(test_environment, folder, RunState(workspace=workspace))
    assert list(console.steps) == [STEP]
    assert [span.held for span in console.list_spans(0.0)] == [True]


def test_a_run_that_had_no_workspace_has_no_such_step(
    test_environment: gate_environment.TestEnvironment, folder: ReportFolder
) -> None:
    assert list(read(test_environment, folder, RunState()).steps) == []
