"""A session that needs no gate: it looks at points, tells them, and leaves an answer and JUnit."""

import secrets
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hardgate.engine.image import commit_of
from hardgate.errors import ExitCode, HardgateError
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.report import junit, tell, tone_of
from hardgate.pipeline.session_result import ANSWER, answer_of, to_bytes
from hardgate.pipeline.step_summary import append_summary
from hardgate.report.atomic_write import replace_file
from hardgate.report.console import Console
from hardgate.report.folder import Folder, open_folder
from hardgate.text.plain import one_line


@dataclass(frozen=True, kw_only=True)
class Inquiry:
    """What is asked, of which repository."""

    session: str
    root: Path
    contract: str
    """The sha256 of the contract that applies."""
    out: Path | None
    console: Console
    notices: list[str] = field(default_factory=list)
    tell: Callable[[Console, Point], None] = tell
    """How a point is told on the terminal."""
    commit: Callable[[Path], str] = commit_of
    """What the answer is about, asked at the end; of `root`, where it is this checkout."""

    def notice(self, text: str) -> None:
        """Say what the reader must not miss, here and in every report."""
        self.console.note(text)
        self.notices.append(text)

    def run(self, opening: str, look: Callable[["Inquiry", Folder], Iterable[Point]]) -> ExitCode:
        """Look, and tell each point as it falls; whatever happens, an answer is left."""
        begun, started_at = time.monotonic(), datetime.now(UTC).isoformat(timespec="seconds")
        run_id = secrets.token_hex(4)
        folder = open_folder(self.out, run_id, session=self.session)
        self.console.line(one_line(f"hardgate {self.session}: {opening}; run {run_id}"))
        points: list[Point] = []
        for point in _in_spite_of_errors(lambda: look(self, folder), self.session):
            points.append(point)
            self.tell(self.console, point)
        answer = answer_of(
            self.session,
            points,
            commit=self.commit(self.root),
            contract=self.contract,
            started_at=started_at,
            seconds=time.monotonic() - begun,
            notices=self.notices,
        )
        clean = self.console.redactor
        text = clean.text(to_bytes(answer, points).decode())
        replace_file(folder.path / ANSWER, text.encode())
        replace_file(folder.path / "junit.xml", junit(answer, points, run_id, clean))
        folder.point_latest()
        told = [replace(point, reason=clean.text(point.reason)) for point in points]
        append_summary(answer.headline, told)
        if self.console.verbosity >= 0:
            self.console.line(f"Reports: {folder.path}")
        self.console.line(answer.headline, tone_of(answer))
        return ExitCode(answer.exit_code)


def _in_spite_of_errors(look: Callable[[], Iterable[Point]], session: str) -> Iterator[Point]:
    try:
        yield from look()
    except HardgateError as error:
        yield untold(f"{session}_finished", "run", error)
    except Exception as error:
        told = HardgateError(
            f"Hardgate itself failed: {type(error).__name__}: {error}.",
            "Please report it, with the evidence.",
            evidence=traceback.format_exc(),
        )
        yield untold(f"{session}_finished", "run", told)


def untold(name: str, group: str, error: HardgateError) -> Point:
    """Say of a point that nobody could tell, and why."""
    return Point(
        name=name,
        group=group,
        outcome=Outcome.ERROR,
        reason=error.problem,
        remedy=error.remedy,
        evidence=error.evidence,
    )
