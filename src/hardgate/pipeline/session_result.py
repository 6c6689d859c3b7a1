"""One of the six answers that a template is merged on, as it is left for `hardgate validate`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check, exit_code_for_checks
from hardgate.report.headline import exit_code_word

SESSIONS = ("static", "adapter", "secrets", "runtime", "t4")
"""What leaves an answer; `validate` is the sixth, and reads them."""
IMAGE_SESSIONS = frozenset({"runtime", "t4"})
RESULT_FILE = "answer.json"
SUMMARY_FILE = "summary.json"
REPORTS_FOLDER = Path("reports")
REMOTE_SESSIONS = frozenset({"prove", "runner", "fleet"})
"""Reports that hold answers of other machines: they say nothing of this one's."""


@dataclass(frozen=True, kw_only=True)
class SessionResult:
    """What one session said, and of what."""

    session: str
    exit_code: int
    headline: str
    commit: str
    """Of the repository, `-dirty` where it had changes; empty outside git."""
    contract: str
    """The sha256 of the contract that applied; empty where none did."""
    image: str
    """The config digest; empty where there was no image."""
    started_at: str
    """ISO 8601, UTC."""
    seconds: float
    notices: tuple[str, ...] = ()
    partial: bool = False
    missed: tuple[str, ...] = ()
    """Names of what did not hold, or could not be told."""

    @property
    def outcome(self) -> Outcome:
        """Tell green, red and unknown apart."""
        if self.partial or self.exit_code not in {ExitCode.HELD, ExitCode.BROKEN}:
            return Outcome.ERROR
        return Outcome.PASS if self.exit_code == ExitCode.HELD else Outcome.FAIL


def make_session_result(
    session: str,
    checks: Sequence[Check],
    *,
    commit: str,
    contract: str,
    started_at: str,
    seconds: float,
    notices: Sequence[str] = (),
    image: str = "",
) -> SessionResult:
    """Make an answer of its points."""
    code = exit_code_for_checks(checks)
    missed = [point for point in checks if point.outcome is not Outcome.PASS]
    hard = [point.name for point in missed if point.severity.value == "hard"]
    held = len(checks) - len(missed)
    story = f"{held} of {len(checks)} points held"
    if hard:
        listed = ", ".join(hard[:5]) + (f" and {len(hard) - 5} more" if len(hard) > 5 else "")  # noqa: PLR2004
        story += f"; not: {listed}"
    return SessionResult(
        session=session,
        exit_code=int(code),
        headline=f"HARDGATE {session.upper()} {exit_code_word(code)}: {story} (exit {int(code)})",
        commit=commit,
        contract=contract,
        image=image,
        started_at=started_at,
        seconds=round(seconds, 3),
        notices=tuple(notices),
        missed=tuple(hard),
    )


def encode_session_result(result: SessionResult, checks: Sequence[Check]) -> bytes:
    """Write answer.json."""
    data = {"schema_version": 1, **asdict(result), "points": [point.to_json() for point in checks]}
    return json.dumps(data, indent=2).encode() + b"\n"


def find_session_results(session: str, reports: Path = REPORTS_FOLDER) -> Iterator[SessionResult]:
    """Yield the answers of a session that lie below a folder, the newest first."""
    results = [
        one
        for file in _find_result_files(session, reports)
        if (one := _read_result_file(session, file))
    ]
    yield from sorted(results, key=lambda result: result.started_at, reverse=True)


def _find_result_files(session: str, reports: Path) -> Iterator[Path]:
    """Look in all folders: what a CI system brings back lies one deeper than what it took."""
    for name in (RESULT_FILE, SUMMARY_FILE):
        for file in reports.rglob(name):
            above = file.relative_to(reports).parts[:-1]
            if session in above and not REMOTE_SESSIONS & set(above):
                yield file


def _read_result_file(session: str, file: Path) -> SessionResult | None:
    """Read a file; one that cannot be read is no answer."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        data = json.loads(file.read_text())
        result = (
            _convert_gate_summary(session, data)
            if file.name == SUMMARY_FILE
            else _parse_session_result(data)
        )
        return result if result.session == session else None
    return None


def _parse_session_result(data: Mapping[str, Any]) -> SessionResult:
    known = {name: data[name] for name in SessionResult.__dataclass_fields__}
    lists = {name: tuple(known[name]) for name in ("notices", "missed")}
    return SessionResult(**{**known, **lists})


def _convert_gate_summary(session: str, summary: Mapping[str, Any]) -> SessionResult:
    """Read what the gate leaves (docs/reports.md)."""
    image = summary["image"] or {}
    return SessionResult(
        session=session,
        exit_code=summary["exit_code"],
        headline=summary["headline"],
        commit=image.get("source_commit") or "",
        contract=summary["contract"]["sha256"],
        image=image.get("digest") or "",
        started_at=summary["started_at"],
        seconds=summary["seconds"],
        notices=tuple(summary["notices"]),
        partial=bool(summary["partial"]),
        missed=tuple(
            verdict["name"]
            for verdict in summary["verdicts"]
            if verdict["outcome"] != "pass" and verdict["severity"] == "hard"
        ),
    )
