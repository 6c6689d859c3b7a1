"""The folder that a run leaves: `junit.xml`, `summary.json`, `build.log`, `workspace.log`."""

import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from hardgate.attest.statement import ATTESTATION_FILE, STATEMENT_FILE
from hardgate.errors import HardgateError, UsageError
from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.report import formats
from hardgate.report.atomic_write import replace_file
from hardgate.report.log import HOLD_BACK_CHARS, RedactingStream

BUILD_LOG = "build.log"
WORKSPACE_LOG = "workspace.log"
LOG_FILES = (BUILD_LOG, WORKSPACE_LOG)
REPORT_FILES = (*formats.REPORT_FILES, "answer.json", STATEMENT_FILE, ATTESTATION_FILE)
LATEST_LINK = "latest"
MAX_FOLDER_NAME_CHARS = 100
"""Characters of a name that its folder carries."""

_MISUSE_ERRNOS = {
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENAMETOOLONG,
}


@dataclass(frozen=True, kw_only=True)
class ReportFolder:
    """Where a run's reports and logs go. What else is in there is left alone."""

    path: Path
    latest: Path | None
    """The link to the newest run; None where the caller chose the folder."""

    def open_log(self, name: str, redactor: Redactor) -> RedactingStream:
        """Begin one of `LOGS` anew. The caller closes it."""
        try:
            return RedactingStream(_open_new_file(self.path / name), redactor)
        except OSError as error:
            raise _explain_write_error(self.path / name, error) from error

    def write_reports(self, run: Run, redactor: Redactor, names: Iterable[str] = ()) -> None:
        """Write each report, whole or not at all; one that fails does not keep the others back.

        `names` are the formats; the default ones where it is empty.

        The logs are redacted once more, by what is known at the end: a token shows up late.
        """
        problems = [
            error
            for error in (
                *(
                    _catch_error(partial(_redact_log, self.path / log, redactor))
                    for log in LOG_FILES
                ),
                *(self._write_report(name, run, redactor) for name in formats.order_formats(names)),
            )
            if error
        ]
        self.point_latest()
        if problems:
            raise HardgateError(
                " ".join(error.problem for error in problems),
                problems[0].remedy or "The verdicts stand on the terminal.",
            )

    def _write_report(self, name: str, run: Run, redactor: Redactor) -> HardgateError | None:
        """Write one format; where that fails, no older word stays in its place."""
        error = _catch_error(partial(formats.write_report, name, run, self.path, redactor))
        if error:
            self.drop_report(formats.FORMATS[name].file)
        return error

    def drop_report(self, name: str) -> None:
        """Remove a report that could not be written anew, so that no older word stands there."""
        with suppress(OSError):
            (self.path / name).unlink(missing_ok=True)

    def point_latest(self) -> None:
        """Let `latest` name this run."""
        if self.latest:
            _link_latest(self.latest, self.path.name)


def open_report_folder(
    out: Path | None, run_id: str, *, session: str = "t4", base: Path = Path("reports")
) -> ReportFolder:
    """Make the folder: `out`, or `BASE/SESSION/RUN` with `latest` beside it.

    What an earlier run left in `out` under our names is removed, and `latest` names this run from
    now on, so that no old verdict is taken for this run's. Raises UsageError where there can be no
    such folder.
    """
    path = base / session / run_id if out is None else out
    try:
        path.mkdir(parents=True, exist_ok=True)
        for name in (*REPORT_FILES, *LOG_FILES):
            (path / name).unlink(missing_ok=True)
        _check_writable(path)
    except OSError as error:
        raise _explain_write_error(path, error) from error
    folder = ReportFolder(path=path, latest=path.with_name(LATEST_LINK) if out is None else None)
    # From now on, so that a run which is killed leaves no older verdict as the newest.
    folder.point_latest()
    return folder


def make_folder_name(name: str) -> str:
    """Give a folder's name for a host or an image; two names never get one folder."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-")
    if plain and plain == name and len(name) <= MAX_FOLDER_NAME_CHARS:
        return name
    return f"{plain[:MAX_FOLDER_NAME_CHARS]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _open_new_file(path: Path) -> TextIO:
    """Open a file that nobody else put there: a link in its place is replaced, never followed."""
    path.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o666), "w", encoding="utf-8", newline="")


def _check_writable(path: Path) -> None:
    """Find out now, and not after the run, that nothing can be written here."""
    draft = path / f".{os.getpid()}.draft"
    draft.write_bytes(b"\n")
    draft.unlink()


def _explain_write_error(path: Path, error: OSError) -> HardgateError:
    kind = UsageError if error.errno in _MISUSE_ERRNOS else HardgateError
    reason = "it is a file" if path.is_file() else error.strerror or str(error)
    return kind(
        f"Reports cannot be written to '{path}': {reason}.",
        "Name a folder that you may write to with '--out'.",
    )


def _catch_error(write: Callable[[], None]) -> HardgateError | None:
    try:
        write()
    except HardgateError as error:
        return error
    return None


def _redact_log(path: Path, redactor: Redactor) -> None:
    """Rewrite a log as what is known now would have written it."""
    if path.is_symlink() or not (path.is_file() and _holds_secret(path, redactor)):
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with (
            path.open(encoding="utf-8", errors="replace", newline="") as lines,
            RedactingStream(_open_new_file(draft), redactor) as stream,
        ):
            for line in lines:
                stream.write(line)
        draft.replace(path)
    except OSError as error:
        for leaking in (draft, path):
            with suppress(OSError):
                leaking.unlink(missing_ok=True)
        raise HardgateError(
            f"Log '{path}' could not be redacted and was removed: {error.strerror or error}.",
            "Make room or choose another folder with '--out', and run the gate again.",
        ) from error


def _holds_secret(path: Path, redactor: Redactor) -> bool:
    before = ""
    with path.open(encoding="utf-8", errors="replace") as file:
        while chunk := file.read(1 << 20):
            window = before + chunk
            if redactor.find_spans(window):
                return True
            before = window[-HOLD_BACK_CHARS:]
    return False


def _link_latest(latest: Path, name: str) -> None:
    """Let `latest` name the run: a link, or a file of one line where there can be no links.

    What is neither is somebody else's, and stays. A link that fails costs nobody a report.
    """
    if latest.is_dir() and not latest.is_symlink():
        return
    draft = latest.with_name(f".{latest.name}.{name}.draft")
    with suppress(OSError, HardgateError):
        try:
            draft.unlink(missing_ok=True)
            draft.symlink_to(name, target_is_directory=True)
        except OSError:
            replace_file(latest, f"{name}\n".encode())
        else:
            draft.replace(latest)
