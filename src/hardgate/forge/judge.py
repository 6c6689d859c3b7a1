"""What a forge's run is worth: the run, its jobs, and the answers it left, each seen or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, WorkflowState
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session_result import (
    ARTIFACT_PREFIX,
    IMAGE_SESSIONS,
    SESSIONS,
    ResultError,
    SessionResult,
    read_artifact_folder,
)

JUNIT_FILE = "junit.xml"
_OUTCOMES = {WorkflowState.SUCCESS: Outcome.PASS, WorkflowState.FAILURE: Outcome.FAIL}


@dataclass(frozen=True, kw_only=True)
class FetchedRun:
    """All that was fetched of one run."""

    commit: str
    """The branch's, when the run was asked for."""
    run: RemoteRun
    jobs: tuple[RemoteJob, ...]
    artifacts: tuple[RemoteArtifact, ...]
    """Those that were fetched."""
    folder: Path
    """What was in them."""
    artifact_note: str = ""
    """What artifacts need on this forge."""


def judge_fetched_run(fetched: FetchedRun) -> Iterator[Check]:
    """Yield a point for the run, each job and each of the five answers."""
    yield _judge_run(fetched)
    yield from _judge_jobs(fetched)
    yield from _judge_artifacts(fetched)
    results = {name: _read_answer(name, fetched) for name in SESSIONS}
    images = {
        result.image
        for name in IMAGE_SESSIONS
        if isinstance(result := results[name], SessionResult)
    }
    for name, result in results.items():
        yield _judge_session_result(name, result, fetched, one_image=len(images) <= 1)


def _read_answer(session: str, fetched: FetchedRun) -> SessionResult | ResultError | None:
    """Read a session's answer from its own artifact; no other's counts."""
    folders = [
        folder
        for folder in fetched.folder.iterdir()
        if folder.name.partition("-")[2] == f"{ARTIFACT_PREFIX}{session}"
    ]
    if len(folders) > 1:
        return ResultError(f"There are {len(folders)} artifacts '{ARTIFACT_PREFIX}{session}'.")
    try:
        return read_artifact_folder(folders[0], session, None) if folders else None
    except ResultError as error:
        return error


def _judge_run(fetched: FetchedRun) -> Check:
    run = fetched.run
    if run.commit != fetched.commit:
        outcome = Outcome.ERROR
        reason = f"it ran on {run.commit[:12]}, and the branch was at {fetched.commit[:12]}"
        remedy = "Somebody pushed meanwhile: ask again."
    else:
        outcome = _OUTCOMES.get(run.state, Outcome.ERROR)
        reason = f"'{run.status_text}' at commit {run.commit[:12]}: {run.url}"
        remedy = f"Look at it there: {run.url}"
    return Check(name="run", group="forge", outcome=outcome, reason=reason, remedy=remedy)


def _judge_jobs(fetched: FetchedRun) -> Iterator[Check]:
    """A job that was skipped or cancelled has shown nothing, whatever its run is called."""
    for job in fetched.jobs:
        yield Check(
            name=f"job {job.name}",
            group="forge",
            outcome=_OUTCOMES.get(job.state, Outcome.ERROR),
            reason=f"the forge calls it '{job.status_text}'",
            remedy=f"Read its log: {fetched.run.url}",
        )
    if not fetched.jobs:
        yield Check(
            name="jobs",
            group="forge",
            outcome=Outcome.ERROR,
            reason="the run has no jobs",
            remedy=f"Look at it there: {fetched.run.url}",
        )


def _judge_artifacts(fetched: FetchedRun) -> Iterator[Check]:
    """Say once, and not of each answer, that nothing could be fetched."""
    if not fetched.artifacts:
        more = f" {fetched.artifact_note}." if fetched.artifact_note else ""
        yield Check(
            name="artifacts",
            group="forge",
            outcome=Outcome.ERROR,
            reason="the run has none that can be fetched",
            remedy=f"Let each job upload 'reports/SESSION', as the starter does.{more}",
        )


def _judge_session_result(
    name: str, result: SessionResult | ResultError | None, fetched: FetchedRun, *, one_image: bool
) -> Check:
    rejection = _find_rejection(name, result, fetched, one_image=one_image)
    if not isinstance(result, SessionResult) or rejection:
        return Check(
            name=name,
            group="answers",
            outcome=Outcome.ERROR,
            reason=rejection,
            remedy=f"Let its job upload 'reports/{name}', as the starter does: {fetched.run.url}",
        )
    return Check(
        name=name,
        group="answers",
        outcome=result.outcome,
        reason=result.headline.rpartition(" (exit ")[0] or result.headline,
        remedy=f"Read its report in '{fetched.folder}', or its job's log: {fetched.run.url}",
        evidence="\n".join([*result.missed, *result.notices]),
    )


def _find_rejection(
    name: str, result: SessionResult | ResultError | None, fetched: FetchedRun, *, one_image: bool
) -> str:
    """Say why an answer does not count; nothing where it does."""
    if result is None:
        return "missing: no artifact of the run holds this answer"
    if isinstance(result, ResultError):
        return result.problem
    if result.commit != fetched.run.commit:
        return f"it is about '{result.commit[:20]}', and the run is about {fetched.run.commit[:12]}"
    if name in IMAGE_SESSIONS and not one_image:
        return "'runtime' and 't4' are about two images"
    if not any(fetched.folder.glob(f"*-{ARTIFACT_PREFIX}{name}/*/{JUNIT_FILE}")):
        return f"its '{JUNIT_FILE}' is missing"
    return ""
