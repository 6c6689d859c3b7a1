"""`hardgate validate --run`: one copy for all sessions, and an end that a signal brings."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.git_repositories import commit, make_repository

SESSIONS = """
import os, sys, time
from pathlib import Path
from hardgate.cli import main, validate
from hardgate.gate import run as gate_run
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.session_result import make_session_result
from hardgate.system.process import run_command
from hardgate.system.temporary_folder import temporary_folder

root, marker = Path(sys.argv[1]), Path(sys.argv[2])
seen = []

def look(name):
    def session(argv, console, snapshot):
        seen.append(str(snapshot.template.root))
        text = snapshot.template.dockerfile.read_text()
        CHANGE
        checks = [Check(name=text.strip(), group="g", outcome=Outcome.PASS)]
        (marker.parent / "seen").write_text(chr(10).join(seen))
        return make_session_result(
            name, checks, commit="", contract="", started_at="", seconds=0, source=snapshot.source
        )
    return session

def hang(request, owner, folder, console, state, then=None):
    with temporary_folder():
        marker.write_text("begun")
        time.sleep(600)

gate_run.verify_image = hang
validate.SHARES_HOST = False
for name in ("static", "adapter", "secrets", "runtime"):
    validate.RUN_SESSION[name] = look(name)
sys.exit(main.main(["validate", "--run", "--fresh", *sys.argv[3:]]))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = make_repository(tmp_path / "template")
    commit(repository, {"Dockerfile": "FROM scratch\n", ".gitignore": "/reports/\n"})
    return repository


def start_validate(
    root: Path, tmp_path: Path, *words: str, change: str = "pass"
) -> "subprocess.Popen[str]":
    temporary = tmp_path / "tmp"
    temporary.mkdir(exist_ok=True)
    program = SESSIONS.replace("CHANGE", change)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(root), str(tmp_path / "begun"), *words],
        env={**os.environ, "TMPDIR": str(temporary)},
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(file: Path, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)


def read_report(root: Path, session: str, name: str) -> dict[str, Any]:
    folder = root / "reports" / session / "latest"
    return dict(json.loads((folder / name).read_text()))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_in_mid_gate_ends_validate_with_a_report_and_nothing_left(
    root: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """The gate takes the signal, reports and is taken down; validate ends as it did."""
    with start_validate(root, tmp_path) as process:
        wait_for(tmp_path / "begun")
        process.send_signal(number)
        output = process.communicate(timeout=120)[0]
    assert process.returncode == code, output
    word = {130: "INTERRUPTED", 143: "TERMINATED"}[code]
    assert f"HARDGATE VALIDATE {word}" in output.splitlines()[-1]
    told = read_report(root, "validate", "answer.json")
    assert told["exit_code"] == code
    assert word in (root / "reports/validate/latest/junit.xml").read_text()
    assert read_report(root, "t4", "summary.json")["exit_code"] == code
    assert not list((tmp_path / "tmp").iterdir())


def test_all_sessions_look_at_one_copy(root: Path, tmp_path: Path) -> None:
    change = "len(seen) == 4 and (marker.parent / 'all').touch()"
    with start_validate(root, tmp_path, change=change) as process:
        wait_for(tmp_path / "begun")
        wait_for(tmp_path / "all")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    seen = (tmp_path / "seen").read_text().splitlines()
    assert len(seen) == 4
    assert len(set(seen)) == 1
    assert not Path(seen[0]).is_relative_to(root)


MEETING = """
        pairs = {"static": ("other", "gate"), "runtime": ("gate", "other")}
        if name in pairs:
            here, there = pairs[name]
            (marker.parent / here).touch()
            deadline = time.monotonic() + 60
            while not (marker.parent / there).exists():
                if time.monotonic() > deadline: raise RuntimeError(f"{name} ran alone")
                time.sleep(0.05)
        validate.RUN_SESSION["t4"] = look("t4")
""".strip()


def test_what_needs_no_host_runs_beside_the_gates(root: Path, tmp_path: Path) -> None:
    """Each waits for the other: one after the other neither would end well."""
    with start_validate(root, tmp_path, change=MEETING) as process:
        output = process.communicate(timeout=120)[0]
    for session in ("static", "adapter", "secrets", "runtime", "t4"):
        assert f"Run {session} (missing)" in output
    assert "ran alone" not in output
    assert len((tmp_path / "seen").read_text().splitlines()) == 5


PROGRAM_BESIDE = """
        if name == "adapter":
            (marker.parent / "program").touch()
            run_command(["sleep", f"61.{os.getpid()}"])
""".strip()


def list_programs(word: str) -> list[str]:
    """Name the processes of this machine that have a word in their command line."""
    files = Path("/proc").glob("[0-9]*/cmdline")
    return [str(file) for file in files if word.encode() in read_or_nothing(file).split(b"\0")]


def read_or_nothing(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_what_runs_beside_the_gate(
    root: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with start_validate(root, tmp_path, change=PROGRAM_BESIDE) as process:
        wait_for(tmp_path / "begun")
        wait_for(tmp_path / "program")
        begun = time.monotonic()
        process.send_signal(number)
        output = process.communicate(timeout=120)[0]
    assert process.returncode == code, output
    assert time.monotonic() - begun < 45
    assert not list_programs(f"61.{process.pid}")
    assert read_report(root, "validate", "answer.json")["exit_code"] == code
    assert not list((tmp_path / "tmp").iterdir())


CHANGES: Mapping[str, str] = {
    "a file is edited": "(root / 'Dockerfile').write_text('FROM other')",
    "a file is made": "(root / name).write_text('')",
}


@pytest.mark.parametrize("name", CHANGES)
def test_files_that_differ_at_the_end_are_not_what_was_validated(
    root: Path, tmp_path: Path, name: str
) -> None:
    """The sessions' copy is as it was: their answers hold, and the last word is not about this."""
    (tmp_path / "begun").write_text("")
    quick = "; validate.RUN_SESSION['t4'] = look('t4')"
    with start_validate(root, tmp_path, change=CHANGES[name] + quick) as process:
        output = process.communicate(timeout=120)[0]
    told = read_report(root, "validate", "answer.json")
    assert "content_unchanged" in told["missed"], output
    assert process.returncode != 0
    assert "FROM other" not in (tmp_path / "seen").read_text()
