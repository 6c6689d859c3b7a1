"""Lets a forge run the workflow on its own runners, and says what its answers are worth.

Green is: the run succeeded, every job of it did, and all five answers came back, each green and
about that very commit. Whatever is not seen is unknown.
"""

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from hardgate.errors import ExitCode
from hardgate.forge.api import Forge, RemoteArtifact, RemoteRun, WorkflowState
from hardgate.forge.artifact import MAX_ZIP_BYTES, unpack_artifact
from hardgate.forge.detect import open_forge
from hardgate.forge.http import ForgeError, RefusedError, UnreachableError
from hardgate.forge.judge import FetchedRun, judge_fetched_run
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.pipeline.check import Check
from hardgate.pipeline.session import Session, make_error_check
from hardgate.report.console import Console, ConsoleStep
from hardgate.report.folder import ReportFolder

ARTIFACTS_FOLDER = "fetched"
MAX_RETRIES = 5
"""Times in a row that a forge may be out of reach while its run is waited for."""
MAX_ARTIFACTS = 20
_NO_TRIGGER_STATUSES = frozenset({400, 404, 422})


@dataclass(frozen=True, kw_only=True)
class ProveRequest:
    """Which repository, and how long it is waited for."""

    address: RepositoryAddress
    token: str = field(repr=False)
    forge: str = ""
    """`gitea`, `forgejo` or `github`; empty: it is found out."""
    workflow: str = "gate.yml"
    branch: str = ""
    """Empty: the default branch."""
    out: Path | None = None
    taken_seconds: float = 600.0
    """Until a runner takes the run."""
    seconds: float = 7200.0
    """Until it has ended."""
    poll_seconds: float = 5.0
    """Between two looks."""


def prove_workflow(request: ProveRequest, console: Console) -> ExitCode:
    """Dispatch, wait, fetch, judge; an answer is left whatever happens."""
    console.redactor = console.redactor.with_values([request.token])
    commits: list[str] = []
    inquiry = Session(
        session="prove",
        root=Path(),
        contract="",
        out=request.out,
        console=console,
        read_commit=lambda _root: commits[-1] if commits else "",
    )

    def dispatch_and_judge(session: Session, folder: ReportFolder) -> Iterator[Check]:
        if request.address.is_unencrypted:
            session.add_notice(
                "The token travels unencrypted: the forge's address begins with http."
            )
        forge = _open_forge_step(request, console)
        branch = request.branch or forge.read_default_branch()
        commits.append(forge.read_branch_commit(branch))
        with console.step(f"Ask {forge.kind} for a run on '{branch}'") as step:
            run = _start_run(forge, request, branch, commits[-1])
            step.set_outcome(run.url)
        with console.step("Wait for its end") as step:
            run = _wait_for_run(forge, run, request, step)
        yield from _fetch_and_judge(
            forge, run, commits[-1], folder.path / ARTIFACTS_FOLDER, console
        )

    subject = f"'{request.workflow}' of {request.address}"
    return ExitCode(inquiry.run_checks(subject, dispatch_and_judge).exit_code)


def _open_forge_step(request: ProveRequest, console: Console) -> Forge:
    with console.step("Find the forge") as step:
        forge = open_forge(request.address, request.token, request.forge)
        step.set_outcome(forge.kind)
    return forge


def _start_run(forge: Forge, request: ProveRequest, branch: str, commit: str) -> RemoteRun:
    """Start a run and find it: by the id that the forge tells, else as the only new one."""
    before = {run.id for run in forge.list_dispatched_runs(commit)}
    try:
        number = forge.dispatch_workflow(request.workflow, branch)
    except RefusedError as error:
        if error.status not in _NO_TRIGGER_STATUSES:
            raise
        raise ForgeError(
            f"{forge.kind} does not start '{request.workflow}' on '{branch}'.",
            "It has to be there, on the default branch too, with 'workflow_dispatch:' below 'on:', "
            "as 'hardgate init' writes it.",
            evidence=error.evidence,
        ) from error
    if number is not None:
        return forge.read_run(number)
    deadline = time.monotonic() + request.taken_seconds
    while True:
        listed = (run for run in forge.list_dispatched_runs(commit) if run.id not in before)
        new = [run for run in listed if run.workflow == request.workflow]
        if len(new) == 1:
            return new[0]
        if new:
            raise ForgeError(
                f"{len(new)} runs were asked for at once, and {forge.kind} does not say which "
                "is ours.",
                "Ask again when nobody else does.",
            )
        if time.monotonic() > deadline:
            raise ForgeError(
                f"{forge.kind} took the request, and no run of {commit[:12]} appeared within "
                f"{request.taken_seconds:.0f} s.",
                f"Look there: {request.address}/actions",
            )
        time.sleep(request.poll_seconds)


def _wait_for_run(
    forge: Forge, run: RemoteRun, request: ProveRequest, step: ConsoleStep
) -> RemoteRun:
    """Look until the run has ended; give it as it is then."""
    begun, was_taken, failures = time.monotonic(), False, 0
    while not run.state.has_ended:
        waited = time.monotonic() - begun
        was_taken = was_taken or run.state is WorkflowState.RUNNING
        if not was_taken and waited > request.taken_seconds:
            was_taken = any(job.state is not WorkflowState.WAITING for job in forge.list_jobs(run))
            if not was_taken:
                raise ForgeError(
                    f"No runner took the run within {request.taken_seconds:.0f} s.",
                    "Is one online that has the label of the jobs' 'runs-on'? "
                    f"The run still waits there; cancel it: {run.url}",
                )
        if waited > request.seconds:
            raise ForgeError(
                f"The run had not ended after {request.seconds:.0f} s.",
                f"Look at it there: {run.url}",
            )
        step.show_progress(run.status_text)
        time.sleep(request.poll_seconds)
        try:
            run, failures = forge.read_run(run.id), 0
        except UnreachableError:
            failures += 1
            if failures >= MAX_RETRIES:
                raise
    step.set_outcome(run.status_text)
    return run


def _fetch_and_judge(
    forge: Forge, run: RemoteRun, commit: str, folder: Path, console: Console
) -> Iterator[Check]:
    """Fetch what the run left, and yield what it is worth with what could not be fetched."""
    fetched: list[RemoteArtifact] = []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()  # anew, so that nothing of an earlier run is taken for this one's
    with console.step("Fetch its answers") as step:
        jobs = forge.list_jobs(run)
        for number, artifact in enumerate(forge.list_artifacts(run)[:MAX_ARTIFACTS]):
            step.show_progress(artifact.name)
            try:
                data = forge.download_artifact(artifact, MAX_ZIP_BYTES)
                target = folder / f"{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', artifact.name)}"
                unpack_artifact(artifact.name, data, target)
            except ForgeError as error:
                if not artifact.expected:
                    yield make_error_check(f"artifact {artifact.name}", "forge", error)
                continue
            fetched.append(artifact)
        step.set_outcome(f"{len(fetched)} artifacts")
    yield from judge_fetched_run(
        FetchedRun(
            commit=commit,
            run=run,
            jobs=jobs,
            artifacts=tuple(fetched),
            folder=folder,
            artifact_note=forge.artifact_note,
        )
    )
