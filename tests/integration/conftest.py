"""A real engine, real images, and the gate as users start it: a process, words, an exit code."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
from junitparser import JUnitXml

from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import find_engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.host.image import ensure_host_image
from tests.integration.acting import have_act
from tests.integration.sharing import Once, output_of, shared_folder

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
IMAGES = HERE / "images"
GATE_SECONDS = 400
SLIM = "hardgate-test/python-slim:1"
"""So the good template's Dockerfile calls it."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A gate that has ended, and what it left in its folder."""

    exit_code: int
    output: str
    folder: Path

    @property
    def summary(self) -> dict[str, Any]:
        """Read summary.json."""
        return dict(json.loads((self.folder / "summary.json").read_text()))

    @property
    def junit(self) -> JUnitXml:
        """Read junit.xml."""
        return JUnitXml.fromfile(str(self.folder / "junit.xml"))

    def verdict(self, name: str) -> dict[str, Any]:
        """Find one verdict."""
        return next(dict(v) for v in self.summary["verdicts"] if v["name"] == name)

    def names(self, outcome: str) -> set[str]:
        """Name the verdicts with an outcome."""
        return {v["name"] for v in self.summary["verdicts"] if v["outcome"] == outcome}


Gate = Callable[..., Ended]


PIP = (sys.executable, "-m", "pip", "--quiet")


def gate_words(folder: Path, words: Sequence[str]) -> list[str]:
    """Give the whole command line of a gate that reports into `folder`."""
    return [sys.executable, "-m", "hardgate", "gate", "--out", str(folder), *words]


@pytest.fixture(scope="session")
def client() -> docker.APIClient:
    """Give the caller's engine; none is an error, never a skip."""
    return find_engine().open_client()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder that all processes of this run see."""
    return shared_folder(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def once(shared: Path) -> Once:
    """Make what all tests need, once for all processes of this run."""
    return Once(folder=shared)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a module's tests in one process, in their order, where nobody says otherwise."""
    for item in items:
        told = any(item.get_closest_marker(name) for name in ("independent", "xdist_group"))
        if item.path.is_relative_to(HERE) and not told:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def act(once: Once, shared: Path) -> str:
    """Give act, ready; empty on a machine that cannot have it."""
    # Two first uses of 'pipx run' at once make one environment, and break each other.
    once("nox", lambda: output_of(["pipx", "run", "nox", "--version"]))
    return have_act(once, shared)


@pytest.fixture(scope="session")
def base(once: Once) -> str:
    """Make sure of a base, and give its tag."""
    return once("base", lambda: ensure_base(find_engine(), report_progress=print))


@pytest.fixture(scope="session")
def host_image(once: Once, client: docker.APIClient, base: str) -> str:
    """Build the test host's own image, and give its tag."""
    make = ensure_host_image
    return once("host-image", lambda: make(client, base, read_proxy_environment(), print))


@pytest.fixture(scope="session")
def reference(once: Once, host_image: str) -> str:
    """Build the reference image, as `nox -s build` does, and give its digest."""
    assert host_image
    words = [sys.executable, "-m", "hardgate", "build", "--context", str(ROOT / "image")]
    return once("reference", lambda: output_of(words).strip())


@pytest.fixture(scope="session")
def reference_tag(client: docker.APIClient, reference: str) -> str:
    """Give the reference image under a name: BuildKit asks a registry for a FROM that is an id."""
    client.tag(reference, "hardgate-test/reference", reference[-12:], force=True)
    return f"hardgate-test/reference:{reference[-12:]}"


@pytest.fixture(scope="session")
def runner_image(client: docker.APIClient, reference: str) -> str:
    """Give the reference image under a name that hosts can be given."""
    client.tag(reference, "hardgate-test/runner-reference", "1", force=True)
    return "hardgate-test/runner-reference:1"


@pytest.fixture(scope="session")
def slim(once: Once, base: str) -> str:
    """Make a stand-in for a slim Python base, which no registry here has; give its tag."""
    lines = (
        f"FROM {base}",
        # Nothing that is made of it has to survive a crash.
        "RUN echo force-unsafe-io >/etc/dpkg/dpkg.cfg.d/fast && apt-get update"
        " && apt-get install -y --no-install-recommends python3 python3-venv",
        "RUN rm -rf /var/lib/apt/lists/*",
    )
    words = ["docker", "build", "--quiet", "--tag", SLIM, "-"]
    once("slim", lambda: output_of(words, told="\n".join(lines)))
    return SLIM


@pytest.fixture(scope="session")
def wheel(once: Once, shared: Path) -> Path:
    """Build the project's wheel."""
    folder = shared / "wheel"
    words = [*PIP, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    once("wheel", lambda: output_of(words))
    return next(folder.glob("hardgate-*.whl"))


@pytest.fixture(scope="session")
def wheelhouse(once: Once, shared: Path, wheel: Path) -> Path:
    """Fetch the wheels that hardgate needs on a Debian of our bases; its own is among them."""
    folder = shared / "wheelhouse"
    only = ("--python-version", "3.13", "--only-binary=:all:")
    words = [*PIP, "download", "--dest", str(folder), *only, str(wheel)]
    once("wheelhouse", lambda: output_of(words))
    return folder


def run_gate(folder: Path, *words: str, environment: Mapping[str, str] | None = None) -> Ended:
    """Run a gate to its end, with its reports in `folder`."""
    ended = subprocess.run(
        gate_words(folder, words),
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=GATE_SECONDS,
        check=False,
    )
    print(ended.stdout)
    return Ended(exit_code=ended.returncode, output=ended.stdout, folder=folder)


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Run a gate to its end, each in a folder of its own."""
    runs = iter(range(100))

    def run(*words: str, environment: Mapping[str, str] | None = None) -> Ended:
        return run_gate(tmp_path / f"run{next(runs)}", *words, environment=environment)

    return run


def write_contract(file: Path, capabilities: Mapping[str, Mapping[str, Any]]) -> Path:
    """Write a contract of capabilities, by name: a probe each, and what is not as usual."""
    usual = {"severity": "hard", "source": "a test"}
    listed = [
        {"name": name, "description": f"what '{name}' promises", **usual, **fields}
        for name, fields in capabilities.items()
    ]
    file.write_text(json.dumps({"version": 1, "agent_uid": 1000, "capabilities": listed}))
    return file


@pytest.fixture
def make_contract(tmp_path: Path) -> Callable[..., Path]:
    """Write a contract of given probes, by name."""

    def write(probes: Mapping[str, str], **fields: Any) -> Path:
        capabilities = {name: {"probe": probe, **fields} for name, probe in probes.items()}
        return write_contract(tmp_path / "contract.yaml", capabilities)

    return write


@dataclass(kw_only=True)
class Running:
    """A gate that is under way, with what it has said so far."""

    process: "subprocess.Popen[str]"
    log: Path
    folder: Path

    def wait_for(self, text: str, seconds: float = 180) -> None:
        """Wait until it has said something."""
        deadline = time.monotonic() + seconds
        while text not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def find_processes(self) -> list[int]:
        """List its processes, and those that it started, and these."""
        mark = f"{STARTED_VARIABLE}={self.folder}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
        return found

    def send(self, number: signal.Signals) -> int:
        """Send it a signal, and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=180)


STARTED_VARIABLE = "HARDGATE_TEST_STARTED"
"""In the environment of all that a started gate starts: its folder."""


@pytest.fixture
def start_gate(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """Start a gate, and end it with the test."""
    started: list[Running] = []

    def start(*words: str) -> Running:
        log, folder = tmp_path / f"log{len(started)}", tmp_path / f"started{len(started)}"
        with log.open("w") as output:
            process = subprocess.Popen(
                gate_words(folder, words),
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1", STARTED_VARIABLE: str(folder)},
                text=True,
            )
        started.append(Running(process=process, log=log, folder=folder))
        return started[-1]

    yield start
    for running in started:
        running.process.terminate()
        running.process.wait(timeout=180)
