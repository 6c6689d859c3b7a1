"""The host's side of a run, which is made while the image under test is built.

Its image is built only where the engine has none yet. That takes as long as the other build, and
both are under way at the same time. See D89 in ARCHITECTURE.md.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import docker

from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import BuildError, HostError
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.host_orders import order_host, prepare_host
from hardgate.gate.request import GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.host import egress_beacon, platform_stub
from hardgate.host.image import ensure_host_image
from hardgate.host.published_steps import CREATED
from hardgate.report.console import Console
from hardgate.text.plain import one_line


@dataclass(frozen=True, kw_only=True)
class HostSide:
    """What a run has beside its image and its host."""

    request: GateRequest
    """With the platform's variables and secrets, where it asked for one."""
    host_image: str
    authority: egress_beacon.BeaconAuthority | None
    """By whom a beacon is to be believed; None where no check wants one."""


@dataclass(frozen=True, kw_only=True)
class HostSideMaker:
    """Makes the host's side in another thread than the run's."""

    request: GateRequest
    test_environment: TestEnvironment
    builder: docker.APIClient
    """A client that nobody else reads from: a build by it can be broken off."""
    base: str
    engine_info: Mapping[str, Any]
    console: Console
    second: SecondCheck | None
    workers: Executor

    def make(self) -> HostSide:
        """Make the host's image, have the host made of it, and start a platform beside it."""
        host_image = self._make_host_image()
        self._refuse_after_end()
        order_host(self.test_environment, host_image, self.engine_info)
        self.test_environment.preparation = self.workers.submit(
            prepare_host, self.request.host, self.test_environment
        )
        request = self._add_platform_stub(
            self.request, self.console, host_image, platform_stub.STUB_ROLE
        )
        if (second := self.second) is not None:
            second.request = self._add_platform_stub(
                second.request, second.console, host_image, platform_stub.SECOND_STUB_ROLE
            )
        self._refuse_after_end()
        wants_beacon = request.plan.beacon or (second is not None and second.request.plan.beacon)
        return HostSide(
            request=request,
            host_image=host_image,
            authority=egress_beacon.make_authority() if wants_beacon else None,
        )

    def _make_host_image(self) -> str:
        with self.console.step("Make the test host's image ready") as step:
            return ensure_host_image(
                self.builder,
                self.base,
                read_proxy_environment(),
                step.show_progress,
                self.test_environment.over.is_set,
            )

    def _refuse_after_end(self) -> None:
        if self.test_environment.over.is_set():
            raise HostError("The run ended before its host was there.")

    def _add_platform_stub(
        self, request: GateRequest, console: Console, host_image: str, role: str
    ) -> GateRequest:
        """Give the workspace a platform to register with, where it asks for one."""
        if not request.platform:
            return request
        environment = self.test_environment
        # The host is up later than this; and the engine takes longer for each of two at a time.
        environment.await_step(CREATED)
        stub = platform_stub.start_platform_stub(
            environment.client, host_image, environment.owner, request.environment, role
        )
        console.redactor = console.redactor.with_values([stub.token])
        return replace(
            request, environment=stub.environment, secrets=(*request.secrets, stub.token)
        )


@contextmanager
def begin_host_side(maker: HostSideMaker, state: RunState) -> Iterator["Future[HostSide]"]:
    """Have the host's side made beside what is done in the `with`; its early end breaks that off.

    Where neither image can be built, the error of the one under test is the run's, and the other is
    a notice.
    """
    making = maker.workers.submit(maker.make)
    try:
        yield making
    except BuildError:
        if making.done() and (error := making.exception()) is not None:
            state.notices.append(one_line(f"The test host could not be made either. {error}"))
        raise
    finally:
        if not making.done():
            maker.test_environment.over.set()
            wait((making,))  # a container that came up later would stay
