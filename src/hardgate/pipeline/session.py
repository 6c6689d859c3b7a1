"""A session that needs no gate: it looks at points, tells them, and leaves an answer and JUnit."""

import secrets
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hardgate.errors import ExitCode, HardgateError
from hardgate.git import UNKNOWN_COMMIT, GitRefusedError, read_commit
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.report import make_session_junit, print_check, tone_of_session
from hardgate.pipeline.session_result import RESULT_FILE, encode_session_result, make_session_result
from hardgate.pipeline.step_summary import append_step_summary
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder, open_report_folder
from hardgate.text.plain import one_line


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
    print_check: Callable[[Console, Check], None] = print_check
    """How a point is told on the terminal."""
    read_commit: Callable[[Path], str] = read_commit
    """What the answer is about, asked at the end; of `root`, where it is this checkout."""

    def add_notice(self, text: str) -> None:
        """Say what the reader must not miss, here and in every report."""
        self.console.print_notice(text)
        self.notices.append(text)

    def _read_commit_or_unknown(self) -> str:
        try:
            return self.read_commit(self.root)
        except GitRefusedError as error:
            self.add_notice(f"The commit is not known. {error}")
            return UNKNOWN_COMMIT

    def run_checks(
        self, opening: str, inspect: Callable[["Session", ReportFolder], Iterable[Check]]
    ) -> ExitCode:
        """Look, and tell each point as it falls; whatever happens, an answer is left."""
        begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        run_id = secrets.token_hex(4)
        folder = open_report_folder(self.out, run_id, session=self.session)
        self.console.print_line(one_line(f"hardgate {self.session}: {opening}; run {run_id}"))
        checks: list[Check] = []
        for point in _report_errors_as_checks(lambda: inspect(self, folder), self.session):
            checks.append(point)
            self.print_check(self.console, point)
        result = make_session_result(
            self.session,
            checks,
            commit=self._read_commit_or_unknown(),
            contract=self.contract,
            started_at=started_at,
            seconds=time.monotonic() - begun,
            notices=self.notices,
        )
        redactor = self.console.redactor
        text = redactor.redact_text(encode_session_result(result, checks).decode())
        replace_file(folder.path / RESULT_FILE, text.encode())
        replace_file(
            folder.path / "junit.xml", make_session_junit(result, checks, run_id, redactor)
        )
        folder.point_latest()
        cleaned = [replace(point, reason=redactor.redact_text(point.reason)) for point in checks]
        append_step_summary(result.headline, cleaned)
        if self.console.verbosity >= 0:
            self.console.print_line(f"Reports: {folder.path}")
        self.console.print_line(result.headline, tone_of_session(result))
        return ExitCode(result.exit_code)


def _report_errors_as_checks(
    inspect: Callable[[], Iterable[Check]], session: str
) -> Iterator[Check]:
    try:
        yield from inspect()
    except HardgateError as error:
        yield make_error_check(f"{session}_finished", "run", error)
    except Exception as error:
        failure = HardgateError(
            f"Hardgate itself failed: {type(error).__name__}: {error}.",
            "Please report it, with the evidence.",
            evidence=traceback.format_exc(),
        )
        yield make_error_check(f"{session}_finished", "run", failure)


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
