"""From an image to observations: builds, has a host made by the play, and takes all of it down."""

import contextlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from docker.errors import DockerException
from requests.exceptions import RequestException

from hardgate.engine import image, reaper
from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import Engine, connect_engine, find_engine
from hardgate.engine.settled_build import settle_build
from hardgate.errors import HardgateError
from hardgate.gate.environment import LayeredImage, TestEnvironment
from hardgate.gate.events import take_token
from hardgate.gate.host_side import HostSide, HostSideMaker, begin_host_side
from hardgate.gate.kept import describe_kept_run
from hardgate.gate.play import play_gate
from hardgate.gate.request import GateRequest
from hardgate.gate.second_check import SecondCheck
from hardgate.gate.state import RunState
from hardgate.gate.targets import publish_targets
from hardgate.gate.variables import contract_probe_variables
from hardgate.host.kept_probes import KeptProbes, keep_probes
from hardgate.host.published_steps import ARRIVAL, RELEASED, TARGETS, await_answer, publish_answer
from hardgate.host.step_result import StepResult
from hardgate.model.run import Image
from hardgate.report.console import Console
from hardgate.report.folder import BUILD_LOG, WORKSPACE_LOG, ReportFolder
from hardgate.report.html import load_run_page
from hardgate.system.interruption import defer_signals
from hardgate.system.ownership import Owner
from hardgate.text.plain import one_line

LEFT_NOTICE = (
    "What the run made on the engine could not be removed at its end ({problem}). It goes as soon "
    "as the engine answers; after some minutes only by 'hardgate reap', or with the next gate"
)
LOG_CHUNK_BYTES = 64 * 1024
MAX_WORKSPACE_LOG_BYTES = 8 * 2**20
"""Bytes of the workspace's log that are kept: the last ones."""
WORKSPACE_LOG_LINES = 5000


class RunTimeoutError(HardgateError):
    """The run as a whole took too long."""


def verify_image(
    request: GateRequest,
    owner: Owner,
    folder: ReportFolder,
    console: Console,
    state: RunState,
    *,
    then: Callable[[TestEnvironment], None] | None = None,
    second: SecondCheck | None = None,
) -> None:
    """Build, boot and probe, and fill in `state`; `then` is called before all is taken down.

    A `second` check comes after this one on the same host, and fills in what is its own.
    """
    with contextlib.ExitStack() as frozen:
        if request.build is not None and request.freeze_build is not None:
            with console.step("Copy what the build reads"):
                copied = frozen.enter_context(request.freeze_build(request.build))
            state.source = copied.source
            request = replace(request, build=copied.build)
        _verify_frozen_image(request, owner, folder, console, state, then, second)


def _verify_frozen_image(
    request: GateRequest,
    owner: Owner,
    folder: ReportFolder,
    console: Console,
    state: RunState,
    then: Callable[[TestEnvironment], None] | None,
    second: SecondCheck | None,
) -> None:
    deadline = time.monotonic() + request.run_seconds
    with console.step("Ask the engine"):
        engine = find_engine()
    with (
        ThreadPoolExecutor() as workers,
        image.hold_image(engine, request.build),
        _open_environment(engine, owner, console, state, second) as test_environment,
    ):
        # First of all, for Ansible takes a second to start: it waits for what is found meanwhile.
        if second is not None:
            second.read_first = partial(
                _read_first_workspace, test_environment, folder, console, state
            )
        play_future = workers.submit(
            play_gate, request, engine, test_environment, console, state, second
        )
        test_environment.play = play_future
        workers.submit(load_run_page)
        try:
            builder = engine.open_client()
            maker = HostSideMaker(
                request=request,
                test_environment=test_environment,
                builder=builder,
                base=_prepare_base(request, engine, console),
                engine_info=engine.info,
                console=console,
                second=second,
                workers=workers,
            )
            with begin_host_side(maker, state) as making:
                for removed in reaper.reap_debris(test_environment.client):
                    console.print_text(f"Removed what a dead run left: {removed}.")
                state.image = _obtain_image(
                    request, engine, maker.base, folder, console, state, deadline
                )
                layers = image.list_layers(test_environment.client, state.image.digest)
                test_environment.image.set_result(
                    LayeredImage(digest=state.image.digest, layers=layers)
                )
                if second is not None:
                    second.take_build()
                host_side = _await_host_side(making, request, deadline)
            request = host_side.request
            _publish_arrival(host_side, test_environment, state.image, second)
            test_environment.targets = workers.submit(
                publish_targets, host_side, test_environment, second
            )
            _wait_for_play(test_environment, play_future, request, deadline, second)
            if then:
                then(test_environment)
            if request.keep:
                test_environment.keep_running()
                _keep_probes(request, test_environment, state)
                state.kept = describe_kept_run(request.plan, test_environment, state)
        finally:
            test_environment.over.set()
            if second is None or not second.released.is_set():
                _collect_token_and_log(test_environment, folder, console, state)
            elif (begun := second.started) is not None:
                _collect_token_and_log(test_environment, begun.folder, begun.console, begun.state)
    play_future.result()  # Ansible may fail in its last moment, after the end of its play


def _prepare_base(request: GateRequest, engine: Engine, console: Console) -> str:
    """Find what is built from."""
    return ensure_base(
        engine,
        file=request.base,
        refresh=request.refresh_base,
        report_progress=console.print_text,
        open_step=console.step,
    )


def _keep_probes(request: GateRequest, test_environment: TestEnvironment, state: RunState) -> None:
    """Leave in the test host what 'hardgate probe' needs."""
    host, running = test_environment.host, state.workspace
    if host is None or running is None or request.plan.contract.agent_uid is None:
        return
    targets = await_answer(test_environment.folder, TARGETS, seconds=0)
    probes = contract_probe_variables(
        request.plan, run=test_environment.owner.run, seconds=request.probe_seconds
    )["contract_probe_probes"]
    kept = KeptProbes(
        nested=host.kind == "nested",
        workspace=running.id,
        agent_uid=request.plan.contract.agent_uid,
        environment=dict(targets.probe_environment or {}),
        probes={probe["name"]: {"script": probe["script"], "id": probe["id"]} for probe in probes},
    )
    keep_probes(test_environment.client, host.container, kept)


@contextmanager
def _open_environment(
    engine: Engine, owner: Owner, console: Console, state: RunState, second: SecondCheck | None
) -> Iterator[TestEnvironment]:
    test_environment = TestEnvironment(engine.open_client(), engine.url, owner)
    test_environment.set_up()
    try:
        yield test_environment
    finally:
        # A signal now would leave half of it there; it is heard when all is down.
        if second is not None and second.started is not None:
            console, state = second.started.console, second.started.state
        with console.step("Take everything down"), defer_signals():
            problem = test_environment.take_down()
        if problem:
            state.notices.append(LEFT_NOTICE.format(problem=one_line(problem)))


def _obtain_image(
    request: GateRequest,
    engine: Engine,
    base: str,
    folder: ReportFolder,
    console: Console,
    state: RunState,
    deadline: float,
) -> Image:
    if request.build is None:
        with console.step(f"Find the image '{request.reference}'"):
            return image.find_image(engine.open_client(), request.reference)
    build = settle_build(
        engine,
        request.build,
        base_given=request.base is not None,
        provide_base=lambda: base,
        note=state.notices.append,
    )
    with (
        console.step("Build the image") as step,
        folder.open_log(BUILD_LOG, console.redactor) as log,
    ):
        seconds = min(build.request.seconds, max(1.0, deadline - time.monotonic()))
        return image.build_for_engine(
            engine,
            replace(build.request, seconds=seconds),
            way=build.way,
            write=step.show_lines_of(lambda line: log.write(f"{line}\n")),
        )


def _await_host_side(making: "Future[HostSide]", request: GateRequest, deadline: float) -> HostSide:
    if not wait((making,), max(0.0, deadline - time.monotonic())).done:
        raise _make_run_timeout_error(request)
    return making.result()


def _make_run_timeout_error(request: GateRequest) -> RunTimeoutError:
    return RunTimeoutError(
        f"The run was still going after {request.run_seconds:g} s, and was ended.",
        "Look at what was reported last; '--run-timeout' gives it more time.",
    )


def _publish_arrival(
    side: HostSide, test_environment: TestEnvironment, built: Image, second: SecondCheck | None
) -> None:
    """Let the play go on with the image, which was built meanwhile, and what it is to meet."""
    value = {"image": built.digest, **_make_check_arrival(side.request, side)}
    if second is not None:
        value["second"] = _make_check_arrival(second.request, side)
    publish_answer(test_environment.folder, ARRIVAL, StepResult(arrival=value).to_json())


def _make_check_arrival(request: GateRequest, side: HostSide) -> dict[str, Any]:
    """Give what a workspace starts with: the beacon's authority is for one that asked for it."""
    authority = side.authority if request.plan.beacon else None
    return {
        "workspace_environment": dict(request.environment),
        "egress_ca": authority.bundle if authority else "",
    }


def _read_first_workspace(
    test_environment: TestEnvironment, folder: ReportFolder, console: Console, state: RunState
) -> None:
    """Read what the reports need of a workspace, and let the play remove it."""
    _collect_token_and_log(test_environment, folder, console, state)
    publish_answer(test_environment.folder, RELEASED, StepResult().to_json())


def _wait_for_play(
    test_environment: TestEnvironment,
    play_future: "Future[None]",
    request: GateRequest,
    deadline: float,
    second: SecondCheck | None = None,
) -> None:
    """Wait in small pieces, so that a signal and the run's deadline are noticed at once."""
    while not (play_future.done() or test_environment.play_ended.is_set()):
        _raise_preparation_error(test_environment)
        if second is not None and second.released.is_set():
            second.conclude_first_once()
            deadline = second.find_deadline(deadline)
        if time.monotonic() > deadline:
            raise _make_run_timeout_error(request)
        time.sleep(0.02)
    if play_future.done():
        play_future.result()


def _raise_preparation_error(test_environment: TestEnvironment) -> None:
    """Raise what kept the gate from leaving a step for the play, which would wait for hours."""
    for work in (test_environment.preparation, test_environment.targets):
        if work is not None and work.done():
            work.result()


def _collect_token_and_log(
    test_environment: TestEnvironment, folder: ReportFolder, console: Console, state: RunState
) -> None:
    """Take along what only the host knows: the token, for the redactor, and the workspace's log."""
    if (
        state.workspace is None
        or test_environment.host is None
        or test_environment.observer is None
    ):
        return
    with (
        console.step("Read the workspace's token and log"),
        contextlib.suppress(HardgateError, DockerException, RequestException, OSError),
    ):
        take_token(test_environment.observer, state.workspace, console, state)
        log = _read_log_end(test_environment.host.engine_url, state.workspace.id)
        with folder.open_log(WORKSPACE_LOG, console.redactor) as file:
            for start in range(0, len(log), LOG_CHUNK_BYTES):
                file.write(bytes(log[start : start + LOG_CHUNK_BYTES]))


def _read_log_end(engine_url: str, container: str) -> bytearray:
    """Read the end of a container's log, of which a line may be as long as the image likes."""
    kept = bytearray()
    client = connect_engine(engine_url)
    for chunk in client.logs(container, tail=WORKSPACE_LOG_LINES, stream=True, follow=False):
        kept += chunk
        if len(kept) > 2 * MAX_WORKSPACE_LOG_BYTES:
            del kept[:-MAX_WORKSPACE_LOG_BYTES]
    return kept[-MAX_WORKSPACE_LOG_BYTES:]
