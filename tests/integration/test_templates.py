"""Somebody else's template, by two commands alone: 'hardgate init', and 'nox -s validate'."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from hardgate.engine.client import find_engine
from tests.integration.sharing import Once, run_in
from tests.integration.test_leaving import left_of

pytestmark = pytest.mark.independent

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).parent / "templates"
SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a session said."""

    exit_code: int
    output: str
    folder: Path

    def answer(self, session: str) -> dict[str, Any]:
        """Read the newest answer of a session."""
        files = [*(self.folder / "reports" / session).glob("*/answer.json")]
        files += (self.folder / "reports" / session).glob("*/summary.json")
        newest = max(files, key=lambda file: file.stat().st_mtime_ns)
        return dict(json.loads(newest.read_text()))


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Copy the good template into a repository of its own."""
    folder = tmp_path / "template"
    shutil.copytree(TEMPLATES / "good", folder)
    git(folder, "init", "-q", "-b", "main")
    return folder


@pytest.fixture
def template(files: Path, slim: str) -> Path:
    """Give the good template, and what it is built from."""
    assert slim
    return files


@pytest.fixture
def ready_template(template: Path, once: Once, shared: Path) -> Path:
    """Give the good template with an environment for its adapter's tests, which is made once."""
    first = shared / "first-template"

    def run_adapter() -> str:
        shutil.copytree(TEMPLATES / "good", first)
        git(first, "init", "-q", "-b", "main")
        return run(first, "hardgate", "adapter").output

    once("first-template", run_adapter)
    shutil.copytree(first / ".nox", template / ".nox", symlinks=True)
    return template


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    command = ("git", "-C", str(folder), *who, *words)
    subprocess.run(command, check=True, capture_output=True)


def run(folder: Path, *words: str, environment: dict[str, str] | None = None) -> Said:
    """Run a command in a template, as its author would."""
    ended = run_in(folder, *words, seconds=SECONDS, **(environment or {}))
    return Said(exit_code=ended.returncode, output=ended.stdout, folder=folder)


def start_validate(folder: Path, **environment: str) -> "subprocess.Popen[str]":
    """Start 'hardgate validate --run' in a template."""
    return subprocess.Popen(
        (sys.executable, "-m", "hardgate", "validate", "--run"),
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def write_gate_files(folder: Path, *words: str) -> None:
    """Run 'hardgate init', and install this very checkout in place of the source that it writes."""
    source = "hardgate[pipeline] @ git+https://forge.example/hardgate@0000000"
    assert run(folder, "hardgate", "init", "--source", source, *words).exit_code == 0
    noxfile = folder / "noxfile.py"
    noxfile.write_text(noxfile.read_text().replace(source, f"hardgate[pipeline] @ {ROOT.as_uri()}"))


@pytest.mark.slow
def test_two_commands_bring_a_template_through_all_six(
    template: Path, runs_of_hosts: list[str]
) -> None:
    write_gate_files(template)
    git(template, "add", "-A")
    git(template, "commit", "-q", "-m", "first")
    said = run(template, "nox", "-s", "validate")
    assert said.exit_code == 0
    assert "HARDGATE VALIDATE GREEN" in said.output
    for session in ("static", "adapter", "secrets", "runtime", "t4"):
        assert said.answer(session)["exit_code"] == 0
    assert name_sessions(said, runs_of_hosts) == ["runtime"]
    again = run(template, "nox", "-s", "validate", "--", "--no-run")
    assert again.exit_code == 0
    (template / "adapter.py").write_text("NAME = 'other'\n")
    changed = run(template, "nox", "-s", "validate", "--", "--no-run")
    assert changed.exit_code != 0
    assert "stale: files were changed since" in changed.output


@pytest.fixture
def runs_of_hosts() -> Iterator[list[str]]:
    """Listen for test hosts that are made; each adds its run's id.

    An engine remembers its last 256 events alone, fewer than other tests make meanwhile.
    """
    heard: list[str] = []
    filters = {"type": "container", "event": "create", "label": "hardgate.role=host"}
    stream = find_engine().open_client().events(filters=filters, decode=True)

    def hear() -> None:
        for event in stream:
            heard.append(event["Actor"]["Attributes"]["hardgate.run"])  # noqa: PERF401 - read meanwhile

    listener = threading.Thread(target=hear)
    listener.start()
    yield heard
    stream.close()
    listener.join(timeout=30)
    assert not listener.is_alive()


def name_sessions(said: Said, runs: list[str]) -> list[str]:
    """Name the sessions of these runs; another test's is none of them."""
    sessions = {said.answer(session)["id"]: session for session in ("runtime", "t4")}
    return [sessions[run] for run in runs if run in sessions]


Change = Callable[[Path], None]


def swap(file: str, old: str, new: str) -> Change:
    """Make a change of one defect."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return change


RUNTIME_DEFECTS = {
    "adapter_imports_by_itself": swap("adapter.py", '"""The', 'import nosuch\n\n"""The'),
    "workload_runs_as_agent_uid": swap("entrypoint.sh", "exec gosu agent", "exec"),
    "workspace_restarts_on_its_volumes": swap(
        "entrypoint.sh", "for folder", "mkdir /workspace/once\nfor folder"
    ),
    "workspace_became_ready": swap("serve.py", "import adapter\n", "sys.exit(4)\n"),
}


UNCLEAN = swap("serve.py", "lambda *_: sys.exit(0)", "lambda *_: None")
"""It misses `workspace_stops_cleanly`; `validate` runs this one, below."""


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("name", RUNTIME_DEFECTS)
def test_runtime_is_red_for_one_defect(template: Path, name: str) -> None:
    RUNTIME_DEFECTS[name](template)
    said = run(template, "hardgate", "runtime", "--ready-timeout", "40", "--platform", "none")
    assert said.exit_code == 1
    missed = missed_of(said, "runtime")
    assert name in missed
    dead = {"workspace_became_ready", "workspace_kept_running"}
    assert missed - dead == {name} - dead


def missed_of(said: Said, session: str) -> set[str]:
    """Name what the newest answer of a session misses."""
    verdicts = said.answer(session)["verdicts"]
    return {v["name"] for v in verdicts if v["outcome"] == "fail"}


GATE_DEFECTS = {"runtime": UNCLEAN, "t4": swap("agent.sudoers", "NOPASSWD: ", "")}


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.parametrize("name", GATE_DEFECTS)
def test_a_defect_that_one_gate_sees_is_not_the_others(
    ready_template: Path, runs_of_hosts: list[str], name: str
) -> None:
    """Both are run on one host; each has a verdict of its own."""
    GATE_DEFECTS[name](ready_template)
    said = run(ready_template, "hardgate", "validate", "--run")
    print(said.output)
    assert said.exit_code == 1
    (other,) = {"runtime", "t4"} - {name}
    assert said.answer(name)["exit_code"] == 1
    assert said.answer(other)["exit_code"] == 0
    if name == "runtime":
        assert missed_of(said, name) == {"workspace_stops_cleanly"}
    assert name_sessions(said, runs_of_hosts) == ["runtime"]


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.usefixtures("reference")
def test_a_host_that_dies_in_runtime_makes_nothing_green_that_was_not_seen(
    ready_template: Path, client: docker.APIClient, runs_of_hosts: list[str]
) -> None:
    """`runtime` is unknown then, and `t4` has a host of its own."""
    with start_validate(ready_template) as process:
        run_id = wait_for_a_gate(ready_template / "reports", "runtime", client, process)
        wait_for_a_process(client, f"hardgate-{run_id}", "serve.py")
        client.kill(f"hardgate-{run_id}")
        output = process.communicate(timeout=SECONDS)[0]
    print(output)
    said = Said(exit_code=process.returncode, output=output, folder=ready_template)
    assert said.exit_code != 0
    assert said.answer("runtime")["exit_code"] == 3
    assert said.answer("t4")["exit_code"] == 0
    assert sorted(name_sessions(said, runs_of_hosts)) == ["runtime", "t4"]
    for session in ("runtime", "t4"):
        assert left_of(client, said.answer(session)["id"]) == []


def wait_for_a_process(client: docker.APIClient, container: str, word: str) -> None:
    """Wait until a process in a container, or in one of its own containers, has a word."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(docker.errors.APIError):
            if word in json.dumps(client.top(container)):
                return
        time.sleep(0.1)


def wait_for_a_gate(
    reports: Path, session: str, client: docker.APIClient, process: subprocess.Popen[str]
) -> str:
    """Wait until a session's gate has a host; give the id of the run that made it: `runtime`'s."""
    deadline, latest = time.monotonic() + SECONDS, reports / "runtime" / "latest"
    while process.poll() is None and time.monotonic() < deadline:
        run = latest.resolve().name if (reports / session / "latest").exists() else ""
        if run and any(name.startswith("/hardgate-") for name in left_of(client, run)):
            return run
        time.sleep(0.1)
    raise AssertionError(f"No gate of '{session}' began in '{reports}'.")


def list_processes_with(mark: str) -> list[str]:
    """Name the processes that were started with a text in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().decode(errors="replace"))
    return found


@pytest.mark.slow
@pytest.mark.full
@pytest.mark.usefixtures("reference")
def test_a_signal_in_mid_gate_ends_validate_with_a_report_and_leaves_nothing(
    ready_template: Path, client: docker.APIClient
) -> None:
    """First in `runtime`, then in `t4`: what was green until then is not done over."""
    for session, number, code, word in (
        ("runtime", signal.SIGTERM, 143, "TERMINATED"),
        ("t4", signal.SIGINT, 130, "INTERRUPTED"),
    ):
        shutil.rmtree(ready_template / "reports" / session, ignore_errors=True)
        temporary = tempfile.mkdtemp(prefix="hg-")
        with start_validate(ready_template, TMPDIR=temporary) as process:
            run_id = wait_for_a_gate(ready_template / "reports", session, client, process)
            process.send_signal(number)
            output = process.communicate(timeout=SECONDS)[0]
        print(output)
        assert process.returncode == code
        assert output.splitlines()[-1].startswith(f"HARDGATE VALIDATE {word}")
        said = Said(exit_code=code, output=output, folder=ready_template)
        assert said.answer("validate")["exit_code"] == code
        assert said.answer(session)["exit_code"] == code
        assert word in (ready_template / "reports/validate/latest/junit.xml").read_text()
        assert left_of(client, run_id) == []
        assert list_processes_with(f"TMPDIR={temporary}") == []
        Path(temporary).rmdir()  # it is empty


def test_without_an_engine_runtime_is_an_error_and_no_skip(files: Path) -> None:
    said = run(files, "hardgate", "runtime", environment={"DOCKER_HOST": "unix:///nowhere.sock"})
    assert said.exit_code == 3
    assert said.answer("runtime")["outcome"] == "unknown"


@pytest.mark.full  # the counting has tests of its own; this installs pytest
def test_an_adapter_without_tests_is_red(files: Path) -> None:
    shutil.rmtree(files / "tests")
    said = run(files, "hardgate", "adapter")
    assert said.exit_code == 1
    assert "No unit test of the template was executed" in said.output


@pytest.mark.xdist_group("policy")
def test_direct_is_refused_for_untrusted_input_before_any_engine(files: Path) -> None:
    environment = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request"}
    for session in ("gate", "runtime"):
        said = run(
            files,
            *("hardgate", session, "--host", "direct"),
            environment={**environment, "DOCKER_HOST": "unix:///nowhere.sock"},
        )
        assert said.exit_code == 2
        assert "would hand this machine to untrusted input" in said.output


@pytest.mark.slow
@pytest.mark.full
def test_a_new_template_is_green_at_once(tmp_path: Path) -> None:
    """In all six, with a workspace that holds tier 4 and boots twice."""
    folder = tmp_path / "fresh"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    write_gate_files(folder, "--new")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    said = run(folder, "hardgate", "validate", "--run")
    assert said.exit_code == 0
    for session in ("static", "adapter", "secrets", "runtime", "t4"):
        assert said.answer(session)["exit_code"] == 0
