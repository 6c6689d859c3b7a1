"""The stand-in for forges and runners is strict: whatever is not documented, it refuses.

These run its programs as files on this machine; a test with a role's mistakes would find them red.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.request import urlopen

import pytest

from tests.integration.stand_in.forge import Answer, Forge, forge_at
from tests.integration.stand_in.program.act import main
from tests.integration.stand_in.programs import NAMES, write_archive, write_program

# What the stand-in is for, the runner's own tests, is full, too.
pytestmark = pytest.mark.full

CONFIG = """
log:
  level: info  # as documented
runner:
  file: {folder}/.runner
  capacity: 2
  fetch_interval: 50ms
  shutdown_timeout: {shutdown}
  labels:
  - docker-host:host
  - other:host
host:
  workdir_parent: "{folder}/work"
"""
SECONDS = 20
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}


@pytest.fixture
def forge() -> Iterator[Forge]:
    """Open a forge on this machine."""
    with forge_at("127.0.0.1") as forge:
        yield forge


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The programs, a configuration, and a forge."""

    folder: Path
    forge: Forge

    @property
    def config(self) -> str:
        """Name the configuration file."""
        return str(self.folder / "config.yaml")

    def configure(self, text: str = CONFIG, shutdown: str = "10s") -> None:
        """Write the configuration."""
        (self.folder / "config.yaml").write_text(
            text.replace("{folder}", str(self.folder)).replace("{shutdown}", shutdown)
        )

    def run(
        self, *words: str, told: str = "", **environment: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end."""
        return subprocess.run(
            [str(self.folder / words[0]), *words[1:]],
            input=told,
            env={**ENVIRONMENT, "HOME": str(self.folder), **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def register(self, program: str, *words: str, token: str) -> int:
        """Register by the flags that every program knows."""
        common = ("--no-interactive", "--instance", self.forge.url, "--token", token)
        ran = self.run(program, "register", "-c", self.config, *common, "--name", "one", *words)
        print(ran.stderr)
        return ran.returncode


@dataclass
class Started:
    """A daemon under way."""

    process: "subprocess.Popen[str]"

    def stop(self) -> int:
        """Tell it to end, and give its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(SECONDS)


Start = Callable[..., Started]


@pytest.fixture
def installed(forge: Forge, tmp_path: Path) -> Installed:
    """Install all programs, and configure them."""
    for name in NAMES:
        write_program(tmp_path / name)
    installed = Installed(folder=tmp_path, forge=forge)
    installed.configure()
    return installed


@pytest.fixture
def start(installed: Installed) -> Iterator[Start]:
    """Start programs, and end them with the test."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: str, **environment: str) -> Started:
        started.append(
            subprocess.Popen(
                [str(installed.folder / words[0]), *words[1:]],
                env={**ENVIRONMENT, "HOME": str(installed.folder), **environment},
                cwd=installed.folder,
                text=True,
            )
        )
        return Started(started[-1])

    yield run
    for process in started:
        process.kill()
        process.wait()


REFUSED = {
    "an unknown command": (("run",), 'unknown command "run"'),
    "an unknown flag": (("daemon", "--conf", "x"), "unknown flag: --conf"),
    "an unknown short flag": (("daemon", "-q"), "unknown shorthand flag"),
    "a second command": (("daemon", "now", "-c", "x"), 'unknown command "now"'),
    "a flag of another command": (("daemon", "--token", "x"), "unknown flag: --token"),
    "a flag without its word": (("daemon", "--config"), "flag needs an argument"),
    "a missing configuration": (("daemon",), "no configuration file was given"),
    "a configuration that is not there": (("daemon", "-c", "none"), "open config file"),
    "no registration": (
        ("daemon", "--config=HERE/config.yaml"),
        "please register the runner first",
    ),
}


@pytest.mark.parametrize("program", NAMES)
@pytest.mark.parametrize("case", REFUSED)
def test_a_runner_refuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], program: str, case: str
) -> None:
    (tmp_path / "config.yaml").write_text(f"runner:\n  file: {tmp_path}/.runner\n")
    words, message = REFUSED[case]
    assert main(program, [word.replace("HERE", str(tmp_path)) for word in words]) == 1
    assert message in capsys.readouterr().err


CONFIGURATIONS = {
    "an unknown section": ("runners:\n  capacity: 1\n", "field runners not found"),
    "an unknown key": ("runner:\n  capacty: 1\n", "field runner.capacty not found"),
    "a key twice": ("runner:\n  file: a\n  file: b\n", "already defined"),
    "a number that is none": ("runner:\n  capacity: many\n", "cannot unmarshal runner.capacity"),
    "a duration without a unit": ("runner:\n  timeout: 30\n", "invalid duration"),
    "a label of an unknown kind": ("runner:\n  labels: [a:vm]\n", "unsupported schema: vm"),
    "a label with a blank": ('runner:\n  labels:\n    - " a:host"\n', "invalid label"),
    "an anchor": ("runner: &a\n  capacity: 1\n", "cannot read"),
    "a tab": ("runner:\n\tcapacity: 1\n", "tab character"),
}


@pytest.mark.parametrize("case", CONFIGURATIONS)
def test_a_runner_refuses_a_configuration_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    text, message = CONFIGURATIONS[case]
    (tmp_path / "config.yaml").write_text(text)
    assert main("gitea-runner", ["daemon", "-c", str(tmp_path / "config.yaml")]) == 1
    assert message in capsys.readouterr().err


def test_only_what_a_program_knows_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for program in ("act_runner", "forgejo-runner"):
        assert main(program, ["register", "--token-file", "x"]) == 1
        assert "unknown flag: --token-file" in capsys.readouterr().err
    assert main("forgejo-runner", ["register", "--ephemeral"]) == 1
    assert "unknown flag: --ephemeral" in capsys.readouterr().err
    (tmp_path / "config.yaml").write_text("runner:\n  report_interval: 1s\n")
    assert main("gitea-runner", ["daemon", "-c", str(tmp_path / "config.yaml")]) == 1
    assert "field runner.report_interval not found" in capsys.readouterr().err


@pytest.mark.parametrize("program", NAMES)
def test_a_token_registers_once(installed: Installed, program: str) -> None:
    token = installed.forge.issue_token()
    assert installed.register(program, token=token) == 0
    assert installed.register(program, token=token) == 1
    (runner,) = installed.forge.runners.values()
    assert runner.labels == ("docker-host", "other")
    assert token in runner.command, "the test would see a token in a command line"
    written = json.loads((installed.folder / ".runner").read_text())
    assert written["token"] == runner.token
    assert written["labels"] == ["docker-host:host", "other:host"]


def test_registering_leaves_the_mode_that_the_umask_leaves(installed: Installed) -> None:
    words = f"exec {installed.folder}/gitea-runner register --no-interactive --name one"
    for mask, mode in (("022", 0o644), ("077", 0o600)):
        told = {"GITEA_RUNNER_REGISTRATION_TOKEN": installed.forge.issue_token()}
        script = f"umask {mask}; {words} -c {installed.config} --instance {installed.forge.url}"
        subprocess.run(["sh", "-c", script], env={**ENVIRONMENT, **told}, check=True)
        file = installed.folder / ".runner"
        assert file.stat().st_mode & 0o777 == mode
        file.unlink()
    assert all(len(one.command) > 3 for one in installed.forge.runners.values())


def test_a_token_reaches_the_older_ones_by_their_prompts(installed: Installed) -> None:
    for program in ("act_runner", "forgejo-runner"):
        (installed.folder / ".runner").unlink(missing_ok=True)
        told = f"{installed.forge.url}\n{installed.forge.issue_token()}\n{program}\n"
        ran = installed.run(program, "register", "-c", installed.config, told=told)
        assert ran.returncode == 0, ran.stderr
        assert not set(told.split()) & set(installed.forge.runner(program).command)
        again = installed.run(program, "register", "-c", installed.config, told="n\n")
        assert again.returncode == 0
        cut = installed.run(program, "register", "-c", installed.config, told="y\n")
        assert cut.returncode == 1
    assert installed.forge.registered == 2


def test_a_shared_secret_makes_a_runner_of_forgejo(installed: Installed) -> None:
    secret = installed.forge.issue_secret("offline")
    words = ("create-runner-file", "-c", installed.config, "--instance", installed.forge.url)
    assert installed.run("forgejo-runner", *words).returncode == 1
    assert installed.run("forgejo-runner", *words, "--secret", "short").returncode == 1
    wrong = installed.run("forgejo-runner", *words, "--connect", "--secret", "a" * 40)
    assert "unregistered runner" in wrong.stderr
    assert installed.run("forgejo-runner", *words, "--connect", "--secret", secret).returncode == 0


@pytest.mark.parametrize("program", NAMES)
def test_a_daemon_runs_jobs_side_by_side_and_drains(
    installed: Installed, start: Start, program: str
) -> None:
    forge = installed.forge
    installed.register(program, token=forge.issue_token())
    daemon = start(program, "daemon", "--config", installed.config, MINE="seen")
    seen = forge.queue('echo "$CI $GITEA_ACTIONS $MINE"; pwd; exit 3').wait()
    assert (seen.result, seen.exit_code) == ("FAILURE", 3)
    assert seen.output.startswith("true true seen\n")
    assert str(installed.folder / "work") in seen.output
    pair = [forge.queue(f"touch {n}; echo started; sleep 1; echo ended") for n in "ab"]
    for job in pair:
        job.wait_until_taken()
    third = forge.queue("true", label="nobody's")
    second = installed.run(program, "daemon", "--config", installed.config)
    assert "another process is already using" in second.stderr
    assert daemon.stop() == 0
    assert [job.output for job in pair] == ["started\nended\n"] * 2
    assert [job.result for job in pair] == ["SUCCESS"] * 2
    assert third.runner is None
    assert not list((installed.folder / "work").rglob("script.sh"))


def test_a_daemon_that_may_not_wait_cancels(installed: Installed, start: Start) -> None:
    installed.configure(shutdown="0s")
    installed.register("act_runner", token=installed.forge.issue_token())
    daemon = start("act_runner", "daemon", "--config", installed.config)
    job = installed.forge.queue("echo started; sleep 60").wait_until_taken()
    assert daemon.stop() == 0
    assert job.wait().result == "CANCELLED"


def test_an_ephemeral_one_takes_one_job(installed: Installed, start: Start) -> None:
    forge = installed.forge
    installed.register("gitea-runner", "--ephemeral", token=forge.issue_token())
    jobs = [forge.queue("echo one"), forge.queue("echo two")]
    daemon = start("gitea-runner", "daemon", "-c", installed.config)
    assert jobs[0].wait().result == "SUCCESS"
    assert daemon.process.wait(SECONDS) == 0
    assert not forge.runners
    assert jobs[1].runner is None
    again = installed.run("gitea-runner", "daemon", "-c", installed.config)
    assert again.returncode == 1
    assert "unregistered runner" in again.stderr


def test_one_job_of_forgejo_does_not_wait_for_one(installed: Installed) -> None:
    installed.register("forgejo-runner", token=installed.forge.issue_token())
    none = installed.run("forgejo-runner", "one-job", "-c", installed.config)
    assert "could not fetch task" in none.stderr
    job = installed.forge.queue("echo one")
    assert installed.run("forgejo-runner", "one-job", "-c", installed.config).returncode == 0
    assert job.output == "one\n"


def test_a_runner_that_was_removed_ends_as_the_real_ones_do(
    installed: Installed, start: Start
) -> None:
    forge = installed.forge
    ends = {}
    for program in ("gitea-runner", "forgejo-runner"):
        installed.register(program, token=forge.issue_token())
        daemon = start(program, "daemon", "-c", installed.config)
        forge.wait_for_polls("one")
        forge.remove("one")
        asked = len(forge.requests)
        while len(forge.requests) < asked + 3 and daemon.process.poll() is None:
            time.sleep(0.02)
        ends[program] = daemon.process.poll() if daemon.process.poll() else daemon.stop()
    assert ends == {"gitea-runner": 1, "forgejo-runner": 0}


# GitHub's


@pytest.fixture
def github(installed: Installed) -> Installed:
    """Unpack GitHub's archive."""
    archive = installed.folder / "actions-runner.tar.gz"
    first = write_archive(archive)
    assert len(first) == 64
    folder = installed.folder / "github"
    folder.mkdir()
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    return Installed(folder=folder, forge=installed.forge)


ROOT = {"RUNNER_ALLOW_RUNASROOT": "1"}
"""These tests may run as root; the programs ask who runs them."""


def _configure(github: Installed, *words: str, token: str) -> "subprocess.CompletedProcess[str]":
    common = ("--unattended", "--url", f"{github.forge.url}/owner/name", "--name", "one")
    return github.run("config.sh", *common, *words, ACTIONS_RUNNER_INPUT_TOKEN=token, **ROOT)


def test_githubs_registers_by_its_environment_and_is_removed(github: Installed) -> None:
    forge, token = github.forge, github.forge.issue_token()
    ran = _configure(github, "--labels", "docker-host", "--disableupdate", token=token)
    assert ran.returncode == 0, ran.stderr
    assert token not in forge.runner("one").command
    assert forge.runner("one").labels == ("self-hosted", "Linux", "X64", "docker-host")
    assert (github.folder / ".credentials_rsaparams").stat().st_mode & 0o777 == 0o600
    assert (github.folder / ".path").read_text().strip() == ENVIRONMENT["PATH"]
    assert "already configured" in _configure(github, token=forge.issue_token()).stderr
    wrong = github.run("config.sh", "remove", "--token", forge.issue_token(), **ROOT)
    assert wrong.returncode == 1
    right = github.run("config.sh", "remove", "--token", forge.issue_token("remove"), **ROOT)
    assert right.returncode == 0
    assert not forge.runners
    assert not (github.folder / ".runner").exists()


GITHUBS = {
    "an unknown option": (("--label", "a"), "unknown flag: --label"),
    "a label that is none": (("--labels", "a:host"), "configuration provided for labels"),
    "a configuration file": (("--config", "x"), "unknown flag: --config"),
}


@pytest.mark.parametrize("case", GITHUBS)
def test_githubs_refuses(github: Installed, case: str) -> None:
    words, message = GITHUBS[case]
    ran = _configure(github, *words, token=github.forge.issue_token())
    assert ran.returncode == 1
    assert message in ran.stderr


def test_githubs_refuses_a_used_token_a_taken_name_and_a_wrong_address(github: Installed) -> None:
    token = github.forge.issue_token()
    assert _configure(github, token=token).returncode == 0
    github.run("config.sh", "remove", "--local", **ROOT)
    assert "Not Found" in _configure(github, token=token).stderr
    fresh = github.forge.issue_token()
    assert "exists with the same name" in _configure(github, token=fresh).stderr
    replacing = _configure(github, "--replace", token=github.forge.issue_token())
    assert replacing.returncode == 0
    github.run("config.sh", "remove", "--local", **ROOT)
    fresh = github.forge.issue_token()
    wrong = _configure(github, "--url", github.forge.url, token=fresh)
    assert "configuration provided for url" in wrong.stderr


def test_githubs_does_not_run_as_root(github: Installed) -> None:
    for script in ("config.sh", "run.sh"):
        ran = github.run(script)
        assert ("Must not run" in ran.stdout) == (os.getuid() == 0)


def test_githubs_cancels_where_others_drain(github: Installed, start: Start) -> None:
    forge = github.forge
    assert "not configured" in github.run("bin/Runner.Listener", "run").stderr
    assert _configure(github, "--labels", "docker-host", token=forge.issue_token()).returncode == 0
    service = start("github/bin/runsvc.sh", **ROOT)
    job = forge.queue('echo "$GITHUB_ACTIONS"; sleep 60').wait_until_taken()
    running = subprocess.run(["ps", "axww"], check=True, capture_output=True, text=True).stdout
    assert f"{github.folder}/bin/Runner.Worker spawnclient" in running
    service.stop()
    assert job.wait().result == "CANCELLED"
    assert job.output == "true\n"


def test_githubs_ephemeral_one_forgets_itself(github: Installed, start: Start) -> None:
    forge = github.forge
    words = ("--ephemeral", "--labels", "docker-host")
    assert _configure(github, *words, token=forge.issue_token()).returncode == 0
    service = start("github/run.sh", **ROOT)
    assert forge.queue("true").wait().result == "SUCCESS"
    assert service.process.wait(SECONDS) == 0
    assert not (github.folder / ".runner").exists()
    assert not forge.runners


# The forge's


def test_the_forge_removes_a_runner_for_who_may(forge: Forge, installed: Installed) -> None:
    installed.register("gitea-runner", token=forge.issue_token())
    path, headers = "/api/v1/admin/actions/runners", {"authorization": f"token {forge.api_token}"}
    assert forge.answer("GET", path, {}, {}).status == HTTPStatus.UNAUTHORIZED
    (listed,) = forge.answer("GET", path, headers, {}).body["runners"]
    assert forge.answer("DELETE", f"{path}/{listed['id']}", {}, {}).status == 401
    assert forge.answer("DELETE", f"{path}/{listed['id']}", headers, {}).status == 204
    assert forge.answer("DELETE", f"{path}/{listed['id']}", headers, {}).status == 404
    assert [one.name for one in forge.deleted] == ["one"]
    given = forge.answer("POST", f"{path}/registration-token", headers, {}).body["token"]
    assert installed.register("gitea-runner", token=given) == 0


def test_the_forge_answers_added_paths_and_no_unknown_ones(forge: Forge) -> None:
    assert forge.answer("GET", "/api/v1/other", {}, {}).status == 404
    forge.add_route("GET", r"/api/v1/(\w+)", lambda asked: Answer(body=asked.parts))
    assert forge.answer("GET", "/api/v1/other?page=1", {}, {}).body == ("other",)


def test_the_forges_clock_can_be_wrong(forge: Forge) -> None:
    forge.clock_offset = 86400
    with urlopen(f"{forge.url}/api/healthz") as answer:  # noqa: S310 - it is this forge's
        assert answer.headers["Date"] != time.strftime("%a, %d %b %Y", time.gmtime())
        assert json.load(answer) == {"status": "pass"}
