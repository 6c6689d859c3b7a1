"""Faults of the machine, on a machine of the tests' own: its engine is frozen, killed, and full.

All of them share one nested engine. Never the caller's: others work there.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from hardgate.system.ownership import Owner, ProcessIdentity
from tests.integration.conftest import ROOT, Ended, Gate, Running, gate_words
from tests.integration.machine import Machine, machine, start_engine_again
from tests.integration.sharing import Once, output_of

pytestmark = [pytest.mark.full, pytest.mark.xdist_group("faults")]

SMALL = "hardgate-test/small:1"
SMALL_LINES = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "/bin"]
USER 1000:1000
CMD ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"]
"""
PROBE_SECONDS = 8
# libfaketime 0.9.10 answers EINVAL to Python's sleep, which names the monotonic moment of its end.
SLEEP_BY_SELECT = """import select, time
time.sleep = lambda seconds: select.select((), (), (), seconds)
"""
SMALL_DISK = 'mount -t tmpfs -o "size=$2" none "$1" || exit 90; shift 2; exec "$@"'
Contract = Callable[..., Path]


@pytest.fixture(scope="module")
def small(once: Once, shared: Path) -> str:
    """Build an image of 2 MB: an engine that was lent its layers copies it for each gate."""
    folder = shared / "small"

    def build() -> str:
        shutil.copy(unpack_package("busybox-static", folder, "bin/busybox"), folder / "busybox")
        (folder / "Dockerfile").write_text(SMALL_LINES)
        return output_of(["docker", "build", "--quiet", "--tag", SMALL, str(folder)])

    once("small", build)
    return SMALL


def unpack_package(name: str, folder: Path, program: str) -> Path:
    """Unpack a package of Debian's, which this machine need not have, and find a file in it."""
    folder.mkdir()
    fetch = f"apt-get download {name} || {{ apt-get update && apt-get download {name}; }}"
    output_of(["sh", "-c", f"cd '{folder}' && ( {fetch} ) && dpkg-deb -x *.deb ."])
    return next(path for path in folder.rglob(program) if path.is_file())


@pytest.fixture(scope="module")
def own(client: docker.APIClient, base: str, host_image: str, small: str) -> Iterator[Machine]:
    """Boot a machine whose engine may be frozen and killed."""
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    images = [base, host_image, small]
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
        running = start_gate("--image", SMALL, "--contract", str(contract), "--tier", "1")
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
    verdict="none: no report is written",
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
    fault="The disk of the engine is full",
    injected="a tmpfs of 16 KiB in the place of its containers' folder",
    verdict="unknown",
    exit_code=3,
    left="nothing",
)
def test_a_full_disk_of_the_engine_is_unknown(
    gate: Gate, own: Machine, make_contract: Contract
) -> None:
    place = "/var/lib/docker/containers"
    own.lookout.run_checked("mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=2", "none", place)
    try:
        ended = run_small(gate, own, make_contract)
    finally:
        own.lookout.run_checked("umount", "-l", place)
    assert ended.exit_code == 3
    assert "no space left on device" in ended.output
    assert list_left(own) == []


def run_small(gate: Gate, own: Machine, make_contract: Contract, *words: str) -> Ended:
    """Run a gate of one probe on the machine."""
    contract = make_contract({"first": "exit 0"})
    return gate(
        *("--image", SMALL, "--contract", str(contract), "--tier", "1", *words),
        environment={"DOCKER_HOST": own.url},
    )


@pytest.mark.fault(
    fault="The disk of the reports' folder gets full in a run that would be green",
    injected="a tmpfs of 8 KiB in its place",
    verdict="unknown; the output names the full disk",
    exit_code=3,
    left="nothing",
)
def test_a_disk_of_reports_that_gets_full_is_never_green(
    own: Machine, make_contract: Contract, tmp_path: Path
) -> None:
    full = tmp_path / "full"
    full.mkdir()
    contract = make_contract({"first": "exit 0"})
    words = gate_words(full / "out", ["--image", SMALL, "--contract", str(contract)])
    ran = subprocess.run(
        [
            "unshare",
            "--mount",
            "sh",
            "-c",
            SMALL_DISK,
            "sh",
            str(full),
            "8k",
            *words,
            "--tier",
            "1",
        ],
        env={**os.environ, "DOCKER_HOST": own.url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    print(ran.stdout)
    assert ran.returncode == 3
    assert "No space left on device" in ran.stdout
    assert "GREEN" not in ran.stdout
    assert list_left(own) == []


@pytest.fixture(scope="module")
def faketime(once: Once, shared: Path) -> Path:
    """Give Debian's libfaketime."""
    folder = shared / "faketime"
    return Path(
        once(
            "faketime",
            lambda: str(unpack_package("libfaketime", folder, "faketime/libfaketime.so.1")),
        )
    )


@pytest.mark.fault(
    fault="The machine's clock jumps by ten hours in mid-run, ahead and back",
    injected="libfaketime in the gate and in another one beside it",
    verdict="as without it",
    exit_code=0,
    left="nothing",
)
@pytest.mark.parametrize("jump", ["+10h", "-10h"])
def test_a_clock_that_jumps_costs_no_verdict_and_no_run(
    start_slow: Callable[[], Running],
    own: Machine,
    faketime: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    jump: str,
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0\n")
    (tmp_path / "sitecustomize.py").write_text(SLEEP_BY_SELECT)
    faked = {
        "LD_PRELOAD": str(faketime),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(tmp_path),
    }
    for name, value in faked.items():
        monkeypatch.setenv(name, value)
    running = start_slow()
    clock.write_text(f"{jump}\n")
    words = [sys.executable, "-m", "hardgate", "reap"]
    reaped = subprocess.run(words, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True)
    assert "There was nothing to remove." in reaped.stdout
    assert end_of(running).exit_code == 0
    assert list_left(own) == []


@pytest.mark.fault(
    fault="The gate has no memory left",
    injected="an address space of 400 MiB for it and its play",
    verdict="unknown, or as without it if the memory was enough",
    exit_code="3 or 0",
    left="nothing",
)
def test_a_gate_without_memory_ends_with_a_report(
    own: Machine, make_contract: Contract, tmp_path: Path
) -> None:
    contract = make_contract({"first": "exit 0"})
    words = gate_words(tmp_path / "out", ["--image", SMALL, "--contract", str(contract)])
    ran = subprocess.run(
        ["prlimit", f"--as={400 * 2**20}", *words, "--tier", "1"],
        env={**os.environ, "DOCKER_HOST": own.url},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
        check=False,
    )
    print(ran.stdout)
    ended = Ended(exit_code=ran.returncode, output=ran.stdout, folder=tmp_path / "out")
    assert ended.exit_code in {0, 3}
    assert ended.summary["exit_code"] == ended.exit_code
    assert (ended.folder / "junit.xml").is_file()
    wait_until_nothing_is_left(own)


@pytest.mark.fault(
    fault="Another user's container has labels like ours, and uses a dead run's volume",
    injected="an image with a dead run's labels; a container of it with such a volume",
    verdict="as without it",
    exit_code=0,
    left="that container and that volume",
)
def test_somebody_elses_container_and_the_volume_that_it_uses_stay(
    gate: Gate, own: Machine, make_contract: Contract
) -> None:
    current, deadline = ProcessIdentity.of_current_process(), int(time.time()) - 10
    gone = ProcessIdentity(
        boot=current.boot, namespace=current.namespace, pid=current.pid, started=1
    )
    labels = Owner(run="deadbeef", process=gone, deadline=deadline).labels
    lines = "\n".join([f"FROM {SMALL}", *(f"LABEL {k}={v}" for k, v in labels.items())])
    words = ["docker", "-H", own.url, "build", "--quiet", "--tag", "theirs", "-"]
    subprocess.run(
        words,
        input=lines,
        text=True,
        check=True,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
        capture_output=True,
    )
    volume = own.client.create_volume("dead-volume", labels=labels)["Name"]
    container = own.client.create_container(
        "theirs",
        ["sleep", "600"],
        entrypoint="",
        name="theirs",
        host_config=own.client.create_host_config(binds=[f"{volume}:/theirs"]),
    )["Id"]
    own.client.start(container)
    try:
        ended = run_small(gate, own, make_contract)
        assert ended.exit_code == 0
        assert own.client.inspect_container(container)["State"]["Running"]
        assert sorted(list_left(own)) == ["/theirs", volume]
    finally:
        own.client.remove_container(container, force=True)
        own.client.remove_volume(volume)
        own.client.remove_image("theirs")


# The last, for an engine that ends in good order takes the layers with it that the machine lent it.
@pytest.mark.parametrize("name", ["KILL", "TERM"])
@pytest.mark.fault(
    fault="The engine is killed or stopped in mid-probe, and comes again",
    injected="SIGKILL, SIGTERM to its daemon; a new one after the gate's end",
    verdict="unknown",
    exit_code=3,
    left="nothing, a minute after the engine is back",
)
def test_an_engine_that_ends_is_unknown_and_nothing_is_left_when_it_is_back(
    start_slow: Callable[[], Running], own: Machine, name: str
) -> None:
    running = start_slow()
    send_to_engine(own, name)
    ended = end_of(running)
    start_engine_again(own.lookout)
    assert ended.exit_code == 3
    assert ended.output.splitlines()[-1].startswith("HARDGATE UNKNOWN")
    assert ended.verdict("slow")["outcome"] == "error"
    assert "Hardgate itself failed" not in ended.output
    assert (ended.folder / "junit.xml").is_file()
    wait_until_nothing_is_left(own)
