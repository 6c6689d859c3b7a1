"""What a forge's run is worth: the run, its jobs, and the answers it left, each seen or not."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardgate.forge.api import RemoteArtifact, RemoteJob, RemoteRun, State
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.session_result import OF_AN_IMAGE, SESSIONS, Answer, find_answers

JUNIT = "junit.xml"
_OUTCOMES = {State.SUCCESS: Outcome.PASS, State.FAILURE: Outcome.FAIL}


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that was fetched of one run."""

    commit: str
    """The branch's, when the run was asked for."""
    run: RemoteRun
    jobs: tuple[RemoteJob, ...]
    artifacts: tuple[RemoteArtifact, ...]
    """Those that were fetched."""
    folder: Path
    """What was in them."""
    lacks: str = ""
    """What artifacts need on this forge."""


def points(seen: Seen) -> Iterator[Point]:
    """Yield a point for the run, each job and each of the five answers."""
    yield _run(seen)
    yield from _jobs(seen)
    yield from _artifacts(seen)
    found = {name: next(find_answers(name, seen.folder), None) for name in SESSIONS}
    images = {one.image for name in OF_AN_IMAGE if (one := found[name])}
    for name, answer in found.items():
        yield _answer(name, answer, seen, one_image=len(images) <= 1)


def _run(seen: Seen) -> Point:
    run = seen.run
    if run.commit != seen.commit:
        outcome = Outcome.ERROR
        reason = f"it ran on {run.commit[:12]}, and the branch was at {seen.commit[:12]}"
        remedy = "Somebody pushed meanwhile: ask again."
    else:
        outcome = _OUTCOMES.get(run.state, Outcome.ERROR)
        reason = f"'{run.said}' at commit {run.commit[:12]}: {run.url}"
        remedy = f"Look at it there: {run.url}"
    return Point(name="run", group="forge", outcome=outcome, reason=reason, remedy=remedy)


def _jobs(seen: Seen) -> Iterator[Point]:
    """A job that was skipped or cancelled has shown nothing, whatever its run is called."""
    for job in seen.jobs:
        yield Point(
            name=f"job {job.name}",
            group="forge",
            outcome=_OUTCOMES.get(job.state, Outcome.ERROR),
            reason=f"the forge calls it '{job.said}'",
            remedy=f"Read its log: {seen.run.url}",
        )
    if not seen.jobs:
        yield Point(
            name="jobs",
            group="forge",
            outcome=Outcome.ERROR,
            reason="the run has no jobs",
            remedy=f"Look at it there: {seen.run.url}",
        )


def _artifacts(seen: Seen) -> Iterator[Point]:
    """Say once, and not of each answer, that nothing could be fetched."""
    if not seen.artifacts:
        more = f" {seen.lacks}." if seen.lacks else ""
        yield Point(
            name="artifacts",
            group="forge",
            outcome=Outcome.ERROR,
            reason="the run has none that can be fetched",
            remedy=f"Let each job upload 'reports', as the starter does.{more}",
        )


def _answer(name: str, answer: Answer | None, seen: Seen, *, one_image: bool) -> Point:
    why = _why_not(name, answer, seen, one_image=one_image)
    if answer is None or why:
        return Point(
            name=name,
            group="answers",
            outcome=Outcome.ERROR,
            reason=why,
            remedy=f"Let its job upload 'reports', as the starter does: {seen.run.url}",
        )
    return Point(
        name=name,
        group="answers",
        outcome=answer.outcome,
        reason=answer.headline.rpartition(" (exit ")[0] or answer.headline,
        remedy=f"Read its report in '{seen.folder}', or its job's log: {seen.run.url}",
        evidence="\n".join([*answer.missed, *answer.notices]),
    )


def _why_not(name: str, answer: Answer | None, seen: Seen, *, one_image: bool) -> str:
    """Say why an answer does not count; nothing where it does."""
    if answer is None:
        return "missing: no artifact of the run holds this answer"
    if answer.commit != seen.run.commit:
        return f"it is about '{answer.commit[:20]}', and the run is about {seen.run.commit[:12]}"
    if name in OF_AN_IMAGE and not one_image:
        return "'runtime' and 't4' are about two images"
    if not any(name in file.parts for file in seen.folder.rglob(JUNIT)):
        return f"its '{JUNIT}' is missing"
    return ""
