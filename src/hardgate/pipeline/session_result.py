"""One of the six answers that a template is merged on, as it is left for `hardgate validate`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point, exit_code
from hardgate.report.headline import colour_word

SESSIONS = ("static", "adapter", "secrets", "runtime", "t4")
"""What leaves an answer; `validate` is the sixth, and reads them."""
OF_AN_IMAGE = frozenset({"runtime", "t4"})
ANSWER = "answer.json"
SUMMARY = "summary.json"
REPORTS = Path("reports")
ELSEWHERE = frozenset({"prove", "runner", "fleet"})
"""Reports that hold answers of other machines: they say nothing of this one's."""


@dataclass(frozen=True, kw_only=True)
class Answer:
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


def answer_of(
    session: str,
    points: Sequence[Point],
    *,
    commit: str,
    contract: str,
    started_at: str,
    seconds: float,
    notices: Sequence[str] = (),
    image: str = "",
) -> Answer:
    """Make an answer of its points."""
    code = exit_code(points)
    missed = [point for point in points if point.outcome is not Outcome.PASS]
    hard = [point.name for point in missed if point.severity.value == "hard"]
    held = len(points) - len(missed)
    story = f"{held} of {len(points)} points held"
    if hard:
        listed = ", ".join(hard[:5]) + (f" and {len(hard) - 5} more" if len(hard) > 5 else "")  # noqa: PLR2004
        story += f"; not: {listed}"
    return Answer(
        session=session,
        exit_code=int(code),
        headline=f"HARDGATE {session.upper()} {colour_word(code)}: {story} (exit {int(code)})",
        commit=commit,
        contract=contract,
        image=image,
        started_at=started_at,
        seconds=round(seconds, 3),
        notices=tuple(notices),
        missed=tuple(hard),
    )


def to_bytes(answer: Answer, points: Sequence[Point]) -> bytes:
    """Write answer.json."""
    told = {"schema_version": 1, **asdict(answer), "points": [point.to_json() for point in points]}
    return json.dumps(told, indent=2).encode() + b"\n"


def find_answers(session: str, reports: Path = REPORTS) -> Iterator[Answer]:
    """Yield the answers of a session that lie below a folder, the newest first."""
    read = [one for file in _files(session, reports) if (one := _read(session, file))]
    yield from sorted(read, key=lambda one: one.started_at, reverse=True)


def _files(session: str, reports: Path) -> Iterator[Path]:
    """Look in all folders: what a CI system brings back lies one deeper than what it took."""
    for name in (ANSWER, SUMMARY):
        for file in reports.rglob(name):
            above = file.relative_to(reports).parts[:-1]
            if session in above and not ELSEWHERE & set(above):
                yield file


def _read(session: str, file: Path) -> Answer | None:
    """Read a file; one that cannot be read is no answer."""
    with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
        told = json.loads(file.read_text())
        answer = _of_summary(session, told) if file.name == SUMMARY else _of_answer(told)
        return answer if answer.session == session else None
    return None


def _of_answer(told: Mapping[str, Any]) -> Answer:
    known = {name: told[name] for name in Answer.__dataclass_fields__}
    lists = {name: tuple(known[name]) for name in ("notices", "missed")}
    return Answer(**{**known, **lists})


def _of_summary(session: str, told: Mapping[str, Any]) -> Answer:
    """Read what the gate leaves (docs/reports.md)."""
    image = told["image"] or {}
    return Answer(
        session=session,
        exit_code=told["exit_code"],
        headline=told["headline"],
        commit=image.get("source_commit") or "",
        contract=told["contract"]["sha256"],
        image=image.get("digest") or "",
        started_at=told["started_at"],
        seconds=told["seconds"],
        notices=tuple(told["notices"]),
        partial=bool(told["partial"]),
        missed=tuple(
            verdict["name"]
            for verdict in told["verdicts"]
            if verdict["outcome"] != "pass" and verdict["severity"] == "hard"
        ),
    )
