"""The host's side is made beside the build: what breaks one off, and whose error is told."""

import io
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import docker
import pytest

from hardgate.errors import BuildError, HostError
from hardgate.gate.environment import TestEnvironment as Environment
from hardgate.gate.host_side import HostSide, HostSideMaker, begin_host_side
from hardgate.gate.request import GateRequest
from hardgate.gate.state import RunState
from hardgate.gate.verification import RunTimeoutError, _await_host_side
from hardgate.host import platform_stub
from hardgate.host.platform_stub import PlatformStub
from hardgate.host.published_steps import CREATED, ORDERED, publish_answer
from hardgate.report.console import Console
from hardgate.system.interruption import Interrupted
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.unit import runs

BUILD_ERROR = BuildError("The image could not be built.", "Read the log.")
HOST_ERROR = HostError("The test host's own image could not be built.", "Look at the network.")
REQUEST = GateRequest(
    plan=replace(runs.PLAN, beacon=False),
    build=None, reference="image", host="nested", egress=(), environment={}, volumes=(),
    config="", ready_seconds=60, probe_seconds=60, out=None, keep=False, base=None,
    refresh_base=False,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Maker(HostSideMaker):
    """One whose image takes as long as the test says, and fails as it says."""

    may_end: threading.Event
    error: HostError | None = None

    def _make_host_image(self) -> str:
        while not (self.may_end.is_set() or self.test_environment.over.is_set()):
            time.sleep(0.005)
        if self.error is not None:
            raise self.error
        return "host-image"


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    owner = Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=2**31)
    environment = Environment(cast("docker.APIClient", None), "unix:///none.sock", owner)
    environment.folder = tmp_path
    with ThreadPoolExecutor() as workers:
        yield Maker(
            request=REQUEST,
            test_environment=environment,
            builder=cast("docker.APIClient", None),
            base="base",
            engine_info={},
            console=Console(io.StringIO()),
            second=None,
            workers=workers,
            may_end=threading.Event(),
        )
        environment.over.set()


def ordered(maker: Maker) -> bool:
    """Tell whether the play was told to create a host."""
    return any(file.name.startswith(ORDERED) for file in maker.test_environment.folder.iterdir())


def test_what_is_made_beside_the_build_is_whole_when_that_is(maker: Maker) -> None:
    state = RunState()
    with begin_host_side(maker, state) as making:
        assert not making.done()
        maker.may_end.set()
        side = _await_host_side(making, REQUEST, time.monotonic() + 60)
    assert side == HostSide(request=REQUEST, host_image="host-image", authority=None)
    assert ordered(maker)
    assert not maker.test_environment.over.is_set()
    assert state.notices == []


def test_a_platform_comes_after_the_host(maker: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    stub = PlatformStub(environment={"PLATFORM_URL": "http://192.0.2.1:8080"}, token="t" * 40)
    started: list[str] = []

    def start_platform_stub(*_where: object) -> PlatformStub:
        started.append("it")
        return stub

    monkeypatch.setattr(platform_stub, "start_platform_stub", start_platform_stub)
    maker.may_end.set()
    asking = replace(maker, request=replace(REQUEST, platform=True))
    with begin_host_side(asking, RunState()) as making:
        while not ordered(maker):
            time.sleep(0.005)
        time.sleep(0.1)
        assert started == []
        publish_answer(maker.test_environment.folder, CREATED, {})
        assert making.result(timeout=20).request.environment == stub.environment


@pytest.mark.parametrize("wants", [True, False])
def test_a_beacons_authority_is_there_before_the_beacon(maker: Maker, wants: bool) -> None:
    maker.may_end.set()
    asking = replace(maker, request=replace(REQUEST, plan=replace(runs.PLAN, beacon=wants)))
    with begin_host_side(asking, RunState()) as making:
        authority = making.result(timeout=20).authority
    assert (authority is not None) is wants
    assert authority is None or authority.bundle.count("BEGIN CERTIFICATE") > 0


@pytest.mark.parametrize("ending", [BUILD_ERROR, Interrupted(2), KeyError("a bug")])
def test_the_end_of_the_run_breaks_the_hosts_side_off_and_waits_for_it(
    maker: Maker, ending: Exception
) -> None:
    state = RunState()
    with pytest.raises(type(ending)), begin_host_side(maker, state) as making:
        raise ending
    assert making.done()
    assert isinstance(making.exception(), HostError)
    assert not ordered(maker)
    assert state.notices == []


def fail_to_build(maker: Maker, state: RunState) -> None:
    """Fail to build the image under test, after the host's."""
    with begin_host_side(maker, state) as making:
        making.exception()
        raise BUILD_ERROR


def test_where_neither_image_can_be_built_both_are_told(maker: Maker) -> None:
    state, failing = RunState(), replace(maker, error=HOST_ERROR)
    failing.may_end.set()
    with pytest.raises(BuildError, match="The image could not be built"):
        fail_to_build(failing, state)
    assert len(state.notices) == 1
    assert str(HOST_ERROR) in state.notices[0]


def test_a_host_that_cannot_be_made_is_the_runs_error(maker: Maker) -> None:
    state, failing = RunState(), replace(maker, error=HOST_ERROR)
    failing.may_end.set()
    with pytest.raises(HostError, match="own image"), begin_host_side(failing, state) as making:
        _await_host_side(making, REQUEST, time.monotonic() + 60)
    assert state.notices == []


def test_the_runs_time_is_over_also_while_the_host_is_made(maker: Maker) -> None:
    making: Future[HostSide]
    with (
        pytest.raises(RunTimeoutError, match="7200 s"),
        begin_host_side(maker, RunState()) as making,
    ):
        _await_host_side(making, REQUEST, time.monotonic() + 0.05)
    assert making.done()
