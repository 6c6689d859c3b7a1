"""Faults of the machine, on a machine of the tests' own: its engine is frozen, cut off, and killed.

All of them share one nested engine. Never the caller's: others work there.
"""

import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from hardgate.host.test_host import boot_host_engine
from tests.integration.conftest import Ended, Running
from tests.integration.machine import Machine, machine

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("faults")]

REFERENCE = "hardgate-test/reference:1"
PROBE_SECONDS = 8
Contract = Callable[..., Path]


@pytest.fixture(scope="module")
def own(client: docker.APIClient, base: str, host_image: str, reference: str) -> Iterator[Machine]:
    """Boot a machine whose engine may be frozen and killed."""
    client.tag(reference, "hardgate-test/reference", "1", force=True)
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    images = [base, host_image, REFERENCE]
    with machine(client, folder, host_image, name="test-faults", images=images) as booted:
        yield booted
    shutil.rmtree(folder)


@pytest.fixture
def start_slow(
    start_gate: Callable[..., Running],
    make_contract: Contract,
    own: Machine,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[], Running]:
    """Start a gate on the machine, and come back while its second probe runs."""
    monkeypatch.setenv("DOCKER_HOST", own.url)
    probes = {"first": "exit 0", "slow": f"sleep {PROBE_SECONDS}; exit 0"}
    contract = make_contract(probes)

    def start() -> Running:
        running = start_gate("--image", REFERENCE, "--contract", str(contract), "--tier", "1")
        running.wait_for("✓ first")
        time.sleep(1)
        return running

    return start


def send_to_engine(own: Machine, name: str) -> None:
    """Signal the machine's own engine: the oldest, for a test host's runs there as well."""
    own.lookout.run_checked("sh", "-c", f"kill -{name} $(pgrep -o -x dockerd)")


def end_of(running: Running, seconds: float = 200) -> Ended:
    """Wait for a gate's end, whatever it is."""
    code = running.process.wait(timeout=seconds)
    output = running.log.read_text()
    print(output)
    return Ended(exit_code=code, output=output, folder=running.folder)


def list_left(own: Machine) -> list[str]:
    """Name what is on the machine's engine."""
    left = [container["Names"][0] for container in own.client.containers(all=True)]
    left += [volume["Name"] for volume in own.client.volumes()["Volumes"] or ()]
    return left


def wait_until_nothing_is_left(own: Machine, seconds: float = 60) -> None:
    """Nobody removes anything here: what goes, goes by itself."""
    deadline = time.monotonic() + seconds
    while left := list_left(own):
        assert time.monotonic() < deadline, left
        time.sleep(0.5)


@pytest.mark.fault(
    fault="The engine freezes for some seconds in mid-probe",
    injected="SIGSTOP and, 4 s later, SIGCONT to its daemon",
    verdict="as without it",
    exit_code=0,
    left="nothing",
)
def test_an_engine_that_freezes_for_a_while_costs_no_verdict(
    start_slow: Callable[[], Running], own: Machine
) -> None:
    running = start_slow()
    send_to_engine(own, "STOP")
    time.sleep(4)
    send_to_engine(own, "CONT")
    assert end_of(running).exit_code == 0
    assert list_left(own) == []


@pytest.mark.fault(
    fault="The gate is killed while the engine is frozen",
    injected="SIGSTOP to the daemon, SIGKILL to the gate, SIGCONT 3 s later",
    verdict="none: nothing is written any more",
    exit_code=-9,
    left="nothing, a minute later",
)
def test_a_gate_that_dies_while_its_engine_is_frozen_leaves_nothing(
    start_slow: Callable[[], Running], own: Machine
) -> None:
    running = start_slow()
    send_to_engine(own, "STOP")
    try:
        assert running.send(signal.SIGKILL) == -signal.SIGKILL
        time.sleep(3)
    finally:
        send_to_engine(own, "CONT")
    wait_until_nothing_is_left(own)


@pytest.mark.fault(
    fault="The streams from the engine end in mid-probe",
    injected="SIGKILL to all that relay them on the machine",
    verdict="unknown, for the probe that ran",
    exit_code=3,
    left="nothing",
)
def test_a_stream_that_ends_early_is_unknown(
    start_slow: Callable[[], Running], own: Machine
) -> None:
    running = start_slow()
    # The machine's engine is reached by these; the gate's own host has more of them.
    own.lookout.run_checked("sh", "-c", "kill -9 $(pgrep -f '[s]ystem dial-stdio')")
    ended = end_of(running)
    assert ended.exit_code == 3
    assert ended.verdict("slow")["outcome"] == "error"
    assert ended.junit.errors >= 1
    wait_until_nothing_is_left(own)


@pytest.mark.fault(
    fault="The engine is killed in mid-probe, and comes again",
    injected="SIGKILL to its daemon; a new one after the gate's end",
    verdict="unknown",
    exit_code=3,
    left="nothing, a minute after the engine is back",
)
def test_an_engine_that_is_killed_is_unknown_and_nothing_is_left_when_it_is_back(
    start_slow: Callable[[], Running], own: Machine
) -> None:
    running = start_slow()
    send_to_engine(own, "KILL")
    ended = end_of(running)
    boot_host_engine(own.lookout)
    assert ended.exit_code == 3
    assert ended.output.splitlines()[-1].startswith("HARDGATE UNKNOWN")
    assert ended.verdict("slow")["outcome"] == "error"
    assert "Hardgate itself failed" not in ended.output
    assert (ended.folder / "junit.xml").is_file()
    wait_until_nothing_is_left(own)
