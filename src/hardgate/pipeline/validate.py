"""The word at the end: the five answers, each green, red, unknown, or none that counts here.

An answer counts where it is about these files, this template and this contract. That is compared by
content: the times that stand in an answer are for the reader alone.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardgate.errors import HardgateError, UsageError
from hardgate.model.contract import Contract, Severity
from hardgate.model.run import Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Change
from hardgate.pipeline.policy import POLICY_FILE, Policy, find_unsafe_permissions
from hardgate.pipeline.session_result import (
    IMAGE_SESSIONS,
    SESSIONS,
    ResultError,
    SessionResult,
    read_session_results,
)
from hardgate.pipeline.trust import Trust
from hardgate.report.gate_summary import ExpectedRun
from hardgate.resources import CONTRACTS
from hardgate.system.git import UNKNOWN_COMMIT, GitRefusedError, open_repository
from hardgate.text.headline import read_headline_story
from hardgate.text.strict_json import parse_strict_json

CONTRACT_GROUP = "contract"
JOBS_VARIABLE = "HARDGATE_JOBS"
"""What became of the jobs that the answers come from: the forge's own `needs`, as JSON."""
SHARED_JOBS = {"runtime": "t4"}
"""Both are about one image, so one job gives both."""
Results = Mapping[str, SessionResult | ResultError | None]


@dataclass(frozen=True, kw_only=True)
class ContractPlace:
    """Where the contract that applies comes from."""

    inside: Path | None = None
    """Its path from the repository's top, as it was written; None where it lies elsewhere."""
    outside: Path | None = None
    """A file elsewhere; None where it is inside, at an URL, or hardgate's own."""
    is_own: bool = False
    """It is the one that hardgate brings along."""


@dataclass(frozen=True, kw_only=True)
class ValidationContext:
    """What the answers have to be about."""

    root: Path
    reports: Path
    source: Source | HardgateError
    """The content that lies here; an error where nobody can tell."""
    commit: str
    """That is checked out; empty outside git, `unknown` where git refuses."""
    contract: Contract
    contract_place: ContractPlace
    pin: str | None
    """`--contract-sha256`; None where none was given."""
    change: Change
    trust: Trust
    policy: Policy
    expected: Mapping[str, ExpectedRun] = field(default_factory=dict)
    """What the sessions of an image had to look at."""
    builds: bool = True
    """Images are built from the content; else one that was there was named by `--image`."""
    jobs: Mapping[str, str] | None = None
    """The result of each job, by its name; None where no jobs are known of."""


@dataclass(frozen=True, kw_only=True)
class SessionStatus:
    """One session's newest answer, and why it does not count."""

    session: str
    result: SessionResult | None
    rejection: str = ""
    """A sentence where it does not count; empty where it does."""
    outcome: Outcome = Outcome.FAIL
    """What it is instead: red, or unknown where nobody can tell whether it counts."""
    is_absent: bool = False
    """It is missing, skipped or stale; a policy may excuse that for untrusted input."""

    @property
    def is_green(self) -> bool:
        """It counts, and all held."""
        return (
            not self.rejection and self.result is not None and self.result.outcome is Outcome.PASS
        )


def read_results(context: ValidationContext) -> dict[str, SessionResult | ResultError | None]:
    """Read the answers that lie here; what a commit brought along is refused."""
    problem = _find_planted_reports(context)
    if problem:
        return dict.fromkeys(SESSIONS, ResultError(problem))
    return read_session_results(context.reports, context.expected)


def _find_planted_reports(context: ValidationContext) -> str:
    """Say why no answer here was left by a session: it came with the repository."""
    reports = context.reports
    if reports.is_symlink():
        return f"'{reports}' is a link."
    if not reports.resolve().is_relative_to(context.root):
        return ""
    inside = reports.resolve().relative_to(context.root)
    try:
        with open_repository(context.root) as repository:
            tracked = (
                repository
                and repository.read_text("ls-files", "--", f":(top,literal){inside}").splitlines()
            )
    except HardgateError as error:
        return f"It is not known whether '{reports}' is the repository's own. {error.problem}"
    return f"'{tracked[0]}' is a file of the repository, and no session's." if tracked else ""


def collect_session_statuses(context: ValidationContext, results: Results) -> list[SessionStatus]:
    """Compare each answer with what it has to be about."""
    statuses = [
        _judge_result(name, results.get(name), _find_job_end(name, context.jobs, results), context)
        for name in SESSIONS
    ]
    images = {
        status.session: status.result.image
        for status in statuses
        if status.result and not status.rejection and status.result.image
    }
    if len(set(images.values())) <= 1:
        return statuses
    return [
        _reject_image(status, images) if status.session in images else status for status in statuses
    ]


def _reject_image(status: SessionStatus, images: Mapping[str, str]) -> SessionStatus:
    others = " and ".join(f"'{name}'" for name in images if name != status.session)
    why = f"stale: it is about another image than {others} is"
    return SessionStatus(session=status.session, result=status.result, rejection=why)


def _judge_result(
    session: str,
    result: SessionResult | ResultError | None,
    job: str | None,
    context: ValidationContext,
) -> SessionStatus:
    if result is None or isinstance(result, ResultError):
        return _judge_absence(session, result, job)
    return _judge_answer(SessionStatus(session=session, result=result), result, job, context)


def _judge_answer(
    status: SessionStatus, result: SessionResult, job: str | None, context: ValidationContext
) -> SessionStatus:
    if result.outcome is Outcome.PASS and job not in {None, "success"}:
        why = f"no answer that counts: it is green, and its job ended in '{job}'"
        return replace(status, rejection=why)
    if result.partial and result.outcome is not Outcome.FAIL:
        return replace(status, rejection="skipped: it looked at a part only", is_absent=True)
    if isinstance(context.source, HardgateError):
        return _doubt(status, context.source.problem)
    if why := _find_difference(result, context.source, context):
        return replace(status, rejection=f"stale: {why}", is_absent=True)
    if result.session == "secrets" and UNKNOWN_COMMIT in {result.commit, context.commit}:
        return _doubt(status, "the commit whose history it looked at is not known")
    return status


def _judge_absence(session: str, error: ResultError | None, job: str | None) -> SessionStatus:
    """Say why nothing counts; what cannot be read is not skipped for an older answer."""
    if error is not None:
        why = f"no answer that counts: {error.problem}"
        return SessionStatus(session=session, result=None, rejection=why)
    ended = f", and its job ended in '{job}'" if job else ""
    why = f"missing: there is no such answer{ended}"
    return SessionStatus(session=session, result=None, rejection=why, is_absent=True)


def _doubt(status: SessionStatus, problem: str) -> SessionStatus:
    why = f"not known whether it is about these files: {problem.rstrip('.')}"
    return replace(status, rejection=why, outcome=Outcome.ERROR)


def _find_job_end(session: str, jobs: Mapping[str, str] | None, results: Results) -> str | None:
    """Give what became of a session's job; None where no jobs are known of, or it says nothing.

    A job that failed says nothing of a session whose fellow in it was not green.
    """
    if jobs is None:
        return None
    job = session if session in jobs else SHARED_JOBS.get(session, session)
    fellows = [results.get(name) for name in SESSIONS if SHARED_JOBS.get(name, name) == job]
    if jobs.get(job) == "failure" and any(
        isinstance(fellow, SessionResult) and fellow.outcome is not Outcome.PASS
        for fellow in fellows
    ):
        return None
    return jobs.get(job) or "no job at all"


def _find_difference(result: SessionResult, source: Source, context: ValidationContext) -> str:
    """Say what an answer is about that this is not; empty where it is about this."""
    if result.contract != hash_session_contract(result.session, context.contract):
        return "it is about another contract"
    own, is_of_image = result.source, result.session in IMAGE_SESSIONS
    if is_of_image and not context.builds:
        return "" if own is None else "it is about an image that was built here"
    if own is None and is_of_image:
        return "it is about an image that was not built from this template"
    if own is None:
        known = result.outcome is not Outcome.ERROR
        return "it does not say which content it is about" if known else ""
    return _compare_sources(own, source) or _compare_histories(result, context)


def _compare_sources(own: Source, source: Source) -> str:
    if (own.context, own.dockerfile) != (source.context, source.dockerfile):
        return (
            f"it is about the template '{own.context}' with '{own.dockerfile}', and this is "
            f"'{source.context}' with '{source.dockerfile}'"
        )
    return "" if own.content == source.content else "files were changed since: other content"


def _compare_histories(result: SessionResult, context: ValidationContext) -> str:
    """`secrets` looks at commits as well, of which two may have the same content."""
    own, here = (name.removesuffix("-dirty") for name in (result.commit, context.commit))
    if result.session != "secrets" or own == here or UNKNOWN_COMMIT in {own, here}:
        return ""
    return (
        f"it is about commit {_shorten_commit(own)} and those before it, and this is "
        f"{_shorten_commit(here)}"
    )


def hash_session_contract(session: str, contract: Contract) -> str:
    """Give the sha256 of what a session is judged by."""
    if session != "runtime":
        return contract.sha256
    return hashlib.sha256((CONTRACTS / "runtime.yaml").read_bytes()).hexdigest()


def _shorten_commit(commit: str) -> str:
    return commit[:12] or "(no commit)"


def read_job_results(environ: Mapping[str, str]) -> Mapping[str, str] | None:
    """Read the forge's `needs` as the workflow hands it on; raises UsageError if it is garbled."""
    text = environ.get(JOBS_VARIABLE, "")
    if not text:
        return None
    try:
        jobs = parse_strict_json(text)
        return {str(name): str(job["result"]) for name, job in jobs.items()}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UsageError(
            f"'{JOBS_VARIABLE}' cannot be read.",
            f"Give it what the forge knows of the jobs: {JOBS_VARIABLE}: ${{{{ toJSON(needs) }}}}.",
        ) from error


def judge_sessions(context: ValidationContext, results: Results) -> Iterator[Check]:
    """Yield a point for the contract and for each answer."""
    yield _make_contract_check(context)
    for status in collect_session_statuses(context, results):
        yield _make_session_check(status, context)


def _make_session_check(status: SessionStatus, context: ValidationContext) -> Check:
    result, session = status.result, status.session
    if status.rejection:
        excused = (
            status.is_absent
            and not context.trust.trusted
            and session in context.policy.untrusted_may_miss
        )
        excuse = f" (allowed by '{POLICY_FILE}': {context.trust.reason})" if excused else ""
        return Check(
            name=session,
            group="answers",
            outcome=status.outcome,
            severity=Severity.ADVISORY if excused else Severity.HARD,
            reason=f"{status.rejection}{excuse}",
            remedy=f"Run 'nox -s {session}', and then this again.",
        )
    assert result is not None  # noqa: S101 - what is missing has a reason
    story = read_headline_story(result.headline)
    return Check(
        name=session,
        group="answers",
        outcome=result.outcome,
        reason=story,
        remedy=""
        if result.outcome is Outcome.PASS
        else f"Read its report, or run 'nox -s {session}'.",
        evidence="\n".join((*result.causes, *result.notices)),
    )


def _make_contract_check(context: ValidationContext) -> Check:
    """Tell whether a change edits what it is judged by, and who vouches for it then."""
    contract = context.contract
    name = f"{contract.origin} v{contract.version}, {len(contract.capabilities)} capabilities, "
    name += f"sha256 {contract.sha256[:12]}"
    try:
        outcome, reason, remedy = _judge_contract(context)
    except GitRefusedError as error:
        outcome, remedy = Outcome.ERROR, error.remedy
        reason = f": nobody can tell whether this change edits it ({error.problem.rstrip('.')})"
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
    if context.contract_place.is_own:
        return Outcome.PASS, "", ""
    if context.contract_place.inside is None:
        return _judge_outside_contract(context)
    if link := _find_link(context.root, context.contract_place.inside):
        return Outcome.FAIL, f": '{link}' is a link", "Commit the contract itself."
    return _judge_inside_contract(context)


def _judge_outside_contract(context: ValidationContext) -> tuple[Outcome, str, str]:
    """A change's own workflow can name any file or address: somebody else has to vouch for it."""
    if context.trust.is_person:
        return Outcome.PASS, "", ""
    file = context.contract_place.outside
    if file is not None and os.geteuid() != 0 and not list(find_unsafe_permissions(file, 0)):
        return Outcome.PASS, ", which root owns", ""
    return (
        Outcome.ERROR,
        ": the job names it, and a change could name another",
        f"Let the runner's owner pin it: 'contract_sha256' in '{POLICY_FILE}'.",
    )


def _judge_inside_contract(context: ValidationContext) -> tuple[Outcome, str, str]:
    edited = _is_contract_edited(context)
    if edited is False:
        return Outcome.PASS, "", ""
    remedy = f"Let its owner pin it once it was read: 'contract_sha256' in '{POLICY_FILE}'."
    # A job's own words can be chosen by the change: only a person's at a terminal can vouch.
    outside = (
        context.pin is not None
        and context.trust.is_person
        and not _is_in_repository(context.root, context.pin)
    )
    if edited is None and not outside:
        why = f": nobody can tell whether this change edits it ({context.change.description})"
        return Outcome.ERROR, why, f"Fetch the base ('--base REF'). {remedy}"
    if outside:
        remark = ", EDITED by this change" if edited else ""
        return Outcome.PASS, f"{remark}, pinned from outside the repository", ""
    chosen = "stands in the repository as well" if context.trust.is_person else "is the job's own"
    inside = f", and its pin {chosen}" if context.pin else ""
    return Outcome.FAIL, f": EDITED by the change that it judges{inside}", remedy


def _find_link(root: Path, inside: Path) -> str:
    """Give the first part of a path that is a link; empty where there is none."""
    parts = [Path(*inside.parts[: count + 1]) for count in range(len(inside.parts))]
    return next((str(part) for part in parts if (root / part).is_symlink()), "")


def _is_contract_edited(context: ValidationContext) -> bool | None:
    """Tell whether the change touches the contract; None where there is nothing to compare with."""
    place = f":(top,literal){context.contract_place.inside}"
    with open_repository(context.root) as repository:
        if repository is None or not context.change.base:
            return None
        options = ("--no-ext-diff", "--no-textconv", "--name-only")
        diff = repository.read_text("diff", *options, context.change.base, "--", place)
        if diff or repository.read_text("ls-files", "--others", "--", place):
            return True
        # What git knows nothing of, such as a submodule's file, it cannot compare.
        return False if repository.read_text("ls-files", "--cached", "--", place) else None


def _is_in_repository(root: Path, pin: str) -> bool:
    """Look for the pin in the repository: one that stands there was not given from outside.

    Reports are left out: an answer of ours names the contract by its hash.
    """
    with open_repository(root) as repository:
        if repository is None:
            return False
        argv = ("grep", "--untracked", "--no-textconv", "-q", "-i", "-F", "-e", pin)
        places = ("--", ".", ":(exclude,top)reports")
        return repository.ask(*argv, *places, expected=(0, 1)).status == 0


def locate_contract(origin: str, root: Path, *, is_own: bool) -> ContractPlace:
    """Find where a contract lies, by its path as it was written: a link is not followed out."""
    if is_own:
        return ContractPlace(is_own=True)
    if "://" in origin:
        return ContractPlace()
    written = Path(os.path.abspath(origin))  # noqa: PTH100 - resolve() would follow links
    for above in written.parents:
        if above.resolve() == root:
            return ContractPlace(inside=written.relative_to(above))
    real = written.resolve()
    if real.is_relative_to(root):
        return ContractPlace(inside=real.relative_to(root))
    return ContractPlace(outside=written)
