"""`hardgate gate`: from an image to an exit code, in one direction."""

import contextlib
import json
import secrets
import time
import traceback
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import docker
from docker.errors import DockerException
from requests.exceptions import RequestException

from hardgate.ansible.play import play, unsafe
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.engine import image, reaper
from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import Engine, connect, find_engine
from hardgate.engine.ownership import Owner, Process
from hardgate.engine.proxy import proxy_environment
from hardgate.errors import ExitCode, HardgateError
from hardgate.gate.environment import Stage
from hardgate.gate.events import Listener
from hardgate.gate.kept import how_to_go_on
from hardgate.gate.state import Findings
from hardgate.gate.variables import (
    egress_targets,
    probe_environment,
    probe_variables,
    workspace_variables,
)
from hardgate.host import egress_beacon, platform_stub, workspace
from hardgate.host.image import ensure_host_image
from hardgate.interruption import Interrupted, signals_raised
from hardgate.model.plan import Plan
from hardgate.model.run import Host, Image, Run
from hardgate.model.verdict import exit_code, judge
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.folder import BUILD_LOG, WORKSPACE_LOG, Folder, open_folder

LIFE_SECONDS = 4 * 3600
KEEP_SECONDS = 24 * 3600
LOG_LINES = 5000


@dataclass(frozen=True, kw_only=True)
class GateRequest:
    """What the command line asked for, read and found to make sense."""

    plan: Plan
    build: image.BuildRequest | None
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
    keep: bool
    base: Path | None
    refresh_base: bool
    platform: bool = False
    """The workspace gets its token by registering: it is given the platform's double."""
    notices: tuple[str, ...] = ()
    """What the caller did that a reader must not miss."""
    secrets: tuple[str, ...] = ()
    """Values that must not be seen anywhere."""


def run_gate(request: GateRequest, console: Console) -> ExitCode:
    """Run the gate, and write its reports: a verdict for each promise, whatever happens."""
    begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
    owner = Owner(
        run=secrets.token_hex(4),
        process=Process.current(),
        deadline=int(time.time()) + (KEEP_SECONDS if request.keep else LIFE_SECONDS),
        keep=request.keep,
    )
    console.redactor = Redactor().with_values(request.secrets)
    folder = open_folder(request.out, owner.run, session=request.plan.title)
    console.first_line(request.plan, host=f"{request.host} host", run_id=owner.run)
    for warning in request.plan.contract.warnings:
        console.note(warning)
    findings = Findings()
    with signals_raised():
        try:
            _verify(request, owner, folder, console, findings)
        except Interrupted as interruption:
            findings.interrupted = interruption
        except HardgateError as error:
            # What a task of ours said of it is nearer to the cause than the play's own end.
            findings.error = findings.error or error
        except Exception as error:
            findings.error = HardgateError(
                f"Hardgate itself failed: {type(error).__name__}: {error}.",
                "Please report it, with the evidence.",
                evidence=traceback.format_exc(),
            )
    run = _conclude(request, owner, console, findings, started_at, time.monotonic() - begun)
    try:
        folder.write(run, console.redactor)
    finally:
        console.close(run, reports=folder.path)
    return run.exit_code


def _verify(
    request: GateRequest, owner: Owner, folder: Folder, console: Console, findings: Findings
) -> None:
    engine = find_engine()
    client = engine.client()
    for removed in reaper.reap(client):
        console.note(f"Removed what a dead run left: {removed}.")
    base = ensure_base(engine, file=request.base, refresh=request.refresh_base, say=console.note)
    host_image = _host_image(client, base, console)
    with _staged(engine, owner, console) as stage, ThreadPoolExecutor() as workers:
        try:
            request = _with_platform(request, client, host_image, owner, console)
            course = workers.submit(_play, request, engine, stage, host_image, console, findings)
            light = workers.submit(_light, request, stage, host_image)
            findings.image = _image(request, engine, base, folder, console)
            _hand_over(request, stage, findings.image, light.result())
            _wait_for(course)
            if request.keep:
                stage.keep()
                findings.kept = how_to_go_on(request.plan, stage, findings)
        finally:
            stage.over.set()
            _take_leave(stage, folder, console, findings)


@contextmanager
def _staged(engine: Engine, owner: Owner, console: Console) -> Iterator[Stage]:
    stage = Stage(engine.client(), engine.url, owner)
    stage.set_up()
    try:
        yield stage
    finally:
        with console.step("Take everything down"):
            stage.take_down()


def _host_image(client: docker.APIClient, base: str, console: Console) -> str:
    with console.step("Make the test host's image ready") as step:
        return ensure_host_image(client, base, proxy_environment(), step.tell)


def _image(
    request: GateRequest, engine: Engine, base: str, folder: Folder, console: Console
) -> Image:
    if request.build is None:
        with console.step(f"Find the image '{request.reference}'"):
            return image.find(engine.client(), request.reference)
    build, buildx = request.build, image.has_buildx(request.build.environment)
    if not buildx:
        console.note("This machine's 'docker' command has no buildx: the classic builder builds.")
    with (
        console.step("Build the image") as step,
        folder.open_log(BUILD_LOG, console.redactor) as log,
    ):

        def write(line: str) -> None:
            log.write(f"{line}\n")
            step.tell(line)

        return image.build_for(engine, build, base, buildx=buildx, write=write)


def _with_platform(
    request: GateRequest, client: docker.APIClient, host_image: str, owner: Owner, console: Console
) -> GateRequest:
    """Give the workspace a platform to register with, where it asks for one."""
    if not request.platform:
        return request
    double = platform_stub.open_double(client, host_image, owner, request.environment)
    console.redactor = console.redactor.with_values([double.token])
    return replace(request, environment=double.environment)


def _light(request: GateRequest, stage: Stage, host_image: str) -> egress_beacon.Beacon | None:
    if not request.plan.beacon:
        return None
    return egress_beacon.light(stage.client, host_image, stage.owner)


def _hand_over(
    request: GateRequest, stage: Stage, built: Image, lit: egress_beacon.Beacon | None
) -> None:
    """Let the play go on with the image, which was built meanwhile."""
    targets = egress_targets(request.plan, request.egress, lit.url if lit else "")
    value = {
        "image": built.digest,
        "layers": image.layers(stage.client, built.digest),
        "egress_ca": lit.ca if lit else "",
        "probe_environment": probe_environment(targets, beacon=lit is not None),
    }
    draft = stage.folder / "arrival.draft"
    draft.write_text(json.dumps(value))
    draft.replace(stage.folder / "arrival.json")


def _play(
    request: GateRequest,
    engine: Engine,
    stage: Stage,
    host_image: str,
    console: Console,
    findings: Findings,
) -> None:
    cpus = int(engine.info["NCPU"])
    if request.host == "direct":
        findings.host = Host(
            kind="direct",
            engine=engine.info["ServerVersion"],
            kernel=engine.info["KernelVersion"],
        )
    tier, owner = request.plan.workspace_tier, stage.owner
    if tier.adaptation(cpus):
        findings.adaptations.append(tier.adaptation(cpus))
    values = {
        "test_host_kind": request.host,
        "test_host_image": host_image,
        "test_host_labels": owner.labels,
        "test_host_outer_url": engine.url,
        "test_host_engine_url": stage.relay_url if request.host == "nested" else engine.url,
        "test_host_environment": proxy_environment(),
        "test_host_share": str(stage.share),
        "test_host_arrival": str(stage.folder / "arrival.json"),
        "test_host_seconds": LIFE_SECONDS,
        "test_host_keep_seconds": KEEP_SECONDS,
        "workspace_volumes": [*tier.volumes, *request.volumes],
        "workspace_environment": dict(request.environment),
        "workspace_config": request.config,
        "workspace_ready_seconds": request.ready_seconds,
        "workspace_keep": request.keep,
        **workspace_variables(
            request.plan,
            settings=tier.container_settings(cpus),
            labels=owner.labels,
            run=owner.run,
        ),
        **probe_variables(request.plan, run=owner.run, seconds=request.probe_seconds),
    }
    with contextlib.ExitStack() as step:
        play(
            f"{request.plan.session or 'gate'}.yml",
            {key: unsafe(value) for key, value in values.items()},
            on_event=Listener(request.plan, stage, console, findings, step).hear,
            interrupt=stage.over.is_set,
            directory=stage.folder,
        )


def _notices(request: GateRequest) -> tuple[str, ...]:
    told = {egress_beacon.NOTICE: request.plan.beacon, platform_stub.NOTICE: request.platform}
    return (*request.notices, *(notice for notice, holds in told.items() if holds))


def _wait_for(course: "Future[None]") -> None:
    """Wait in small pieces, so that a signal is noticed at once."""
    while not course.done():
        time.sleep(0.02)
    course.result()


def _take_leave(stage: Stage, folder: Folder, console: Console, findings: Findings) -> None:
    """Take along what only the host knows: the token, for the redactor, and the workspace's log."""
    if findings.workspace is None or stage.host is None or stage.lookout is None:
        return
    with contextlib.suppress(HardgateError, DockerException, RequestException, OSError):
        token = workspace.read_token(stage.lookout, findings.workspace)
        console.redactor = console.redactor.with_values([token])
        log = connect(stage.host.engine_url).logs(findings.workspace.id, tail=LOG_LINES)
        with folder.open_log(WORKSPACE_LOG, console.redactor) as file:
            file.write(log)


def _conclude(
    request: GateRequest,
    owner: Owner,
    console: Console,
    findings: Findings,
    started_at: str,
    seconds: float,
) -> Run:
    error, interrupted = findings.error, findings.interrupted
    problem = f"The run was broken off by {interrupted}." if interrupted else ""
    problem = problem or (error.problem if error else "")
    judged = judge(request.plan, findings.observations, problem)
    verdicts = attach_diagnoses(request.plan, judged, findings.observations)
    code = exit_code(verdicts, partial=request.plan.partial)
    if error is not None and code is ExitCode.HELD:
        code = ExitCode.UNKNOWN
    if interrupted is not None:
        code = interrupted.exit_code
    host = findings.host and replace(findings.host, adaptations=tuple(findings.adaptations))
    return Run(
        id=owner.run,
        started_at=started_at,
        seconds=round(seconds, 3),
        plan=request.plan,
        image=findings.image,
        host=host,
        verdicts=verdicts,
        exit_code=code,
        problem=problem,
        remedy=error.remedy if error and not interrupted else "",
        evidence=error.evidence if error and not interrupted else "",
        notices=_notices(request),
        steps=dict(console.steps),
        kept=findings.kept,
    )
