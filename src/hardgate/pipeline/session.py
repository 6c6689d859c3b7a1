"""A session that needs no gate: it looks at points, tells them, and leaves an answer and JUnit."""

import json
import secrets
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hardgate.attest.statement import (
    ATTESTATION_FILE,
    STATEMENT_FILE,
    Statement,
    encode_statement,
)
from hardgate.errors import ExitCode, HardgateError, explain_crash
from hardgate.model.run import Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check, redact_check
from hardgate.pipeline.report import (
    make_session_block,
    make_session_junit,
    print_check,
    print_check_title,
)
from hardgate.pipeline.session_result import (
    RESULT_FILE,
    SessionResult,
    encode_session_result,
    make_session_result,
)
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.step_summary import list_check_findings, make_checks_markdown
from hardgate.pipeline.template import Template
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.report.formats import FORMATS
from hardgate.report.job_summary import PublishSummary, append_job_summary, print_annotations
from hardgate.report.marks import tone_of_exit_code
from hardgate.report.pages import render_session_html
from hardgate.report.sarif import SourceFinding, render_sarif
from hardgate.system.git import UNKNOWN_COMMIT, GitRefusedError, read_commit
from hardgate.system.interruption import Interrupted, ignore_signals, raise_on_signals
from hardgate.text.plain import one_line

HTML_FILE, SARIF_FILE = FORMATS["html"].file, FORMATS["sarif"].file


def redact_findings(checks: Iterable[Check], redactor: Redactor) -> Iterator[SourceFinding]:
    """Yield what the checks found, without a secret in it."""
    for finding in list_check_findings(checks):
        message, remedy = redactor.redact_text(finding.message), redactor.redact_text(finding.help)
        yield replace(
            finding, message=message, help=remedy, file=redactor.redact_text(finding.file)
        )


@dataclass(frozen=True, kw_only=True)
class Session:
    """What is asked, of which repository."""

    session: str
    root: Path
    contract: str
    """The sha256 of the contract that applies."""
    out: Path | None
    console: Console
    notices: list[str] = field(default_factory=list)
    print_check: Callable[[Console, Check], None] | None = None
    """How a point is told on the terminal, and all of it there; None: as the window wants it."""
    read_commit: Callable[[Path], str] = read_commit
    """What the answer is about; of `root`, where it is this checkout."""
    make_attestation: Callable[[SessionResult, Sequence[Check]], bytes] | None = None
    """Signs what the session states; None where it only states it."""
    read_source: Callable[[], Source] | None = None
    """Gives the content that lies there, before and after; None where a snapshot is looked at."""
    open_snapshot: Callable[[], AbstractContextManager[Snapshot]] | None = None
    """Gives the copy that is looked at; None where the session reads no file of the template."""
    snapshot: Snapshot | None = None
    """The copy, while the session looks at it."""
    publish_summary: PublishSummary = append_job_summary

    @property
    def template(self) -> Template:
        """The template that is looked at: a copy, which nothing changes meanwhile."""
        if self.snapshot is None:
            raise ValueError(f"'{self.session}' looks at no template.")
        return self.snapshot.template

    def locate_copy(self, file: Path) -> Path:
        """Give the copy of a file that is looked at; the file where it lies elsewhere."""
        return self.snapshot.locate_copy(file) if self.snapshot else file

    def add_notice(self, text: str) -> None:
        """Say what the reader must not miss, here and in every report."""
        self.console.print_notice(text)
        self.notices.append(text)

    def run_checks(
        self, opening: str, inspect: Callable[["Session", ReportFolder], Iterable[Check]]
    ) -> SessionResult:
        """Look, and tell each point as it falls; whatever happens, an answer is left."""
        begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        run_id = secrets.token_hex(4)
        folder = open_report_folder(self.out, run_id, session=self.session)
        self.console.print_line(one_line(f"hardgate {self.session}: {opening}; run {run_id}"))
        looked = _Looked()
        ended: ExitCode | None = None
        with raise_on_signals():
            try:
                self._look(inspect, folder, looked)
            except Interrupted as interruption:
                ended = interruption.exit_code
        with ignore_signals():

            def conclude() -> SessionResult:
                return make_session_result(
                    self.session,
                    looked.checks,
                    commit=looked.commit,
                    contract=self.contract,
                    started_at=started_at,
                    seconds=time.monotonic() - begun,
                    notices=self.notices,
                    run=run_id,
                    source=looked.source,
                    ended=ended,
                )

            return self._report(conclude, looked.checks, folder)

    def _look(
        self,
        inspect: Callable[["Session", ReportFolder], Iterable[Check]],
        folder: ReportFolder,
        looked: "_Looked",
    ) -> None:
        """Fill `looked`, piece by piece: what is known when a signal comes is told."""

        def tell(checks: Iterable[Check]) -> None:
            with closing(_report_errors_as_checks(lambda: checks, self.session)) as told:
                for check in told:
                    looked.checks.append(check)
                    self._tell_check(check)

        tell(self._find_out_source(looked))
        tell(self._inspect_snapshot(inspect, folder, looked))
        tell(self._find_out_changes(looked))

    def _inspect_snapshot(
        self,
        inspect: Callable[["Session", ReportFolder], Iterable[Check]],
        folder: ReportFolder,
        looked: "_Looked",
    ) -> Iterator[Check]:
        """Open the copy, take down what it is a copy of, and look at it."""
        with ExitStack() as opened:
            session = self
            if self.open_snapshot is not None:
                try:
                    snapshot = opened.enter_context(self.open_snapshot())
                except HardgateError as error:
                    yield make_error_check("content_known", "run", error)
                    return
                looked.source = snapshot.source
                session = replace(self, snapshot=snapshot)
            yield from inspect(session, folder)

    def _find_out_source(self, looked: "_Looked") -> Iterator[Check]:
        """Take down what is about to be looked at; yield what keeps it from being known."""
        if self._is_about_a_checkout:
            looked.commit = self._read_commit_or_unknown()
        if self.read_source is None:
            return
        try:
            looked.source = self.read_source()
        except HardgateError as error:
            yield make_error_check("content_known", "run", error)

    def _find_out_changes(self, looked: "_Looked") -> Iterator[Check]:
        """Yield an error where what the answer is about is not what is there now."""
        commit = self._read_commit_or_unknown()
        if not self._is_about_a_checkout:
            looked.commit = commit
            return
        if looked.source is None:
            return
        is_other = self.read_source is not None and self.read_source() != looked.source
        if is_other or _head_of(commit) != _head_of(looked.commit):
            yield make_error_check("content_unchanged", "run", make_change_error())

    @property
    def _is_about_a_checkout(self) -> bool:
        return self.read_source is not None or self.open_snapshot is not None

    def _read_commit_or_unknown(self) -> str:
        try:
            return self.read_commit(self.root)
        except GitRefusedError as error:
            notice = f"The commit is not known. {error}"
            if notice not in self.notices:
                self.add_notice(notice)
            return UNKNOWN_COMMIT

    def _report(
        self, conclude: Callable[[], SessionResult], checks: list[Check], folder: ReportFolder
    ) -> SessionResult:
        """Write the reports and the last line; where one fails, none of them is green."""
        result = conclude()
        redactor = self.console.redactor

        def write(result: SessionResult) -> Iterator[HardgateError]:
            text = redactor.redact_text(encode_session_result(result, checks).decode())
            junit = make_session_junit(result, checks, result.run, redactor)
            page = render_session_html(json.loads(text)).encode()
            known = result.exit_code in {ExitCode.HELD, ExitCode.BROKEN}
            sarif = render_sarif(redact_findings(checks, redactor), ok=known).encode()
            statement = encode_statement(state_session(result, checks))
            reports = {STATEMENT_FILE: statement, SARIF_FILE: sarif, HTML_FILE: page}
            if self.make_attestation is not None:
                reports[ATTESTATION_FILE] = self.make_attestation(result, checks)
            reports |= {"junit.xml": junit, RESULT_FILE: text.encode()}
            for name, content in reports.items():
                try:
                    replace_file(folder.path / name, content)
                except HardgateError as error:
                    folder.drop_report(name)
                    yield error

        if problems := list(write(result)):
            for problem in problems:
                check = make_error_check("reports_written", "run", problem)
                checks.append(check)
                self._tell_check(check)
            result = conclude()
            list(write(result))
        folder.point_latest()
        cleaned = [redact_check(check, redactor) for check in checks]
        headline = redactor.redact_text(result.headline)
        self.publish_summary(make_checks_markdown(headline, cleaned))
        print_annotations(self.console, list_check_findings(cleaned))
        if self._has_last_block:
            block = make_session_block(result, checks, self.console)
            self.console.print_closing_block(block, reports=folder.path)
            return result
        if self.console.verbosity >= 0:
            self.console.print_line(f"Reports: {folder.path}")
        self.console.print_line(headline, tone_of_exit_code(ExitCode(result.exit_code)))
        return result

    @property
    def _has_last_block(self) -> bool:
        """Reasons and remedies stand in the last block, where a window is to hold them all."""
        return self.print_check is None and self.console.fits_window

    def _tell_check(self, check: Check) -> None:
        if self.print_check is not None:
            self.print_check(self.console, check)
        elif not self._has_last_block:
            print_check(self.console, check)
        elif self.console.verbosity >= 0:
            print_check_title(self.console, check)


def state_session(result: SessionResult, checks: Sequence[Check]) -> Statement:
    """State what a session found."""
    return Statement(
        session=result.session,
        exit_code=ExitCode(result.exit_code),
        content=result.source.content if result.source else "",
        image=result.image,
        contract=result.contract,
        passed=tuple(check.name for check in checks if check.outcome is Outcome.PASS),
        failed=result.missed,
        warned=tuple(
            check.name
            for check in checks
            if check.outcome is not Outcome.PASS and check.name not in result.missed
        ),
        annotations={"commit": result.commit or "none", "run": result.run},
    )


@dataclass(kw_only=True)
class _Looked:
    """What a session has found out so far."""

    checks: list[Check] = field(default_factory=list)
    commit: str = ""
    source: Source | None = None


def _head_of(commit: str) -> str:
    """Leave out whether files differ from it: the content's digest has that exactly."""
    return commit.removesuffix("-dirty")


def make_change_error() -> HardgateError:
    """Make the error of a look at files that did not stay as they were."""
    return HardgateError(
        "Files or the commit were changed while this looked at them.",
        "Run it again, and leave them alone until it ends; what tests or builds write belongs into "
        "'.gitignore' and '.dockerignore'.",
    )


def _report_errors_as_checks(
    inspect: Callable[[], Iterable[Check]], session: str
) -> Generator[Check, None, None]:
    try:
        yield from inspect()
    except Interrupted:
        raise
    except HardgateError as error:
        yield make_error_check(f"{session}_finished", "run", error)
    except Exception as error:
        yield make_error_check(f"{session}_finished", "run", explain_crash(error))


def make_error_check(name: str, group: str, error: HardgateError) -> Check:
    """Say of a point that nobody could tell, and why."""
    return Check(
        name=name,
        group=group,
        outcome=Outcome.ERROR,
        reason=error.problem,
        remedy=error.remedy,
        evidence=error.evidence,
    )
