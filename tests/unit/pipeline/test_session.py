"""A session leaves one word, and the same everywhere: whatever ends it, and whatever fails."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from hardgate.errors import HardgateError
from hardgate.model.contract import Severity
from hardgate.model.run import Source
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.content import measure_source
from hardgate.pipeline.session import Session
from hardgate.pipeline.snapshot import take_snapshot
from hardgate.pipeline.template import Template
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder
from tests.unit.git_repositories import commit, git, make_repository
from tests.unit.terminals import Terminal, display, window

HELD = Check(name="p", group="g", outcome=Outcome.PASS)


def session_of(root: Path, out: Path, spoken: StringIO) -> Session:
    template = Template.from_folder(str(root))
    return Session(
        session="static",
        root=root,
        contract="0" * 64,
        out=out,
        console=Console(spoken),
        open_snapshot=lambda: take_snapshot(template, [out]),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = make_repository(tmp_path / "template")
    commit(repository, {"Dockerfile": "FROM scratch\n"})
    return repository


def answer(out: Path) -> dict[str, object]:
    return dict(json.loads((out / "answer.json").read_text()))


def test_an_answer_says_what_it_is_about(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = session_of(root, out, StringIO()).run_checks("o", lambda _s, _f: [HELD])
    assert result.exit_code == 0
    assert result.commit == git(root, "rev-parse", "HEAD")
    told = answer(out)
    assert isinstance(told["source"], dict)
    assert Source(**told["source"]) == measure_source(Template.from_folder(str(root)))


MEANWHILE: Mapping[str, Callable[[Path], object]] = {
    "an edit is committed": lambda root: commit(root, {"Dockerfile": "FROM other\n"}),
    "a commit of the same content": lambda root: commit(root, {}),
}


@pytest.mark.parametrize("change", MEANWHILE)
def test_what_changes_during_the_look_makes_it_unknown(
    root: Path, tmp_path: Path, change: str
) -> None:
    """M19."""

    def look(_session: Session, _folder: ReportFolder) -> Iterator[Check]:
        MEANWHILE[change](root)
        yield HELD

    result = session_of(root, tmp_path / "out", StringIO()).run_checks("o", look)
    assert result.exit_code == 3
    assert result.missed == ("content_unchanged",)


def test_what_is_changed_and_changed_back_during_the_look_is_not_looked_at(
    root: Path, tmp_path: Path
) -> None:
    """Neither a digest before nor one after would show it."""
    before = measure_source(Template.from_folder(str(root)))

    def look(session: Session, _folder: ReportFolder) -> Iterator[Check]:
        (root / "Dockerfile").write_text("FROM harmless\n")
        (root / "Dockerfile").touch()
        seen = session.template.dockerfile.read_text()
        (root / "Dockerfile").write_text("FROM scratch\n")
        yield Check(name=seen, group="g", outcome=Outcome.PASS)

    out = tmp_path / "out"
    result = session_of(root, out, StringIO()).run_checks("o", look)
    assert result.exit_code == 0
    assert result.source == before
    points = answer(out)["points"]
    assert isinstance(points, list)
    assert "scratch" in points[0]["name"]


def test_an_edit_during_the_look_leaves_an_answer_about_what_was_there_before(
    root: Path, tmp_path: Path
) -> None:
    before = measure_source(Template.from_folder(str(root)))

    def look(_session: Session, _folder: ReportFolder) -> Iterator[Check]:
        (root / "Dockerfile").write_text("FROM other\n")
        yield HELD

    result = session_of(root, tmp_path / "out", StringIO()).run_checks("o", look)
    assert result.source == before
    assert result.source != measure_source(Template.from_folder(str(root)))


def test_content_that_is_not_known_is_unknown(root: Path, tmp_path: Path) -> None:
    """H4: git refuses a checkout of somebody else's; here it is damaged."""
    (root / ".git" / "HEAD").write_text("nonsense\n")
    spoken = StringIO()
    result = session_of(root, tmp_path / "out", spoken).run_checks("o", lambda _s, _f: [HELD])
    assert result.exit_code == 3
    assert result.source is None


@pytest.mark.parametrize("name", ["junit.xml", "answer.json"])
def test_a_report_that_cannot_be_written_leaves_no_green_last_line(
    root: Path, tmp_path: Path, name: str
) -> None:
    """M11."""
    out, spoken = tmp_path / "out", StringIO()

    def look(_session: Session, folder: ReportFolder) -> Iterator[Check]:
        (folder.path / name).mkdir()
        yield HELD

    result = session_of(root, out, spoken).run_checks("o", look)
    assert result.exit_code == 3
    last = spoken.getvalue().splitlines()[-1]
    assert "UNKNOWN" in last
    assert last.endswith("(exit 3)")
    if name == "junit.xml":
        assert answer(out)["exit_code"] == 3
    else:
        assert "UNKNOWN" in (out / "junit.xml").read_text()


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
@pytest.mark.parametrize("verbosity", [0, -1])
def test_the_last_screen_has_cause_remedy_and_outcome(
    root: Path, tmp_path: Path, size: tuple[int, int], verbosity: int
) -> None:
    checks = [
        *(replace(HELD, name=f"held_{number}") for number in range(40)),
        *(
            Check(
                name=f"rule_{number}",
                group="g",
                outcome=Outcome.FAIL,
                reason=f"Line {number} is wrong.",
                remedy="Write it anew.",
                evidence="found\n" * 30,
            )
            for number in range(9)
        ),
        Check(name="hint", group="g", outcome=Outcome.FAIL, severity=Severity.ADVISORY),
    ]
    stream = Terminal()
    console = Console(stream, environ=window(*size), verbosity=verbosity)
    session = replace(session_of(root, tmp_path / "out", StringIO()), console=console)
    assert session.run_checks("o", lambda _s, _f: checks).exit_code == 1
    stream.write("$ ")
    shown = " ".join(display(stream.getvalue(), *size).shown.split())
    assert "✗ rule_0 why: Line 0 is wrong. to do: Write it anew." in shown
    assert "HARDGATE STATIC RED" in shown
    assert "(exit 1)" in shown
    assert "Shortened; in full: the reports in" in shown


def test_an_error_and_a_crash_are_unknown_and_told(root: Path, tmp_path: Path) -> None:
    for error in (HardgateError("No."), RuntimeError("no")):

        def look(_session: Session, _folder: ReportFolder, error: Exception = error) -> list[Check]:
            raise error

        result = session_of(root, tmp_path / "out", StringIO()).run_checks("o", look)
        assert result.exit_code == 3


SLEEPER = """
import subprocess, sys, time, pathlib
def test_that_hangs():
    child = subprocess.Popen(["sleep", "4322"])
    pathlib.Path(sys.argv[0]).exists()
    pathlib.Path("PIDS").write_text(str(child.pid))
    time.sleep(600)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_adapter_leaves_a_report_and_nothing_running(
    root: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """M14: with pytest as it is here in the place of an environment that would be installed."""
    marker, temporary = tmp_path / "pids", tmp_path / "tmp"
    temporary.mkdir()
    (root / "test_it.py").write_text(SLEEPER.replace("PIDS", str(marker)))
    program = f"""
import sys
from pathlib import Path
from hardgate.cli import adapter
from hardgate.pipeline import adapter_tests, isolation
def place(template, environment, work):
    isolation._copy_template(template.root, work / "template")
    return isolation.TestPlace(work=work, environment_folder=environment)
adapter_tests.ensure_test_environment = lambda *_: Path({sys.prefix!r})
adapter_tests.prepare_place = place
sys.exit(adapter.main(["--context", {str(root)!r}, "--out", {str(tmp_path / "out")!r}]))
"""
    environ = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen([sys.executable, "-c", program], env=environ) as process:
        deadline = time.monotonic() + 60
        while not marker.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.send_signal(number)
    assert process.returncode == code
    told = answer(tmp_path / "out")
    assert told["exit_code"] == code
    assert "INTERRUPTED" in str(told["headline"]) or "TERMINATED" in str(told["headline"])
    assert (tmp_path / "out" / "junit.xml").is_file()
    assert not list(temporary.iterdir())
    assert (
        not Path(f"/proc/{marker.read_text()}").exists()
        or "Z" in Path(f"/proc/{marker.read_text()}/stat").read_text().rpartition(")")[2].split()[0]
    )


def test_a_jobs_summary_shows_no_secret_of_a_tests_name(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """L11: a parametrised test has its value in its name."""
    summary, spoken = tmp_path / "summary.md", StringIO()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    secret = "s3cr3t%Value,9911:x"
    missed = Check(
        name=f"test_x[{secret}]",
        group="g",
        outcome=Outcome.FAIL,
        reason=f"it met {secret}",
        remedy=f"look at {secret} and https://evil.example/x",
        evidence=f"a.py:1: {secret}",
    )
    session = session_of(root, tmp_path / "out", spoken)
    session.console.redactor = Redactor().with_values([secret])
    session.run_checks("o", lambda _s, _f: [missed])
    left = summary.read_text() + spoken.getvalue()
    assert "redacted" in summary.read_text()
    for written in (secret, secret.replace("%", "%25").replace(",", "%2C").replace(":", "%3A")):
        assert written not in left
    assert "https://evil" not in summary.read_text()
