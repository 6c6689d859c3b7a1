"""The word at the end: the five answers that lie here, each green, red, or none at all."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hardgate.engine.image import commit_of
from hardgate.model.contract import Contract, Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.git_change import Change, git
from hardgate.pipeline.policy import POLICY, Policy
from hardgate.pipeline.session_result import OF_AN_IMAGE, SESSIONS, Answer, find_answers
from hardgate.pipeline.template import LEFT_OUT
from hardgate.pipeline.trust import Trust
from hardgate.resources import CONTRACTS

CLOCK_SECONDS = 1.0
"""An answer's time is told to the second."""
CONTRACT = "contract"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What the answers have to be about."""

    root: Path
    reports: Path
    contract: Contract
    contract_file: Path | None
    """Where it lies in the repository; None where it comes from elsewhere."""
    pin: str | None
    """`--contract-sha256`; None where none was given."""
    change: Change
    trust: Trust
    policy: Policy


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One session's newest answer, and why it does not count."""

    session: str
    answer: Answer | None
    why_not: str
    """A sentence where it is missing, stale or skipped; empty where it counts."""


def standings(scene: Scene) -> list[Standing]:
    """Look at what lies here; nothing is run."""
    newest = {name: next(find_answers(name, scene.reports), None) for name in SESSIONS}
    commit, changed = commit_of(scene.root), _last_change(scene.root)
    image = _image(newest)
    return [
        Standing(session=name, answer=one, why_not=_why_not(one, scene, commit, changed, image))
        for name, one in newest.items()
    ]


def _image(newest: Mapping[str, Answer | None]) -> str:
    """Take the image of the newest answer that has one: all have to be about it."""
    told = [one for name in OF_AN_IMAGE if (one := newest[name]) and one.image]
    return max(told, key=lambda one: one.started_at).image if told else ""


def _why_not(answer: Answer | None, scene: Scene, commit: str, changed: float, image: str) -> str:
    if answer is None:
        return "missing: there is no such answer"
    if answer.partial:
        return "skipped: it looked at a part only"
    about, now = (one.removesuffix("-dirty") for one in (answer.commit, commit))
    started = datetime.fromisoformat(answer.started_at).timestamp()
    stale = {
        f"it is about commit {_short(about)}, and this is {_short(now)}": about != now,
        "it is about changes that are not here any more": (
            answer.commit.endswith("-dirty") and not commit.endswith("-dirty")
        ),
        "files were changed since": changed > started + CLOCK_SECONDS,
        "it is about another contract": (
            answer.contract != contract_of(answer.session, scene.contract)
        ),
        "it is about another image than the newest answer is": (
            answer.session in OF_AN_IMAGE and answer.image != image
        ),
    }
    return next((f"stale: {why}" for why, holds in stale.items() if holds), "")


def contract_of(session: str, contract: Contract) -> str:
    """Give the sha256 of what a session is judged by."""
    if session != "runtime":
        return contract.sha256
    return hashlib.sha256((CONTRACTS / "runtime.yaml").read_bytes()).hexdigest()


def _short(commit: str) -> str:
    return commit[:12] or "(no commit)"


def _last_change(root: Path) -> float:
    """Give the time of the last change that is not committed; 0 where there is none."""
    told = git(root, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames") or ""
    times = [0.0]
    for entry in told.split("\0"):
        name = entry[3:]
        if not name or name.partition("/")[0] in LEFT_OUT:
            continue
        file = root / name
        there = file if file.exists() else file.parent
        times.append(there.lstat().st_mtime if there.exists() else 0.0)
    return max(times)


def points(scene: Scene) -> Iterator[Point]:
    """Yield the contract's standing, then each answer's."""
    yield _contract_point(scene)
    for standing in standings(scene):
        yield _point(standing, scene)


def _point(standing: Standing, scene: Scene) -> Point:
    answer, session = standing.answer, standing.session
    remedy = f"Run 'nox -s {session}', and then this again."
    if standing.why_not:
        excused = not scene.trust.trusted and session in scene.policy.untrusted_may_miss
        told = f" (allowed by '{POLICY}': {scene.trust.reason})" if excused else ""
        return Point(
            name=session,
            group="answers",
            outcome=Outcome.FAIL,
            severity=Severity.ADVISORY if excused else Severity.HARD,
            reason=f"{standing.why_not}{told}",
            remedy=remedy,
        )
    assert answer is not None  # noqa: S101 - what is missing has a reason
    story = answer.headline.partition(": ")[2].rpartition(" (exit ")[0] or answer.headline
    return Point(
        name=session,
        group="answers",
        outcome=answer.outcome,
        reason=story,
        remedy=""
        if answer.outcome is Outcome.PASS
        else f"Read its report, or run 'nox -s {session}'.",
        evidence="\n".join(answer.notices),
    )


def _contract_point(scene: Scene) -> Point:
    """Tell whether a change edits what it is judged by, and who vouches for it then."""
    contract = scene.contract
    name = f"{contract.origin} v{contract.version}, {len(contract.capabilities)} capabilities, "
    name += f"sha256 {contract.sha256[:12]}"
    outcome, reason, remedy = _judge_contract(scene)
    return Point(
        name=CONTRACT, group=CONTRACT, outcome=outcome, reason=f"{name}{reason}", remedy=remedy
    )


def _judge_contract(scene: Scene) -> tuple[Outcome, str, str]:
    pinned = scene.policy.contract_sha256.lower()
    if pinned and pinned != scene.contract.sha256:
        return (
            Outcome.FAIL,
            f": '{POLICY}' pins another ({pinned[:12]})",
            "Ask who owns the runner.",
        )
    if pinned:
        return Outcome.PASS, f", pinned by '{POLICY}'", ""
    edited = _edited(scene)
    if edited is False:
        return Outcome.PASS, "", ""
    remedy = "Give '--contract-sha256' from outside the repository, once somebody has read it."
    outside = scene.pin is not None and not _stands_in(scene.root, scene.pin)
    if edited is None and not outside:
        why = f": nobody can tell whether this change edits it ({scene.change.told})"
        return Outcome.ERROR, why, f"Fetch the base ('--base REF'). {remedy}"
    if outside:
        word = ", EDITED by this change" if edited else ""
        return Outcome.PASS, f"{word}, pinned from outside the repository", ""
    inside = ", and its pin stands in the repository as well" if scene.pin else ""
    return Outcome.FAIL, f": EDITED by the change that it judges{inside}", remedy


def _edited(scene: Scene) -> bool | None:
    """Tell whether the change touches the contract; None where there is nothing to compare with."""
    if scene.contract_file is None:
        return False
    if not scene.change.reached:
        return None
    if not scene.change.base:
        return False
    name = str(scene.contract_file.relative_to(scene.root))
    diff = git(scene.root, "diff", "--name-only", scene.change.base, "--", name)
    untracked = git(scene.root, "ls-files", "-o", "--", name)
    return bool((diff or "").strip() or (untracked or "").strip())


def _stands_in(root: Path, pin: str) -> bool:
    """Look for the pin in the repository: one that stands there was not given from outside."""
    found = git(root, "grep", "--untracked", "-l", "-i", "-F", "-e", pin)
    return bool(found and found.strip())
