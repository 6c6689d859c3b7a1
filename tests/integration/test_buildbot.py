"""A real CI system drives the gate end to end: Buildbot, by the file that docs/ci.md shows.

Buildbot is nothing that hardgate needs: it comes from PyPI into an environment of the test's own.
What came of a build is asked of Buildbot's API, and what is left of it, of the machine.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import docker
import pytest
from junitparser import JUnitXml

from hardgate.system.ownership import RUN_LABEL
from tests.integration.conftest import ROOT
from tests.integration.sharing import copy_checkout
from tests.integration.test_leaving import wait_until_gone
from tests.integration.test_templates import git

pytestmark = [pytest.mark.slow, pytest.mark.full]

CONFIGURATION = ROOT / "docs" / "buildbot" / "master.cfg"
PACKAGES = ("buildbot==4.3.0", "buildbot-worker==4.3.0", "buildbot-www==4.3.0")
WORKERS = ("docker-host-1", "docker-host-2")
PASSWORD = "a-word-of-this-test"
SECONDS = 240
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never by the machine's proxy: it is all on loopback."""


class Result(IntEnum):
    """What a build is worth, in Buildbot's numbers."""

    SUCCESS = 0
    RETRY = 5
    CANCELLED = 6


@dataclass(frozen=True, kw_only=True)
class Buildbot:
    """A master with its workers, and its API."""

    url: str
    folder: Path
    workers: dict[str, "subprocess.Popen[bytes]"]

    def ask(self, path: str, call: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask the API; with a call, by JSON-RPC."""
        body = json.dumps({"id": 1, "jsonrpc": "2.0", **call}).encode() if call else None
        kind = {"Content-Type": "application/json"}
        url = f"{self.url}/api/v2/{path}"
        request = urllib.request.Request(url, data=body, headers=kind)  # noqa: S310 - http, ours
        with DIRECT.open(request, timeout=30) as answer:
            return dict(json.load(answer))

    def force(self) -> int:
        """Ask for a build, and give the request's id."""
        told = self.ask("forceschedulers/force", {"method": "force", "params": {"builderid": 1}})
        return int(next(iter(told["result"][1].values())))

    def builds(self, request: int) -> list[dict[str, Any]]:
        """Give a request's builds: one, but for those whose worker was lost."""
        return list(self.ask(f"buildrequests/{request}/builds")["builds"])

    def finished(self, request: int) -> list[dict[str, Any]]:
        """Wait for a request's end, and give its builds."""

        def complete() -> bool:
            (told,) = self.ask(f"buildrequests/{request}")["buildrequests"]
            return bool(told["complete"])

        wait_for(complete, f"request {request}")
        return self.builds(request)

    def worker_of(self, build: dict[str, Any]) -> str:
        """Name the worker that has a build."""
        (told,) = self.ask(f"workers/{build['workerid']}")["workers"]
        return str(told["name"])

    def stop(self, build: dict[str, Any]) -> None:
        """Press the button."""
        self.ask(f"builds/{build['buildid']}", {"method": "stop", "params": {"reason": "a test"}})

    def run_of(self, worker: str) -> str:
        """Name the gate's run of a worker's build, by the folder of its reports; empty before."""
        reports = self.folder / worker / "t4" / "build" / "reports" / "t4"
        return next((run.name for run in reports.glob("*") if not run.is_symlink()), "")


def wait_for(seen: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install Buildbot beside everything else, and give its folder of programs."""
    home = tmp_path_factory.mktemp("buildbot") / "environment"
    subprocess.run([sys.executable, "-m", "virtualenv", "--quiet", str(home)], check=True)
    subprocess.run(
        [home / "bin" / "pip", "install", "--quiet", "--no-compile", *PACKAGES], check=True
    )
    return home / "bin"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository of one commit: this checkout's files, as they are now."""
    folder = tmp_path_factory.mktemp("repository")
    copy_checkout(folder)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "as it is now")
    return folder


def free_port() -> int:
    """Find a port that nobody listens on."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="module")
def buildbot(
    programs: Path, repository: Path, reference: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Buildbot]:
    """Start a master and two workers of one machine, and end them with the tests."""
    folder = tmp_path_factory.mktemp("ci")
    web, inner = free_port(), free_port()
    environment = {
        **os.environ,
        # Python compiles by itself what Buildbot loads.
        "PYTHONDONTWRITEBYTECODE": "",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GATE_REPOSITORY": repository.as_uri(),
        "GATE_WORKER_PASSWORD": PASSWORD,
        "GATE_WORKERS": " ".join(WORKERS),
        "GATE_WORKER_PORT": str(inner),
        "GATE_WEB_PORT": str(web),
        # Building is shown elsewhere; here it would only cost time.
        "GATE_WORDS": f"--image {reference} --egress beacon",
    }
    # Two first uses of 'pipx run' at once make one environment, and break each other.
    subprocess.run(["pipx", "run", "nox", "--version"], env=environment, check=True)
    master = folder / "master"
    subprocess.run([programs / "buildbot", "create-master", "--quiet", master], check=True)
    shutil.copy(CONFIGURATION, master)
    started = {"master": start(environment, programs / "buildbot", "start", "--nodaemon", master)}
    try:
        for name in WORKERS:
            make = (programs / "buildbot-worker", "create-worker", "--quiet", folder / name)
            subprocess.run([*make, f"127.0.0.1:{inner}", name, PASSWORD], check=True)
            words = ("start", "--nodaemon", folder / name)
            started[name] = start(environment, programs / "buildbot-worker", *words)
        workers = {name: started[name] for name in WORKERS}
        ci = Buildbot(url=f"http://127.0.0.1:{web}", folder=folder, workers=workers)
        wait_for(lambda: connected(ci) == len(WORKERS), "workers", 60)
        yield ci
    finally:
        for process in reversed(started.values()):
            end(process)


def start(environment: dict[str, str], *words: str | Path) -> "subprocess.Popen[bytes]":
    """Start one of Buildbot's own processes; what it says lies in its folder's 'twistd.log'."""
    return subprocess.Popen(
        words, env=environment, stdout=subprocess.DEVNULL, start_new_session=True
    )


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process that was started here, politely if it still can hear."""
    process.terminate()
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def connected(ci: Buildbot) -> int:
    """Count the workers that the master has."""
    with suppress(urllib.error.URLError, ConnectionError):
        return sum(bool(one["connected_to"]) for one in ci.ask("workers")["workers"])
    return 0


def left_of(client: docker.APIClient, run: str) -> list[str]:
    """List what is left of a run a minute later, networks included."""
    networks = client.networks(filters={"label": f"{RUN_LABEL}={run}"})
    return [*wait_until_gone(client, run), *(one["Name"] for one in networks)]


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two builds of one commit that are under way on one engine."""

    requests: dict[str, int]
    """By worker."""
    builds: dict[str, dict[str, Any]]
    runs: dict[str, str]


def start_two(ci: Buildbot, client: docker.APIClient) -> Pair:
    """Ask for two builds, and wait until both have something on the engine."""
    for worker in WORKERS:
        shutil.rmtree(ci.folder / worker / "t4" / "build" / "reports", ignore_errors=True)
    asked = [ci.force(), ci.force()]
    wait_for(lambda: all(ci.builds(one) for one in asked), "builds")
    builds = {one: ci.builds(one)[0] for one in asked}
    requests = {ci.worker_of(build): one for one, build in builds.items()}
    assert set(requests) == set(WORKERS)

    def under_way(worker: str) -> bool:
        run = ci.run_of(worker)
        return bool(run and client.containers(filters={"label": f"{RUN_LABEL}={run}"}))

    wait_for(lambda: all(map(under_way, WORKERS)), "both on the engine")
    return Pair(
        requests=requests,
        builds={worker: builds[one] for worker, one in requests.items()},
        runs={worker: ci.run_of(worker) for worker in WORKERS},
    )


def junit_of(ci: Buildbot, build: dict[str, Any]) -> JUnitXml:
    """Read the report that the master collected."""
    return JUnitXml.fromfile(str(ci.folder / "master" / "junit" / f"{build['number']}.xml"))


def test_two_builds_of_one_commit_at_once_are_green(
    buildbot: Buildbot, client: docker.APIClient
) -> None:
    pair = start_two(buildbot, client)
    for worker, request in pair.requests.items():
        (build,) = buildbot.finished(request)
        assert build["results"] == Result.SUCCESS
        report = junit_of(buildbot, build)
        assert report.tests >= 17
        assert report.failures == report.errors == 0
        assert left_of(client, pair.runs[worker]) == []
    assert len(set(pair.runs.values())) == 2


def test_a_build_that_is_stopped_is_not_green_and_the_other_is(
    buildbot: Buildbot, client: docker.APIClient
) -> None:
    stopped, other = WORKERS
    pair = start_two(buildbot, client)
    buildbot.stop(pair.builds[stopped])
    (build,) = buildbot.finished(pair.requests[stopped])
    assert build["results"] == Result.CANCELLED
    (build,) = buildbot.finished(pair.requests[other])
    assert build["results"] == Result.SUCCESS
    assert junit_of(buildbot, build).errors == 0
    for run in pair.runs.values():
        assert left_of(client, run) == []


def test_a_build_whose_worker_is_killed_is_not_green_and_is_done_over_by_the_other(
    buildbot: Buildbot, client: docker.APIClient
) -> None:
    killed, other = WORKERS
    pair = start_two(buildbot, client)
    buildbot.workers[killed].send_signal(signal.SIGKILL)
    (build,) = buildbot.finished(pair.requests[other])
    assert build["results"] == Result.SUCCESS
    lost, again = buildbot.finished(pair.requests[killed])
    assert (lost["results"], buildbot.worker_of(lost)) == (Result.RETRY, killed)
    assert (again["results"], buildbot.worker_of(again)) == (Result.SUCCESS, other)
    for run in (*pair.runs.values(), buildbot.run_of(other)):
        assert left_of(client, run) == []
