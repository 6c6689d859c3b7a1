"""The word at the end: the five answers that lie here, each green, red, or none at all."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from hardgate.git import open_repository, read_commit
from hardgate.model.contract import Contract, Severity
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Change
from hardgate.pipeline.policy import POLICY_FILE, Policy
from hardgate.pipeline.session_result import (
    IMAGE_SESSIONS,
    SESSIONS,
    SessionResult,
    find_session_results,
)
from hardgate.pipeline.template import IGNORED_NAMES
from hardgate.pipeline.trust import Trust
from hardgate.resources import CONTRACTS

CLOCK_TOLERANCE_SECONDS = 1.0
"""An answer's time is told to the second."""
CONTRACT_GROUP = "contract"


@dataclass(frozen=True, kw_only=True)
class ValidationContext:
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
class SessionStatus:
    """One session's newest answer, and why it does not count."""

    session: str
    result: SessionResult | None
    rejection: str
    """A sentence where it is missing, stale or skipped; empty where it counts."""


def collect_session_statuses(context: ValidationContext) -> list[SessionStatus]:
    """Look at what lies here; nothing is run."""
    newest = {name: next(find_session_results(name, context.reports), None) for name in SESSIONS}
    commit, changed = read_commit(context.root), _find_last_change(context.root)
    image = _pick_image(newest)
    return [
        SessionStatus(
            session=name,
            result=result,
            rejection=_find_rejection(result, context, commit, changed, image),
        )
        for name, result in newest.items()
    ]


def _pick_image(newest: Mapping[str, SessionResult | None]) -> str:
    """Take the image of the newest answer that has one: all have to be about it."""
    results = [one for name in IMAGE_SESSIONS if (one := newest[name]) and one.image]
    return max(results, key=lambda result: result.started_at).image if results else ""


def _find_rejection(
    result: SessionResult | None,
    context: ValidationContext,
    commit: str,
    changed: float,
    image: str,
) -> str:
    if result is None:
        return "missing: there is no such answer"
    if result.partial:
        return "skipped: it looked at a part only"
    result_commit, current_commit = (
        name.removesuffix("-dirty") for name in (result.commit, commit)
    )
    started = datetime.fromisoformat(result.started_at).timestamp()
    stale = {
        f"it is about commit {_shorten_commit(result_commit)}, and this is "
        f"{_shorten_commit(current_commit)}": result_commit != current_commit,
        "it is about changes that are not here any more": (
            result.commit.endswith("-dirty") and not commit.endswith("-dirty")
        ),
        "files were changed since": changed > started + CLOCK_TOLERANCE_SECONDS,
        "it is about another contract": (
            result.contract != hash_session_contract(result.session, context.contract)
        ),
        "it is about another image than the newest answer is": (
            result.session in IMAGE_SESSIONS and result.image != image
        ),
    }
    return next((f"stale: {why}" for why, holds in stale.items() if holds), "")


def hash_session_contract(session: str, contract: Contract) -> str:
    """Give the sha256 of what a session is judged by."""
    if session != "runtime":
        return contract.sha256
    return hashlib.sha256((CONTRACTS / "runtime.yaml").read_bytes()).hexdigest()


def _shorten_commit(commit: str) -> str:
    return commit[:12] or "(no commit)"


def _find_last_change(root: Path) -> float:
    """Give the time of the last change that is not committed; 0 where there is none."""
    with open_repository(root) as repository:
        if repository is None:
            return 0.0
        options = ("--porcelain", "-z", "--untracked-files=all", "--no-renames")
        output = repository.read_text("status", *options, "--ignore-submodules=dirty")
    times = [0.0]
    for entry in output.split("\0"):
        name = entry[3:]
        if not name or name.partition("/")[0] in IGNORED_NAMES:
            continue
        file = root / name
        existing = file if file.exists() else file.parent
        times.append(existing.lstat().st_mtime if existing.exists() else 0.0)
    return max(times)


def judge_sessions(context: ValidationContext) -> Iterator[Check]:
    """Yield the contract's standing, then each answer's."""
    yield _make_contract_check(context)
    for status in collect_session_statuses(context):
        yield _make_session_check(status, context)


def _make_session_check(status: SessionStatus, context: ValidationContext) -> Check:
    result, session = status.result, status.session
    remedy = f"Run 'nox -s {session}', and then this again."
    if status.rejection:
        excused = not context.trust.trusted and session in context.policy.untrusted_may_miss
        excuse = f" (allowed by '{POLICY_FILE}': {context.trust.reason})" if excused else ""
        return Check(
            name=session,
            group="answers",
            outcome=Outcome.FAIL,
            severity=Severity.ADVISORY if excused else Severity.HARD,
            reason=f"{status.rejection}{excuse}",
            remedy=remedy,
        )
    assert result is not None  # noqa: S101 - what is missing has a reason
    story = result.headline.partition(": ")[2].rpartition(" (exit ")[0] or result.headline
    return Check(
        name=session,
        group="answers",
        outcome=result.outcome,
        reason=story,
        remedy=""
        if result.outcome is Outcome.PASS
        else f"Read its report, or run 'nox -s {session}'.",
        evidence="\n".join(result.notices),
    )


def _make_contract_check(context: ValidationContext) -> Check:
    """Tell whether a change edits what it is judged by, and who vouches for it then."""
    contract = context.contract
    name = f"{contract.origin} v{contract.version}, {len(contract.capabilities)} capabilities, "
    name += f"sha256 {contract.sha256[:12]}"
    outcome, reason, remedy = _judge_contract(context)
    return Check(
        name=CONTRACT_GROUP,
        group=CONTRACT_GROUP,
        outcome=outcome,
        reason=f"{name}{reason}",
        remedy=remedy,
    )


def _judge_contract(context: ValidationContext) -> tuple[Outcome, str, str]:
    pinned = context.policy.contract_sha256.lower()
    if pinned and pinned != context.contract.sha256:
        return (
            Outcome.FAIL,
            f": '{POLICY_FILE}' pins another ({pinned[:12]})",
            "Ask who owns the runner.",
        )
    if pinned:
        return Outcome.PASS, f", pinned by '{POLICY_FILE}'", ""
    edited = _is_contract_edited(context)
    if edited is False:
        return Outcome.PASS, "", ""
    remedy = "Give '--contract-sha256' from outside the repository, once somebody has read it."
    outside = context.pin is not None and not _is_in_repository(context.root, context.pin)
    if edited is None and not outside:
        why = f": nobody can tell whether this change edits it ({context.change.description})"
        return Outcome.ERROR, why, f"Fetch the base ('--base REF'). {remedy}"
    if outside:
        remark = ", EDITED by this change" if edited else ""
        return Outcome.PASS, f"{remark}, pinned from outside the repository", ""
    inside = ", and its pin stands in the repository as well" if context.pin else ""
    return Outcome.FAIL, f": EDITED by the change that it judges{inside}", remedy


def _is_contract_edited(context: ValidationContext) -> bool | None:
    """Tell whether the change touches the contract; None where there is nothing to compare with."""
    if context.contract_file is None:
        return False
    name = str(context.contract_file.relative_to(context.root))
    with open_repository(context.root) as repository:
        if repository is None or not context.change.base:
            return None
        options = ("--no-ext-diff", "--no-textconv", "--name-only")
        diff = repository.read_text("diff", *options, context.change.base, "--", name)
        return bool(diff.strip() or repository.read_text("ls-files", "-o", "--", name).strip())


def _is_in_repository(root: Path, pin: str) -> bool:
    """Look for the pin in the repository: one that stands there was not given from outside."""
    with open_repository(root) as repository:
        if repository is None:
            return False
        argv = ("grep", "--untracked", "--no-textconv", "-q", "-i", "-F", "-e", pin)
        return repository.ask(*argv, expected=(0, 1)).status == 0
