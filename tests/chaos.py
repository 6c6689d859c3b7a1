"""Kill gates at random moments, and see that nothing is left a minute later.

python -m tests.chaos [--kills N] [--seed N]

Each run is a real gate on the caller's engine, in a process group of its own; it gets SIGKILL,
SIGTERM or SIGINT after a random time. What is looked for belongs to the killed run alone, by its
labels: containers, volumes, networks, private folders, processes and mounts.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import docker

from hardgate.engine.client import find_engine
from hardgate.ownership import RUN_LABEL

LONGEST_SECONDS = 25.0
"""A green run is over by then, as a rule; one that is over is counted as ended by itself."""
GRACE_SECONDS = 60.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Kill, look, and say what was left; 1 where anything was."""
    parser = argparse.ArgumentParser(description="Kill gates at random moments.")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    values = parser.parse_args()
    chance = random.Random(values.seed)  # noqa: S311 - nothing of it is a secret
    print(f"Seed {values.seed}.", flush=True)
    client = find_engine().open_client()
    dirty = 0
    for number in range(1, values.kills + 1):
        sent, seconds = chance.choice(SIGNALS), round(chance.uniform(0.5, LONGEST_SECONDS), 1)
        run, code = kill_one_gate(sent, seconds)
        left = await_nothing_left(client, run) if run else []
        dirty += bool(left)
        told = f"left {', '.join(left)}" if left else "nothing left"
        print(
            f"{number}: {sent.name} after {seconds} s: run {run}, exit {code}, {told}", flush=True
        )
    print(f"CHAOS {'RED' if dirty else 'GREEN'}: {values.kills - dirty} of {values.kills} clean")
    return int(bool(dirty))


def kill_one_gate(sent: signal.Signals, seconds: float) -> tuple[str, int]:
    """Start a gate, send it a signal, and give the run's id (empty before there is one)."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        log = Path(folder) / "log"
        words = [sys.executable, "-m", "hardgate", "gate", "--context", "image"]
        words += ["--egress", "beacon", "--out", f"{folder}/out"]
        with log.open("wb") as stream:
            process = subprocess.Popen(
                words, stdout=stream, stderr=subprocess.STDOUT, start_new_session=True
            )
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.send_signal(sent)
            code = process.wait(timeout=120)
        _, found, rest = log.read_text(errors="replace").partition("; run ")
        return rest[:8] if found else "", code


def await_nothing_left(client: docker.APIClient, run: str) -> list[str]:
    """Wait until nothing of a run is left; give what is at the deadline."""
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := list(find_left(client, run))) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def find_left(client: docker.APIClient, run: str) -> Iterator[str]:
    """Name what is left of a run."""
    yield from find_left_on_engine(client, run)
    yield from find_left_folders(run)
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if run.encode() in entry.read_bytes() and entry.parent.name != str(os.getpid()):
                yield f"process {entry.parent.name}"
        except OSError:
            continue
    if run in Path("/proc/self/mountinfo").read_text():
        yield "a mount"


def find_left_on_engine(client: docker.APIClient, run: str) -> Iterator[str]:
    """Name what an engine has of a run."""
    labelled = {"label": f"{RUN_LABEL}={run}"}
    for container in client.containers(all=True, filters=labelled):
        yield f"container {container['Names'][0]}"
    for volume in client.volumes(filters=labelled)["Volumes"] or ():
        yield f"volume {volume['Name']}"
    for network in client.networks(filters=labelled):
        yield f"network {network['Name']}"


def find_left_folders(run: str) -> Iterator[str]:
    """Name the private folders of a run."""
    for marker in Path(tempfile.gettempdir()).glob("hardgate-*/owner.json"):
        try:
            if json.loads(marker.read_text()).get(RUN_LABEL) == run:
                yield f"folder {marker.parent}"
        except (OSError, ValueError):
            continue


if __name__ == "__main__":
    sys.exit(main())
