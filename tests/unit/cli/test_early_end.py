"""A command that ends before it began leaves no older verdict in place (A6)."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import junitparser
import pytest

from hardgate.cli.main import main

NOBODY = 65534

WRONG = {
    "gate": ["--tier", "9"],
    "runtime": ["--only", "x"],
    "static": ["--contract-sha256", "x"],
    "adapter": ["--typo"],
    "secrets": ["--context", "gone"],
    "validate": ["--tier", "x"],
}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return tmp_path


def older_green(folder: Path) -> None:
    folder.mkdir(parents=True)
    for name in ("summary.json", "answer.json", "junit.xml"):
        (folder / name).write_text("HARDGATE GREEN")


@pytest.mark.parametrize("command", WRONG)
def test_a_wrong_command_takes_the_place_of_an_older_verdict(
    here: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = here / "out"
    older_green(out)
    assert main([command, *WRONG[command], f"--out={out}"]) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "MISUSED" in last
    assert last.endswith("(exit 2)")
    name = "summary.json" if command in {"gate", "runtime"} else "answer.json"
    told = json.loads((out / name).read_text())
    assert (told["headline"], told["exit_code"]) == (last, 2)
    suites = junitparser.JUnitXml.fromfile(str(out / "junit.xml"))
    assert suites.errors == 1
    assert "GREEN" not in "".join(file.read_text() for file in out.iterdir())


def test_latest_names_the_wrong_command_and_no_longer_the_older_verdict(here: Path) -> None:
    older_green(here / "reports" / "t4" / "1")
    (here / "reports" / "t4" / "latest").symlink_to("1")
    assert main(["gate", "--contract", "gone.yaml"]) == 2
    latest = here / "reports" / "t4" / "latest" / "summary.json"
    assert json.loads(latest.read_text())["outcome"] == "misused"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_session_began_leaves_no_older_verdict(
    here: Path, number: signal.Signals, code: int
) -> None:
    """The server that has the contract never answers: the command waits for it."""
    older_green(here / "out")
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/contract.yaml"
        argv = [sys.executable, "-m", "hardgate", "secrets", "--contract", url, "--out", "out"]
        pin = ["--contract-sha256", "0" * 64]
        with subprocess.Popen([*argv, *pin], cwd=here) as process:
            server.settimeout(60)
            connection, _ = server.accept()
            process.send_signal(number)
            process.wait(60)
            connection.close()
    assert process.returncode == code
    assert f"(exit {code})" in (here / "out" / "answer.json").read_text()
    assert "GREEN" not in (here / "out" / "junit.xml").read_text()


def test_a_crash_before_the_session_began_leaves_a_report_without_secrets(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """M5: what nobody foresaw is unknown, wherever it comes up."""
    older_green(here / "out")
    secret = "plain-uuid-1f2e3d4c5b6a"

    def crash(*_arguments: object) -> None:
        raise RuntimeError(f"it met {secret}")

    monkeypatch.setattr("hardgate.cli.gate.read_policy", crash)
    assert main(["gate", "--out", "out", "--env", f"DEPLOY_TOKEN={secret}"]) == 3
    left = "".join(file.read_text() for file in (here / "out").iterdir())
    left += capsys.readouterr().err
    assert "Hardgate itself failed: RuntimeError" in left
    assert "[redacted]" in left
    assert secret not in left
    assert "GREEN" not in left
    assert json.loads((here / "out" / "summary.json").read_text())["exit_code"] == 3


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of one who is not root, who this process is as long as the test lasts."""
    folder = Path(tempfile.mkdtemp(prefix="hg-unprivileged-"))
    is_root = os.geteuid() == 0
    if is_root:
        os.chown(folder, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    monkeypatch.chdir(folder)
    yield folder
    if is_root:
        os.seteuid(0)
    shutil.rmtree(folder)


@pytest.mark.parametrize("hidden", ["private.txt", "private/key.txt"])
def test_an_unreadable_file_of_the_context_ends_in_a_report_and_no_trace(
    unprivileged: Path,
    hidden: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """M5, first example."""
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/engine.sock")
    monkeypatch.setenv("TMPDIR", str(unprivileged))
    context = unprivileged / "context"
    (context / "private").mkdir(parents=True)
    (context / "Dockerfile").write_text("FROM scratch\n")
    (context / hidden).write_text("x")
    (context / hidden.partition("/")[0]).chmod(0)
    try:
        code = main(["gate", "--context", "context", "--out", "out"])
    finally:
        (context / hidden.partition("/")[0]).chmod(0o700)
    summary = json.loads((unprivileged / "out" / "summary.json").read_text())
    printed = capsys.readouterr()
    assert (code, summary["exit_code"]) == (3, 3)
    assert "private" in summary["problem"]
    assert "Traceback" not in printed.out + printed.err + json.dumps(summary)
