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
from hardgate.forge.api import Forge, RemoteArtifact, RemoteRun, State
from hardgate.forge.artifact import ZIP_LIMIT, unpack
from hardgate.forge.detect import open_forge
from hardgate.forge.http import ForgeError, RefusedError, UnreachableError
from hardgate.forge.judge import Seen, points
from hardgate.forge.repository_url import Address
from hardgate.pipeline.check import Point
from hardgate.pipeline.session import Inquiry, untold
from hardgate.report.console import Console, Step
from hardgate.report.folder import Folder

FETCHED = "fetched"
PATIENCE = 5
"""Times in a row that a forge may be out of reach while its run is waited for."""
MOST_ARTIFACTS = 20
_NO_TRIGGER = frozenset({400, 404, 422})


@dataclass(frozen=True, kw_only=True)
class ProveRequest:
    """Which repository, and how long it is waited for."""

    address: Address
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
    pause: float = 5.0
    """Between two looks."""


def prove(request: ProveRequest, console: Console) -> ExitCode:
    """Dispatch, wait, fetch, judge; an answer is left whatever happens."""
    console.redactor = console.redactor.with_values([request.token])
    about: list[str] = []
    inquiry = Inquiry(
        session="prove",
        root=Path(),
        contract="",
        out=request.out,
        console=console,
        commit=lambda _root: about[-1] if about else "",
    )

    def look(inquiry: Inquiry, folder: Folder) -> Iterator[Point]:
        if request.address.readable:
            inquiry.notice("The token travels unencrypted: the forge's address begins with http.")
        forge = _open(request, console)
        branch = request.branch or forge.default_branch()
        about.append(forge.commit_of(branch))
        with console.step(f"Ask {forge.kind} for a run on '{branch}'") as step:
            run = _dispatch(forge, request, branch, about[-1])
            step.remark(run.url)
        with console.step("Wait for its end") as step:
            run = _wait(forge, run, request, step)
        yield from _judge(forge, run, about[-1], folder.path / FETCHED, console)

    where = f"'{request.workflow}' of {request.address}"
    return inquiry.run(where, look)


def _open(request: ProveRequest, console: Console) -> Forge:
    with console.step("Find the forge") as step:
        forge = open_forge(request.address, request.token, request.forge)
        step.remark(forge.kind)
    return forge


def _dispatch(forge: Forge, request: ProveRequest, branch: str, commit: str) -> RemoteRun:
    """Start a run and find it: by the id that the forge tells, else as the only new one."""
    before = {run.id for run in forge.dispatched(commit)}
    try:
        number = forge.dispatch(request.workflow, branch)
    except RefusedError as error:
        if error.status not in _NO_TRIGGER:
            raise
        raise ForgeError(
            f"{forge.kind} does not start '{request.workflow}' on '{branch}'.",
            "It has to be there, on the default branch too, with 'workflow_dispatch:' below 'on:', "
            "as 'hardgate init' writes it.",
            evidence=error.evidence,
        ) from error
    if number is not None:
        return forge.run(number)
    deadline = time.monotonic() + request.taken_seconds
    while True:
        listed = (run for run in forge.dispatched(commit) if run.id not in before)
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
        time.sleep(request.pause)


def _wait(forge: Forge, run: RemoteRun, request: ProveRequest, step: Step) -> RemoteRun:
    """Look until the run has ended; give it as it is then."""
    begun, taken, troubles = time.monotonic(), False, 0
    while not run.state.ended:
        waited = time.monotonic() - begun
        taken = taken or run.state is State.RUNNING
        if not taken and waited > request.taken_seconds:
            taken = any(job.state is not State.WAITING for job in forge.jobs(run))
            if not taken:
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
        step.tell(run.said)
        time.sleep(request.pause)
        try:
            run, troubles = forge.run(run.id), 0
        except UnreachableError:
            troubles += 1
            if troubles >= PATIENCE:
                raise
    step.remark(run.said)
    return run


def _judge(
    forge: Forge, run: RemoteRun, commit: str, folder: Path, console: Console
) -> Iterator[Point]:
    """Fetch what the run left, and yield what it is worth with what could not be fetched."""
    fetched: list[RemoteArtifact] = []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()  # anew, so that nothing of an earlier run is taken for this one's
    with console.step("Fetch its answers") as step:
        jobs = forge.jobs(run)
        for number, artifact in enumerate(forge.artifacts(run)[:MOST_ARTIFACTS]):
            step.tell(artifact.name)
            try:
                data = forge.fetch(artifact, ZIP_LIMIT)
                place = folder / f"{number}-{re.sub(r'[^A-Za-z0-9._-]', '_', artifact.name)}"
                unpack(artifact.name, data, place)
            except ForgeError as error:
                if not artifact.expected:
                    yield untold(f"artifact {artifact.name}", "forge", error)
                continue
            fetched.append(artifact)
        step.remark(f"{len(fetched)} artifacts")
    yield from points(
        Seen(
            commit=commit,
            run=run,
            jobs=jobs,
            artifacts=tuple(fetched),
            folder=folder,
            lacks=forge.lacks,
        )
    )
