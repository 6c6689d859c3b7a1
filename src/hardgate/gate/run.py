"""`hardgate gate`: from an image to an exit code, in one direction."""

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from hardgate.ansible.play import mark_unsafe, run_playbook
from hardgate.attest.statement import STATEMENT_FILE, Statement, encode_statement
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.engine import image, reaper
from hardgate.engine.base_image import ensure_base
from hardgate.engine.build_request import BuildRequest
from hardgate.engine.client import Engine, connect_engine, find_engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.engine.settled_build import settle_build
from hardgate.errors import ExitCode, HardgateError, explain_crash
from hardgate.gate.environment import TestEnvironment
from hardgate.gate.events import GateEventHandler, take_token
from hardgate.gate.kept import describe_kept_run
from hardgate.gate.state import RunState
from hardgate.gate.variables import (
    choose_egress_targets,
    contract_probe_variables,
    probe_environment,
    workspace_variables,
)
from hardgate.host import egress_beacon, platform_stub
from hardgate.host.image import ensure_host_image
from hardgate.host.kept_probes import KeptProbes, keep_probes
from hardgate.model.contract import Severity
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Image, Run, Source, StepSpan
from hardgate.model.verdict import Outcome, exit_code_of_verdicts, judge_plan
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console, ConsoleStep
from hardgate.report.event_stream import EventStream
from hardgate.report.folder import BUILD_LOG, WORKSPACE_LOG, ReportFolder, open_report_folder
from hardgate.report.html import load_run_page
from hardgate.report.job_summary import PublishSummary, append_job_summary, print_annotations
from hardgate.report.markdown import render_run_markdown
from hardgate.report.run_diff import diff_runs
from hardgate.report.sarif import list_run_findings
from hardgate.report.summary_json import summarize_run
from hardgate.system.interruption import (
    Interrupted,
    defer_signals,
    ignore_signals,
    raise_on_signals,
)
from hardgate.system.ownership import Owner, ProcessIdentity
from hardgate.text.plain import one_line

PLAYBOOKS = {"runtime": "runtime.yml"}
"""Of the sessions that have one of their own."""
LIFE_SECONDS = 4 * 3600
KEEP_SECONDS = 24 * 3600
LEFT_NOTICE = (
    "What the run made on the engine could not be removed at its end ({problem}). It goes as soon "
    "as the engine answers; after some minutes only by 'hardgate reap', or with the next gate"
)
RUN_SECONDS = 2 * 3600.0
"""Seconds after which a run ends with what was seen until then."""
HOST_ORDER_FILE, ARRIVAL_FILE = "order.json", "arrival.json"
"""By which the play is given the host's image, and then the image under test."""
LOG_CHUNK_BYTES = 64 * 1024
MAX_WORKSPACE_LOG_BYTES = 8 * 2**20
"""Bytes of the workspace's log that are kept: the last ones."""
WORKSPACE_LOG_LINES = 5000


@dataclass(frozen=True, kw_only=True)
class FrozenBuild:
    """A build from files that nobody changes meanwhile."""

    build: BuildRequest
    source: Source


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What the command line asked for, read and found to make sense."""

    plan: Plan
    build: BuildRequest | None
    """None where `reference` names an image that is there."""
    reference: str
    host: str
    egress: tuple[str, ...]
    """Targets, without the beacon."""
    environment: Mapping[str, str]
    volumes: tuple[str, ...]
    config: str
    ready_seconds: float
    probe_seconds: float
    out: Path | None
    formats: tuple[str, ...] = ()
    """Of the reports; the default ones where it is empty."""
    baseline: Mapping[str, Any] | None = None
    """The summary of an older run that this one is compared with."""
    hold_workspace: bool = False
    """The workspace is left running when all probes have run, until everything is taken down."""
    keep: bool
    base: Path | None
    refresh_base: bool
    platform: bool = False
    """The workspace gets its token by registering: it is given the platform's double."""
    notices: tuple[str, ...] = ()
    """What the caller did that a reader must not miss."""
    secrets: tuple[str, ...] = ()
    """Values that must not be seen anywhere."""
    freeze_build: Callable[[BuildRequest], AbstractContextManager[FrozenBuild]] | None = None
    """Gives a copy that is built from, and what it is a copy of; None where nothing is built."""
    run_seconds: float = RUN_SECONDS
    publish_summary: PublishSummary = append_job_summary


def run_gate(request: GateRequest, console: Console) -> Run:
    """Run the gate, report, and give it: a verdict for each promise, whatever happens."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    owner = Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + (KEEP_SECONDS if request.keep else LIFE_SECONDS),
        keep=request.keep,
    )
    console.redactor = Redactor().with_values(request.secrets)
    folder = open_report_folder(request.out, owner.run, session=request.plan.title)
    console.print_opening(request.plan, host=f"{request.host} host", run_id=owner.run)
    for warning in request.plan.contract.warnings:
        console.print_notice(warning)
    state = RunState(began=begun)
    stream = None
    if "jsonl" in request.formats:
        stream = _open_event_stream(
            _begin_run(request.plan, owner.run, started_at), folder, console, state, begun
        )
    with raise_on_signals():
        try:
            verify_image(request, owner, folder, console, state)
        except Interrupted as interruption:
            state.interrupted = interruption
        except HardgateError as error:
            # What a task of ours said of it is nearer to the cause than the play's own end.
            state.error = error if isinstance(error, RunTimeoutError) else state.error or error
        except Exception as error:
            state.error = explain_crash(error)
    run = _conclude_run(request, owner, console, state, started_at, begun)
    with ignore_signals():
        if request.baseline:
            diff = diff_runs(request.baseline, summarize_run(run))
            run = replace(run, baseline=diff.to_json())
        run = _write_reports(run, folder, console, request.formats, stream)
        summary = console.redactor.redact_value(summarize_run(run))
        request.publish_summary(render_run_markdown(summary))
        print_annotations(console, list_run_findings(summary))
        console.print_run(run, reports=folder.path)
    return run


def _begin_run(plan: Plan, run_id: str, started_at: str) -> Run:
    """Give a run as it is known when it starts."""
    return Run(
        id=run_id,
        started_at=started_at,
        seconds=0.0,
        plan=plan,
        image=None,
        host=None,
        verdicts=(),
        exit_code=ExitCode.UNKNOWN,
    )


def _open_event_stream(
    run: Run, folder: ReportFolder, console: Console, state: RunState, begun: float
) -> EventStream:
    """Write each step and verdict to `events.jsonl` as it ends."""
    stream = EventStream(folder.path, run, lambda: console.redactor)

    def write_step(step: ConsoleStep, held: bool) -> None:
        began = max(step.began - begun, 0.0)
        stream.write_step(StepSpan(name=step.name, began=began, seconds=step.seconds, held=held))

    console.on_step_end, state.on_verdict = write_step, stream.write_verdict
    return stream


def _write_reports(
    run: Run,
    folder: ReportFolder,
    console: Console,
    formats: tuple[str, ...],
    stream: EventStream | None = None,
) -> Run:
    """Write the reports; where one cannot be, the run is not green, here as in the others."""
    if stream is not None:
        formats = ("json", *(name for name in formats if name != "jsonl"))
    try:
        folder.write_reports(run, console.redactor, formats)
        replace_file(folder.path / STATEMENT_FILE, encode_statement(state_run(run)))
        if stream is not None:
            stream.finish(run)
    except HardgateError as error:
        console.print_notice(f"{error}")
        if run.exit_code is ExitCode.HELD:
            run = replace(
                run, exit_code=ExitCode.UNKNOWN, problem=error.problem, remedy=error.remedy
            )
        folder.drop_report(STATEMENT_FILE)
        with contextlib.suppress(HardgateError):  # told already
            folder.write_reports(run, console.redactor, formats)
        if stream is not None:
            with contextlib.suppress(HardgateError):
                stream.finish(run)
    return run


def state_run(run: Run) -> Statement:
    """State what a gate found."""
    passed = [verdict.name for verdict in run.verdicts if verdict.outcome is Outcome.PASS]
    hard = [verdict for verdict in run.verdicts if verdict.severity is Severity.HARD]
    return Statement(
        session=run.plan.title,
        exit_code=run.exit_code,
        content=run.source.content if run.source else "",
        image=run.image.digest if run.image else "",
        contract=run.plan.contract.sha256,
        passed=tuple(passed),
        failed=tuple(one.name for one in hard if one.outcome is not Outcome.PASS),
        annotations={
            "run": run.id,
            "tier": str(run.plan.tier.number) if run.plan.tier else "none",
            "host": run.host.kind if run.host else "none",
        },
    )


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
) -> None:
    """Build, boot and probe, and fill in `state`; `then` is called before all is taken down."""
    with contextlib.ExitStack() as frozen:
        if request.build is not None and request.freeze_build is not None:
            copied = frozen.enter_context(request.freeze_build(request.build))
            state.source = copied.source
            request = replace(request, build=copied.build)
        _verify_frozen_image(request, owner, folder, console, state, then)


def _verify_frozen_image(
    request: GateRequest,
    owner: Owner,
    folder: ReportFolder,
    console: Console,
    state: RunState,
    then: Callable[[TestEnvironment], None] | None,
) -> None:
    deadline = time.monotonic() + request.run_seconds
    engine = find_engine()
    with (
        ThreadPoolExecutor() as workers,
        image.hold_image(engine, request.build),
        _open_environment(engine, owner, console, state) as test_environment,
    ):
        # First of all, for Ansible takes a second to start: it waits for what is found meanwhile.
        play_future = workers.submit(_play_gate, request, engine, test_environment, console, state)
        test_environment.play = play_future
        workers.submit(load_run_page)
        beacon_futures: list[Future[egress_beacon.Beacon | None]] = []
        try:
            base, host_image = _prepare_host(request, engine, test_environment, console)
            request = _add_platform_stub(
                request, test_environment.client, host_image, owner, console
            )
            beacon_futures.append(
                workers.submit(_start_beacon, request, test_environment, host_image)
            )
            state.image = _obtain_image(request, engine, base, folder, console, state, deadline)
            _publish_image(request, test_environment, state.image, beacon_futures[0].result())
            _wait_for_play(test_environment, play_future, request, deadline)
            if then:
                then(test_environment)
            if request.keep:
                test_environment.keep_running()
                _keep_probes(request, test_environment, state)
                state.kept = describe_kept_run(request.plan, test_environment, state)
        finally:
            test_environment.over.set()
            wait(beacon_futures)  # a beacon that came up later would stay
            _collect_token_and_log(test_environment, folder, console, state)
    play_future.result()  # Ansible may fail in its last moment, after the end of its play


def _prepare_host(
    request: GateRequest,
    engine: Engine,
    test_environment: TestEnvironment,
    console: Console,
) -> tuple[str, str]:
    """Remove debris, and find what is built from and the two images that a host is made from.

    The play makes the host as soon as its image is known.
    """
    client = engine.open_client()
    for removed in reaper.reap_debris(client):
        console.print_text(f"Removed what a dead run left: {removed}.")
    base = ensure_base(
        engine,
        file=request.base,
        refresh=request.refresh_base,
        report_progress=console.print_text,
        open_step=console.step,
    )
    host_image = _prepare_host_image(client, base, console)
    _publish(test_environment, HOST_ORDER_FILE, {"image": host_image})
    return base, host_image


def _keep_probes(request: GateRequest, test_environment: TestEnvironment, state: RunState) -> None:
    """Leave in the test host what 'hardgate probe' needs."""
    host, running = test_environment.host, state.workspace
    if host is None or running is None or request.plan.contract.agent_uid is None:
        return
    arrival = json.loads((test_environment.folder / ARRIVAL_FILE).read_text())
    probes = contract_probe_variables(
        request.plan, run=test_environment.owner.run, seconds=request.probe_seconds
    )["contract_probe_probes"]
    kept = KeptProbes(
        nested=host.kind == "nested",
        workspace=running.id,
        agent_uid=request.plan.contract.agent_uid,
        environment=arrival["probe_environment"],
        probes={probe["name"]: {"script": probe["script"], "id": probe["id"]} for probe in probes},
    )
    keep_probes(test_environment.client, host.container, kept)


@contextmanager
def _open_environment(
    engine: Engine, owner: Owner, console: Console, state: RunState
) -> Iterator[TestEnvironment]:
    test_environment = TestEnvironment(engine.open_client(), engine.url, owner)
    test_environment.set_up()
    try:
        yield test_environment
    finally:
        # A signal now would leave half of it there; it is heard when all is down.
        with console.step("Take everything down"), defer_signals():
            problem = test_environment.take_down()
        if problem:
            state.notices.append(LEFT_NOTICE.format(problem=one_line(problem)))


def _prepare_host_image(client: docker.APIClient, base: str, console: Console) -> str:
    with console.step("Make the test host's image ready") as step:
        return ensure_host_image(client, base, read_proxy_environment(), step.show_progress)


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


def _add_platform_stub(
    request: GateRequest, client: docker.APIClient, host_image: str, owner: Owner, console: Console
) -> GateRequest:
    """Give the workspace a platform to register with, where it asks for one."""
    if not request.platform:
        return request
    stub = platform_stub.start_platform_stub(client, host_image, owner, request.environment)
    console.redactor = console.redactor.with_values([stub.token])
    return replace(request, environment=stub.environment)


def _start_beacon(
    request: GateRequest, test_environment: TestEnvironment, host_image: str
) -> egress_beacon.Beacon | None:
    if not request.plan.beacon:
        return None
    return egress_beacon.start_beacon(test_environment.client, host_image, test_environment.owner)


def _publish_image(
    request: GateRequest,
    test_environment: TestEnvironment,
    built: Image,
    started_beacon: egress_beacon.Beacon | None,
) -> None:
    """Let the play go on with the image, which was built meanwhile."""
    targets = choose_egress_targets(
        request.plan, request.egress, started_beacon.url if started_beacon else ""
    )
    value = {
        "workspace_environment": dict(request.environment),
        "image": built.digest,
        "layers": image.list_layers(test_environment.client, built.digest),
        "egress_ca": started_beacon.ca if started_beacon else "",
        "probe_environment": probe_environment(targets, beacon=started_beacon is not None),
    }
    _publish(test_environment, ARRIVAL_FILE, value)


def _publish(test_environment: TestEnvironment, name: str, value: Mapping[str, Any]) -> None:
    """Write, whole or not at all, what a task of the play waits for."""
    draft = test_environment.folder / f"{name}.draft"
    draft.write_text(json.dumps(value))
    draft.replace(test_environment.folder / name)


def _play_gate(
    request: GateRequest,
    engine: Engine,
    test_environment: TestEnvironment,
    console: Console,
    state: RunState,
) -> None:
    cpus = int(engine.info["NCPU"])
    if request.host == "direct":
        state.host = Host(
            kind="direct",
            engine=engine.info["ServerVersion"],
            kernel=engine.info["KernelVersion"],
        )
    tier, owner = request.plan.workspace_tier, test_environment.owner
    if tier.describe_adaptation(cpus):
        state.adaptations.append(tier.describe_adaptation(cpus))
    values = {
        "test_host_kind": request.host,
        "test_host_order": str(test_environment.folder / HOST_ORDER_FILE),
        "test_host_labels": owner.labels,
        "test_host_outer_url": engine.url,
        "test_host_engine_url": test_environment.relay_url
        if request.host == "nested"
        else engine.url,
        "test_host_environment": read_proxy_environment(),
        "test_host_share": str(test_environment.share),
        "test_host_arrival": str(test_environment.folder / ARRIVAL_FILE),
        "test_host_seconds": LIFE_SECONDS,
        "test_host_keep_seconds": KEEP_SECONDS,
        "workspace_volumes": [*tier.volumes, *request.volumes],
        "workspace_config": request.config,
        "workspace_ready_seconds": request.ready_seconds,
        "workspace_keep": request.keep or request.hold_workspace,
        **workspace_variables(
            request.plan,
            settings=tier.container_settings(cpus),
            labels=owner.labels,
            run=owner.run,
        ),
        **contract_probe_variables(request.plan, run=owner.run, seconds=request.probe_seconds),
    }
    with contextlib.ExitStack() as step:
        step.enter_context(console.step("Start Ansible"))
        run_playbook(
            PLAYBOOKS.get(request.plan.session, "gate.yml"),
            {key: mark_unsafe(value) for key, value in values.items()},
            on_event=GateEventHandler(
                request.plan, test_environment, console, state, step
            ).handle_play_event,
            interrupt=test_environment.over.is_set,
            directory=test_environment.folder,
        )


def list_notices(
    request: GateRequest, observations: Iterable[Observation], noticed: Iterable[str] = ()
) -> tuple[str, ...]:
    """List what a reader must not miss: the contract's warnings, and what stood in for what."""
    probed = {seen.name for seen in observations if seen.execution}
    conditions = {
        egress_beacon.BEACON_NOTICE: request.plan.beacon
        and any(one.required_egress and one.name in probed for one in request.plan.capabilities),
        platform_stub.STUB_NOTICE: request.platform,
    }
    standing = (notice for notice, holds in conditions.items() if holds)
    return (*request.plan.contract.warnings, *request.notices, *noticed, *standing)


def _wait_for_play(
    test_environment: TestEnvironment,
    play_future: "Future[None]",
    request: GateRequest,
    deadline: float,
) -> None:
    """Wait in small pieces, so that a signal and the run's deadline are noticed at once."""
    while not (play_future.done() or test_environment.play_ended.is_set()):
        if time.monotonic() > deadline:
            raise RunTimeoutError(
                f"The run was still going after {request.run_seconds:g} s, and was ended.",
                "Look at what was reported last; '--run-timeout' gives it more time.",
            )
        time.sleep(0.02)
    if play_future.done():
        play_future.result()


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
    take_token(test_environment.observer, state.workspace, console, state)
    with contextlib.suppress(HardgateError, DockerException, RequestException, OSError):
        log = _read_log_end(connect_engine(test_environment.host.engine_url), state.workspace.id)
        with folder.open_log(WORKSPACE_LOG, console.redactor) as file:
            for start in range(0, len(log), LOG_CHUNK_BYTES):
                file.write(bytes(log[start : start + LOG_CHUNK_BYTES]))


def _read_log_end(client: docker.APIClient, container: str) -> bytearray:
    """Read the end of a container's log, of which a line may be as long as the image likes."""
    kept = bytearray()
    for chunk in client.logs(container, tail=WORKSPACE_LOG_LINES, stream=True, follow=False):
        kept += chunk
        if len(kept) > 2 * MAX_WORKSPACE_LOG_BYTES:
            del kept[:-MAX_WORKSPACE_LOG_BYTES]
    return kept[-MAX_WORKSPACE_LOG_BYTES:]


def _conclude_run(
    request: GateRequest,
    owner: Owner,
    console: Console,
    state: RunState,
    started_at: str,
    begun: float,
) -> Run:
    error, interrupted = state.error, state.interrupted
    problem = f"The run was broken off by {interrupted}." if interrupted else ""
    problem = problem or (error.problem if error else "")
    judged = judge_plan(request.plan, state.observations, problem)
    verdicts = attach_diagnoses(request.plan, judged, state.observations)
    code = exit_code_of_verdicts(verdicts, partial=request.plan.is_partial)
    if error is not None and code is ExitCode.HELD:
        code = ExitCode.UNKNOWN
    if interrupted is not None:
        code = interrupted.exit_code
    host = state.host and replace(state.host, adaptations=tuple(state.adaptations))
    return Run(
        id=owner.run,
        started_at=started_at,
        seconds=round(time.monotonic() - begun, 3),
        plan=request.plan,
        image=state.image,
        host=host,
        verdicts=verdicts,
        exit_code=code,
        problem=problem,
        remedy=error.remedy if error and not interrupted else "",
        evidence=error.evidence if error and not interrupted else "",
        notices=list_notices(request, state.observations, state.notices),
        steps=dict(console.steps),
        timeline=console.list_spans(begun),
        kept=state.kept,
        source=state.source,
    )
