"""One of the six answers that a template is merged on: as a value, and as its file is read back.

A file may have been written by anybody who could write there. It counts where it lies in the one
known layout, is whole, and agrees with itself: the exit code follows from what was looked at.
"""

import errno
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, HardgateError
from hardgate.model.run import Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check, exit_code_for_checks
from hardgate.report.folder import LATEST_LINK
from hardgate.report.gate_summary import ExpectedRun, SummaryError, read_gate_summary
from hardgate.system.regular_file import read_regular_file
from hardgate.text.headline import Headline
from hardgate.text.plain import one_line
from hardgate.text.strict_json import parse_strict_json

SESSIONS = ("static", "adapter", "secrets", "runtime", "t4")
"""What leaves an answer; `validate` is the sixth, and reads them."""
IMAGE_SESSIONS = frozenset({"runtime", "t4"})
RESULT_FILE = "answer.json"
SUMMARY_FILE = "summary.json"
REPORTS_FOLDER = Path("reports")
ARTIFACT_PREFIX = "answers-"
"""A CI job's artifact holds one session's answers, and its name the session."""
SCHEMA_VERSION = 1
MAX_RESULT_BYTES = 16 * 1024 * 1024
MAX_HEADLINE_NAMES = 5
MAX_CAUSES = 5
MAX_QUOTES = 10
WHY = "why: "
GUTTER = "| "
"""Before what an image wrote."""
_JUDGED = frozenset({ExitCode.HELD, ExitCode.BROKEN})


class ResultError(HardgateError):
    """An answer that lies there, and cannot be relied on."""

    def __init__(self, problem: str, remedy: str = "") -> None:
        """Take whole sentences."""
        super().__init__(problem, remedy or "Remove it, and run its session again.")


@dataclass(frozen=True, kw_only=True)
class SessionResult:
    """What one session found, and of what."""

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
    run: str = ""
    """The run's id."""
    tier: int | None = None
    """Under which the image was started; None where no image was."""
    host_kind: str = ""
    """`nested` or `direct`; empty where there was no host."""
    source: Source | None = None
    """The content that it is about; None where it is not known."""
    causes: tuple[str, ...] = ()
    """Of a gate: why, a line each; what the image wrote last stands below, behind a gutter."""

    @property
    def outcome(self) -> Outcome:
        """Tell green, red and unknown apart; what a part of it shows to be red is red."""
        if self.exit_code == ExitCode.BROKEN:
            return Outcome.FAIL
        if self.partial or self.exit_code != ExitCode.HELD:
            return Outcome.ERROR
        return Outcome.PASS


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
    run: str = "",
    source: Source | None = None,
    ended: ExitCode | None = None,
) -> SessionResult:
    """Make an answer of its points; `ended` is how the session ended, where not by itself."""
    code = exit_code_for_checks(checks) if ended is None else ended
    hard = list_hard_misses(checks)
    return SessionResult(
        session=session,
        exit_code=int(code),
        headline=_format_headline(session, code, checks),
        commit=commit,
        contract=contract,
        image=image,
        started_at=started_at,
        seconds=round(seconds, 3),
        notices=tuple(notices),
        missed=hard,
        run=run,
        source=source,
    )


def list_hard_misses(checks: Sequence[Check]) -> tuple[str, ...]:
    """Name what is hard and not a pass."""
    return tuple(
        check.name
        for check in checks
        if check.outcome is not Outcome.PASS and check.severity.value == "hard"
    )


def _format_headline(session: str, code: ExitCode, checks: Sequence[Check]) -> str:
    held = sum(check.outcome is Outcome.PASS for check in checks)
    story = f"{held} of {len(checks)} points held"
    if code in {ExitCode.INTERRUPTED, ExitCode.TERMINATED}:
        story = f"the session was stopped; until then {story}"
    hard = list_hard_misses(checks)
    if hard:
        rest = len(hard) - MAX_HEADLINE_NAMES
        more = f" and {rest} more" if rest > 0 else ""
        story += f"; not: {', '.join(hard[:MAX_HEADLINE_NAMES])}{more}"
    return str(Headline(subject=session.upper(), exit_code=code, story=story))


def encode_session_result(result: SessionResult, checks: Sequence[Check]) -> bytes:
    """Write answer.json."""
    points = [check.to_json() for check in checks]
    data = {"schema_version": SCHEMA_VERSION, **asdict(result), "points": points}
    return json.dumps(data, indent=2).encode() + b"\n"


def read_session_results(
    reports: Path, expected: Mapping[str, ExpectedRun]
) -> dict[str, SessionResult | ResultError | None]:
    """Read each session's answer below a folder; an error stands where one cannot count.

    The layout is `SESSION/RUN/FILE`, where `latest` names the run that counts, or what a CI system
    brings back of the session's own artifact: `answers-SESSION/RUN/FILE`, with a single answer.
    """
    results: dict[str, SessionResult | ResultError | None] = {}
    for session in SESSIONS:
        try:
            results[session] = _read_newest(reports, session, expected.get(session))
        except ResultError as error:
            results[session] = error
    return results


def _read_newest(reports: Path, session: str, expected: ExpectedRun | None) -> SessionResult | None:
    own, artifact = reports / session, reports / f"{ARTIFACT_PREFIX}{session}"
    for place in (own, artifact):
        if place.is_symlink():
            raise ResultError(f"'{place}' is a link, and no folder of a session's own.")
    if artifact.exists() and any(_list_runs(own, session)):
        raise ResultError(
            f"Both '{own}' and '{artifact}' hold answers.", "Keep the one that is meant."
        )
    if artifact.exists():
        return read_artifact_folder(artifact, session, expected)
    folder = _find_latest_run(own, session)
    return read_run_folder(folder, session, expected) if folder else None


def read_artifact_folder(
    folder: Path, session: str, expected: ExpectedRun | None
) -> SessionResult | None:
    """Read the answer of a session's own artifact, which holds one run."""
    runs = list(_list_runs(folder, session))
    named = [run for run in runs if run.name != LATEST_LINK]
    if len(named) > 1:
        raise ResultError(f"'{folder}' holds {len(named)} answers, and none of them counts.")
    if not named:
        return None
    _require_latest(named[0], session)
    return read_run_folder(named[0], session, expected)


def _require_latest(run: Path, session: str) -> None:
    """Refuse an artifact whose `latest` is about another run than the one that is there.

    GitLab and a plain copy keep the link; an upload of GitHub, Gitea or Forgejo follows it, and
    `latest` comes back as a second folder with the same files.
    """
    latest = run.with_name(LATEST_LINK)
    name = _read_latest_name(latest)
    if name not in {None, run.name}:
        raise ResultError(f"'{latest}' names a run that is not there.")
    twin = latest / _result_file_name(session)
    if name is None and twin.is_file() and _read_bytes(twin) != _read_bytes(run / twin.name):
        raise ResultError(f"'{run.parent}' holds two answers that differ.")


def _find_latest_run(folder: Path, session: str) -> Path | None:
    """Give the folder of the newest run, whatever is in it; None where there never was one."""
    name = _read_latest_name(folder / LATEST_LINK)
    if name is not None:
        return folder / name
    runs = list(_list_runs(folder, session))
    if len(runs) > 1:
        raise ResultError(f"'{folder}' holds {len(runs)} runs, and none is marked as the newest.")
    return runs[0] if runs else None


def _read_latest_name(latest: Path) -> str | None:
    """Give the name of the run that is marked as the newest; None where nothing marks one."""
    if latest.is_symlink():
        name = str(latest.readlink())
    elif latest.is_file():
        name = _read_bytes(latest).decode(errors="replace").strip()
    else:
        return None
    if not name.isprintable() or Path(name).name != name or name in {"", ".", ".."}:
        raise ResultError(f"'{latest}' names no run in its folder.")
    return name


def _list_runs(folder: Path, session: str) -> Sequence[Path]:
    if not folder.is_dir():
        return ()
    name = _result_file_name(session)
    return sorted(entry for entry in folder.iterdir() if (entry / name).exists())


def _result_file_name(session: str) -> str:
    return SUMMARY_FILE if session in IMAGE_SESSIONS else RESULT_FILE


def read_run_folder(folder: Path, session: str, expected: ExpectedRun | None) -> SessionResult:
    """Read what one run left; raises ResultError where it left nothing that counts."""
    file = folder / _result_file_name(session)
    data = _parse_json(file)
    try:
        if session in IMAGE_SESSIONS:
            return parse_gate_summary(data, session, expected)
        return parse_session_result(data, session)
    except ResultError as error:
        raise ResultError(f"'{file}' does not count. {error.problem}") from error


def _parse_json(file: Path) -> Mapping[str, Any]:
    content = _read_bytes(file)
    try:
        data = parse_strict_json(content)
    except ValueError as error:
        raise ResultError(f"'{file}' is not JSON that counts: {error}."[:300]) from error
    if not isinstance(data, dict):
        raise ResultError(f"'{file}' is not a JSON object.")
    return data


def _read_bytes(file: Path) -> bytes:
    """Read a regular file; neither a link nor a pipe, which could be anybody's."""
    if file.parent.is_symlink():
        raise ResultError(f"'{file.parent}' is a link, and no folder of a run's own.")
    try:
        return read_regular_file(file, MAX_RESULT_BYTES)
    except FileNotFoundError as error:
        raise ResultError(
            f"The newest run left no '{file.name}' in '{file.parent}': it was broken off."
        ) from error
    except OSError as error:
        why = "it is a link" if error.errno == errno.ELOOP else error.strerror or error
        raise ResultError(f"'{file}' cannot be read: {why}.") from error


def parse_session_result(data: Mapping[str, Any], session: str) -> SessionResult:
    """Read answer.json; raises ResultError where it is not whole or contradicts itself."""
    if data.get("schema_version") != SCHEMA_VERSION:
        raise ResultError(f"Its schema version is {data.get('schema_version')!r}."[:200])
    try:
        known = {
            name: data[name] for name in SessionResult.__dataclass_fields__ if name != "causes"
        }
        checks = [Check.from_json(point) for point in data["points"]]
        source = None if data["source"] is None else Source(**data["source"])
        lists = {name: tuple(data[name]) for name in ("notices", "missed")}
        result = SessionResult(**{**known, **lists, "source": source})
        _require_types(result, checks)
        code = ExitCode(result.exit_code)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(f"It is garbled ({type(error).__name__}: {error})."[:300]) from error
    if result.session != session:
        raise ResultError(f"It is an answer of '{result.session}', and not of '{session}'.")
    follows = code if code not in _JUDGED else exit_code_for_checks(checks)
    if code is not follows:
        raise ResultError(f"It gives exit {int(code)}, and its points come to {int(follows)}.")
    if result.headline != _format_headline(session, code, checks) and code in _JUDGED:
        raise ResultError("Its headline is not that of its points.")
    if result.missed != list_hard_misses(checks):
        raise ResultError("It does not name what its points miss.")
    return result


def _list_causes(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield why a gate is not green; of the first cause, which costs most, with its evidence."""
    for number, cause in enumerate(summary["causes"][:MAX_CAUSES]):
        names = ", ".join(cause["verdicts"][:MAX_HEADLINE_NAMES])
        yield f"{WHY}{names}: {one_line(cause['sentence'])}"
        if number == 0:
            yield from (f"{GUTTER}{one_line(quote)}" for quote in cause["quotes"][-MAX_QUOTES:])


def _require_types(result: SessionResult, checks: Sequence[Check]) -> None:
    """Raise TypeError where JSON brought another type than is declared."""
    texts = [result.session, result.headline, result.commit, result.contract, result.image]
    texts += [result.started_at, result.run, result.host_kind, *result.notices, *result.missed]
    texts += result.causes
    texts += list(asdict(result.source).values()) if result.source else []
    for check in checks:
        texts += [check.name, check.group, check.reason, check.remedy, check.evidence]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("a text is none")
    if type(result.exit_code) is not int or type(result.partial) is not bool:
        raise TypeError("exit_code or partial is of another type")
    if result.tier is not None and type(result.tier) is not int:
        raise TypeError("tier is not a number")


def parse_gate_summary(
    summary: Mapping[str, Any], session: str, expected: ExpectedRun | None
) -> SessionResult:
    """Read the summary that a gate left (docs/reports.md), with the fleet's distrust."""
    if summary.get("exit_code") == ExitCode.MISUSED:
        raise ResultError(f"Its command was wrong. {summary.get('problem')}"[:300])
    try:
        parsed = read_gate_summary(summary, summary.get("exit_code"), expected)
        source = None if summary["source"] is None else Source(**summary["source"])
        image = summary["image"] or {}
        result = SessionResult(
            session=summary["session"],
            exit_code=int(parsed.exit_code),
            headline=parsed.headline,
            commit=image.get("source_commit") or "",
            contract=summary["contract"]["sha256"],
            image=parsed.digest,
            started_at=summary["started_at"],
            seconds=parsed.seconds,
            notices=parsed.notices,
            partial=summary["partial"],
            missed=tuple(
                verdict.name
                for verdict in parsed.verdicts
                if verdict.outcome is not Outcome.PASS and verdict.severity.value == "hard"
            ),
            run=parsed.run,
            tier=(summary["tier"] or {}).get("number"),
            host_kind=(summary["host"] or {}).get("kind", ""),
            source=source,
            causes=tuple(_list_causes(summary)),
        )
        _require_types(result, ())
    except SummaryError as error:
        raise ResultError(error.problem) from error
    except (LookupError, TypeError, AttributeError) as error:
        raise ResultError(f"It is garbled ({type(error).__name__}: {error})."[:300]) from error
    if result.session != session:
        raise ResultError(f"It is an answer of '{result.session}', and not of '{session}'.")
    return result
