"""A run's end, from what was seen: verdicts, notices, exit code, reports."""

import contextlib
import time
from collections.abc import Iterable
from dataclasses import replace

from hardgate.attest.statement import STATEMENT_FILE, Statement, encode_statement
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode, HardgateError
from hardgate.gate.request import GateRequest
from hardgate.gate.state import RunState
from hardgate.host import egress_beacon, platform_stub
from hardgate.model.contract import Severity
from hardgate.model.observation import Observation
from hardgate.model.plan import Plan
from hardgate.model.run import Run, StepSpan
from hardgate.model.verdict import Outcome, exit_code_of_verdicts, judge_plan
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console, ConsoleStep
from hardgate.report.event_stream import EventStream
from hardgate.report.folder import ReportFolder
from hardgate.system.ownership import Owner


def conclude_run(
    request: GateRequest,
    owner: Owner,
    console: Console,
    state: RunState,
    started_at: str,
    begun: float,
) -> Run:
    """Judge what was seen, and give the run whole; `begun` is on the monotonic clock."""
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


def begin_run(plan: Plan, run_id: str, started_at: str) -> Run:
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


def open_event_stream(
    run: Run, folder: ReportFolder, console: Console, state: RunState, begun: float
) -> EventStream:
    """Write each step and verdict to `events.jsonl` as it ends."""
    stream = EventStream(folder.path, run, lambda: console.redactor)

    def write_step(step: ConsoleStep, held: bool) -> None:
        began = max(step.began - begun, 0.0)
        stream.write_step(StepSpan(name=step.name, began=began, seconds=step.seconds, held=held))

    console.on_step_end, state.on_verdict = write_step, stream.write_verdict
    return stream


def write_reports(
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
