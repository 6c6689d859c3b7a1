"""However a gate ends, nothing of its run stays, and nothing of anybody else's goes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from hardgate.errors import ExitCode
from hardgate.host.test_host import BOOT_SECONDS
from hardgate.system.ownership import RUN_LABEL
from tests.integration.conftest import ROOT, Ended, Running

pytestmark = pytest.mark.independent

Start = Callable[..., Running]
EARLY, LATE = "Create the test host", "Look at the workspace from outside"
STAGES = (
    pytest.param("Make the test host's image ready", marks=pytest.mark.full),
    pytest.param(EARLY, marks=pytest.mark.full),
    pytest.param("Take the image over", marks=pytest.mark.full),
    pytest.param("Start the workspace", marks=pytest.mark.full),
    LATE,
)
"""Where a run may be broken off; the later, the more there is to remove."""
WORDS = ("--context", "image", "--egress", "beacon")


def run_of(folder_log: str) -> str:
    """Read the run's id from the first line."""
    return folder_log.split("; run ", 1)[1][:8]


def left_of(client: docker.APIClient, run: str) -> list[str]:
    """List what is left of a run: containers, volumes, processes, folders."""
    labelled = {"label": f"{RUN_LABEL}={run}"}
    left = [c["Names"][0] for c in client.containers(all=True, filters=labelled)]
    left += [v["Name"] for v in client.volumes(filters=labelled)["Volumes"] or ()]
    for marker in Path("/tmp").glob("hardgate-*/owner.json"):
        if json.loads(marker.read_text())["hardgate.run"] == run:
            left.append(str(marker.parent))
    return left + list(processes_of(run))


def processes_of(run: str) -> Iterator[str]:
    """Name this machine's processes that were started for a run."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if run.encode() in words and int(entry.name) != os.getpid():
            yield words.decode(errors="replace")


def wait_until_gone(client: docker.APIClient, run: str, seconds: float = 60) -> list[str]:
    """Wait until nothing is left; give what is left at the deadline."""
    deadline = time.monotonic() + seconds
    while (left := left_of(client, run)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize("stage", STAGES)
def test_nothing_is_left_a_minute_after_sigkill(
    start_gate: Start, client: docker.APIClient, stage: str
) -> None:
    running = start_gate(*WORDS)
    running.wait_for(stage)
    run = run_of(running.log.read_text())
    assert len(running.find_processes()) > 1
    running.send(signal.SIGKILL)
    assert wait_until_gone(client, run) == []
    assert running.find_processes() == []


@pytest.mark.usefixtures("reference")
@pytest.mark.parametrize(
    ("stage", "number", "code", "word"),
    [
        pytest.param(EARLY, signal.SIGINT, 130, "INTERRUPTED", marks=pytest.mark.full),
        (LATE, signal.SIGTERM, 143, "TERMINATED"),
    ],
    ids=["SIGINT early", "SIGTERM late"],
)
def test_a_signal_ends_the_run_with_a_report_and_leaves_nothing(
    start_gate: Start,
    client: docker.APIClient,
    stage: str,
    number: signal.Signals,
    code: int,
    word: str,
) -> None:
    running = start_gate(*WORDS)
    running.wait_for(stage)
    see_a_signal_end_it(running, client, number, code=code, word=word)


def see_a_signal_end_it(
    running: Running, client: docker.APIClient, number: signal.Signals, *, code: int, word: str
) -> None:
    """See that a signal ends a gate with a report, and that nothing is left."""
    assert running.send(number) == code
    ended = Ended(exit_code=code, output=running.log.read_text(), folder=running.folder)
    assert ended.summary["exit_code"] == code
    assert ended.output.splitlines()[-1].startswith(f"HARDGATE {word}")
    assert left_of(client, run_of(ended.output)) == []


@pytest.mark.usefixtures("reference")
@pytest.mark.fault(
    fault="The test host ends while it is made ready",
    injected="SIGKILL to its container as soon as the play has created it",
    verdict="unknown, with what the host said last",
    exit_code="3",
    left="nothing",
)
def test_a_host_that_ends_while_it_is_made_ready_is_told(
    start_gate: Start, client: docker.APIClient
) -> None:
    running = start_gate(*WORDS)
    running.wait_for(EARLY)
    run = run_of(running.log.read_text())
    client.kill(f"hardgate-{run}")
    assert running.process.wait(timeout=2 * BOOT_SECONDS) == ExitCode.UNKNOWN
    assert running.log.read_text().splitlines()[-1].startswith("HARDGATE UNKNOWN")
    assert left_of(client, run) == []


@pytest.mark.full
def test_two_runs_of_one_checkout_at_once_do_not_touch_each_other(
    start_gate: Start, client: docker.APIClient, reference: str
) -> None:
    """Both build the one image, which is known by one digest from 'hardgate build' to a report."""
    both = [start_gate(*WORDS), start_gate(*WORDS)]
    assert [running.process.wait(timeout=400) for running in both] == [0, 0]
    for running in both:
        ended = Ended(exit_code=0, output=running.log.read_text(), folder=running.folder)
        assert ended.summary["image"]["digest"] == reference
        assert left_of(client, run_of(ended.output)) == []
    assert client.inspect_image(reference)["Id"] == reference


@pytest.mark.full
@pytest.mark.fault(
    fault="Eight runs at once on one engine",
    injected="four of an image that keeps its promise, and four that break it",
    verdict="eight correct verdicts",
    exit_code="0 and 1",
    left="nothing",
)
def test_eight_runs_at_once_give_eight_right_verdicts(
    start_gate: Start,
    make_contract: Callable[..., Path],
    client: docker.APIClient,
    reference: str,
    tmp_path: Path,
) -> None:
    contracts = {
        code: make_contract({"mine": f"sleep 1; exit {code}"}).rename(tmp_path / f"{code}.yaml")
        for code in (0, 1)
    }
    codes = [0, 1] * 4
    started = [
        start_gate("--image", reference, "--tier", "1", "--contract", str(contracts[code]))
        for code in codes
    ]
    assert [running.process.wait(timeout=400) for running in started] == codes
    for running, code in zip(started, codes, strict=True):
        ended = Ended(exit_code=code, output=running.log.read_text(), folder=running.folder)
        assert ended.verdict("mine")["outcome"] == ("fail" if code else "pass")
        assert left_of(client, run_of(ended.output)) == []


@pytest.mark.usefixtures("reference")
def test_a_kept_run_stays_says_how_to_go_on_and_is_removed_by_its_id(
    gate: Callable[..., Ended], client: docker.APIClient
) -> None:
    see_a_kept_run_removed_by_its_id(gate(*WORDS, "--keep"), client)


def see_a_kept_run_removed_by_its_id(ended: Ended, client: docker.APIClient) -> None:
    """See that a kept run stays, says how to go on, and goes when it is reaped."""
    run = ended.summary["id"]
    try:
        assert ended.exit_code == 0
        assert any(name.startswith(f"/hardgate-{run}") for name in left_of(client, run))
        assert f"hardgate reap --run {run}" in ended.output
    finally:
        subprocess.run(
            [sys.executable, "-m", "hardgate", "reap", "--run", run], check=True, cwd=ROOT
        )
    assert left_of(client, run) == []
