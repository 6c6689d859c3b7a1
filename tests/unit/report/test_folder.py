"""A run leaves all of its reports, or says clearly which it could not."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hardgate.errors import ExitCode, HardgateError, UsageError
from hardgate.redaction import MASK, Redactor
from hardgate.report.folder import ReportFolder, open_report_folder
from tests.unit import runs

KNOWING = Redactor().with_values([runs.TOKEN])


def write(base: Path, run_id: str = "3f9c2e7a") -> ReportFolder:
    folder = open_report_folder(None, run_id, base=base)
    folder.write_reports(runs.green(id=run_id), KNOWING)
    return folder


def test_the_default_is_a_folder_for_each_run_with_latest_beside_it(tmp_path: Path) -> None:
    folder = write(tmp_path)
    assert folder.path == tmp_path / "t4" / "3f9c2e7a"
    assert (tmp_path / "t4" / "latest").readlink() == Path("3f9c2e7a")
    assert sorted(one.name for one in folder.path.iterdir()) == [
        "junit.xml",
        "report.html",
        "summary.json",
    ]
    write(tmp_path, "second")
    assert (tmp_path / "t4" / "latest").readlink() == Path("second")


def test_another_tier_has_another_folder(tmp_path: Path) -> None:
    assert (
        open_report_folder(None, "run", session="t2", base=tmp_path).path == tmp_path / "t2" / "run"
    )


def test_a_folder_of_the_callers_gets_no_latest_and_keeps_what_is_in_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "theirs.txt").write_text("theirs")
    open_report_folder(out, "run").write_reports(runs.green(), KNOWING)
    assert sorted(one.name for one in out.iterdir()) == [
        *("junit.xml", "report.html", "summary.json", "theirs.txt")
    ]
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out"]


def test_an_old_verdict_is_not_taken_for_this_runs(tmp_path: Path) -> None:
    open_report_folder(tmp_path, "old").write_reports(runs.green(), KNOWING)
    open_report_folder(tmp_path, "new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_its_place_is_refused_as_misuse(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match=r"'.*file': it is a file\. Name a folder") as caught:
        open_report_folder(tmp_path / "file", "run")
    assert caught.value.exit_code is ExitCode.MISUSED
    with pytest.raises(UsageError, match="Not a directory"):
        open_report_folder(tmp_path / "file" / "below", "run")


def test_a_folder_that_cannot_be_written_to_is_refused_at_once() -> None:
    with pytest.raises(HardgateError, match=r"'/proc/.*': .*\. Name a folder that you may write"):
        open_report_folder(Path("/proc/self/reports"), "run")


def test_logs_are_redacted_as_they_stream_and_again_at_the_end(tmp_path: Path) -> None:
    folder = open_report_folder(tmp_path, "run")
    with folder.open_log("build.log", KNOWING) as log:
        log.write(b"Step 1\npassword=hunter22\n")
    with folder.open_log("workspace.log", Redactor()) as log:
        log.write(f"the token is {runs.TOKEN}, known only later\n")
    folder.write_reports(runs.green(), KNOWING)
    assert (tmp_path / "build.log").read_text() == f"Step 1\npassword={MASK}\n"
    assert (tmp_path / "workspace.log").read_text() == f"the token is {MASK}, known only later\n"


def test_no_byte_of_the_folder_has_the_token(tmp_path: Path) -> None:
    folder = open_report_folder(tmp_path, "run")
    with folder.open_log("build.log", KNOWING) as log:
        log.write(runs.TOKEN)
    folder.write_reports(
        runs.red(problem=runs.TOKEN, evidence=runs.TOKEN, kept=(runs.TOKEN,)), KNOWING
    )
    for path in tmp_path.iterdir():
        assert runs.TOKEN[:12].encode() not in path.read_bytes()


def test_one_report_that_fails_does_not_keep_the_other_back(tmp_path: Path) -> None:
    folder = open_report_folder(tmp_path, "run")
    (tmp_path / "junit.xml").mkdir()
    with pytest.raises(HardgateError, match=r"junit\.xml' could not be written"):
        folder.write_reports(runs.red(), KNOWING)
    assert json.loads((tmp_path / "summary.json").read_text())["exit_code"] == 1


FULL_DISK = """
import resource, sys
from pathlib import Path
from hardgate.errors import HardgateError
from hardgate.redaction import Redactor
from hardgate.report.folder import open_report_folder
from tests.unit import runs
folder = open_report_folder(Path(sys.argv[1]), "run")
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    folder.write_reports(runs.green(), Redactor())
except HardgateError as error:
    print(error)
"""


def test_a_disk_without_room_is_told_and_leaves_no_half_report(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(["src", "."])},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "summary.json' could not be written: File too large." in told
    assert "junit.xml' could not be written" in told
    assert "Make room" in told
    assert list(tmp_path.iterdir()) == []


def test_two_runs_at_once_leave_two_folders_and_one_latest(tmp_path: Path) -> None:
    threads = [threading.Thread(target=write, args=(tmp_path, f"run{n}")) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    left = sorted(one.name for one in (tmp_path / "t4").iterdir())
    assert left == ["latest", *(f"run{n}" for n in range(8))]
    assert (tmp_path / "t4" / "latest" / "junit.xml").is_file()


def test_a_latest_of_somebody_elses_stays(tmp_path: Path) -> None:
    (tmp_path / "t4" / "latest").mkdir(parents=True)
    write(tmp_path)
    assert not (tmp_path / "t4" / "latest").is_symlink()


def test_where_there_can_be_no_links_latest_is_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise PermissionError(*args, *options)

    monkeypatch.setattr(Path, "symlink_to", refuse)
    write(tmp_path)
    assert (tmp_path / "t4" / "latest").read_text() == "3f9c2e7a\n"


def test_everybody_may_read_what_the_umask_leaves_readable(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = write(tmp_path)
        with folder.open_log("build.log", KNOWING):
            pass
    finally:
        os.umask(before)
    assert folder.path.stat().st_mode & 0o777 == 0o755
    for path in folder.path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_log_holds_nothing_that_a_terminal_carries_out(tmp_path: Path) -> None:
    """L12."""
    folder = open_report_folder(tmp_path, "run")
    with folder.open_log("build.log", KNOWING) as log:
        for chunk in ("a\x1b]0;own", "ed\x07b\x1b[", "2J\u202ec\r\nd", "\r", "\n\x1b[31me"):
            log.write(chunk)
        log.write(f"{runs.TOKEN[:9]}\x1b]0;x\x07{runs.TOKEN[9:]}\n")
    text = (tmp_path / "build.log").read_text()
    assert text == f"abc\nd\ne{MASK}\n"


def test_a_log_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardgate.report.log.MAX_LOG_CHARS", 100_000)
    folder = open_report_folder(tmp_path, "run")
    with folder.open_log("build.log", KNOWING) as log:
        for number in range(20_000):
            log.write(f"line {number}\n")
    text = (tmp_path / "build.log").read_text()
    assert len(text) < 100_200
    assert text.startswith("line 0\nline 1\n")
    assert text.rstrip().endswith("and ends here]")


def test_a_log_is_never_written_through_a_link(tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    folder = open_report_folder(tmp_path / "out", "run")
    (folder.path / "build.log").symlink_to(theirs)
    with folder.open_log("build.log", KNOWING) as log:
        log.write("ours\n")
    assert theirs.read_text() == "theirs"
    assert (folder.path / "build.log").read_text() == "ours\n"
    assert not (folder.path / "build.log").is_symlink()
