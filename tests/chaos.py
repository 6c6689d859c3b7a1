"""Kill gates and engines at random moments, and see that nothing is left a minute later.

python -m tests.chaos [--kills N] [--seed N]

Each run is a real gate with a home and a temporary folder of its own. Some build the reference
image on the caller's engine, and get SIGKILL, SIGTERM or SIGINT; the others run on a machine that
is booted for this, whose engine may be killed and come again as well. What is looked for is that
run's alone: containers, volumes and networks that name its process as their owner; processes whose
environment names its folders; files in these; mounts.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import find_engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.host.image import ensure_host_image
from hardgate.system.ownership import OWNER_LABEL, RUN_LABEL, ProcessIdentity
from tests.integration.machine import Machine, machine, start_engine_again

EARLIEST_SECONDS = 0.5
"""An interpreter that has not begun to listen for signals ends by them, without a word."""
GRACE_SECONDS = 60.0
END_SECONDS = 240.0
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
REFERENCE = "hardgate-test/reference:1"
ENGINE_RESTART = "a restart of the engine"
KEPT_IN_HOME = frozenset({".cache", ".ansible", ".docker", ".local"})
"""What tools remember between runs; no run's own is looked for there but by its name."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a gate runs, and what it is given."""

    name: str
    client: docker.APIClient
    url: str
    """For DOCKER_HOST; empty for the caller's."""
    words: tuple[str, ...]
    own: Machine | None = None


@dataclass(frozen=True, kw_only=True)
class Killed:
    """A gate that was ended, and what may be left of it."""

    pid: int
    code: int
    folder: Path
    reported: bool
    """Its last line says what it is worth; also where it died before it printed anything."""


def main(argv: list[str] | None = None) -> int:
    """Kill, look, and say what was left; 1 where anything was."""
    parser = argparse.ArgumentParser(description="Kill gates at random moments.")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    values = parser.parse_args(argv)
    chance = random.Random(values.seed)  # noqa: S311 - nothing of it is a secret
    print(f"Seed {values.seed}.", flush=True)
    dirty = 0
    with open_places() as places:
        longest = {place.name: measure_whole_gate(place) for place in places}
        for number in range(1, values.kills + 1):
            place = chance.choice(places)
            line, clean = kill_and_look(chance, place, longest[place.name])
            dirty += not clean
            print(f"{number}: {line}", flush=True)
    print(f"CHAOS {'RED' if dirty else 'GREEN'}: {values.kills - dirty} of {values.kills} clean")
    return int(bool(dirty))


@contextmanager
def open_places() -> Iterator[tuple[Place, Place]]:
    """Give the caller's engine, and a machine with one of its own."""
    engine = find_engine()
    client = engine.open_client()
    base = ensure_base(engine, report_progress=print)
    host_image = ensure_host_image(client, base, read_proxy_environment(), print)
    build = [sys.executable, "-m", "hardgate", "build", "--context", "image"]
    reference = subprocess.run(build, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    client.tag(reference, REFERENCE.partition(":")[0], "1", force=True)
    folder = Path(tempfile.mkdtemp(prefix="hgc-"))
    images = [base, host_image, REFERENCE]
    try:
        # One that is near has the images whole, and lends its gates their layers: one that only
        # borrowed them would copy them for each gate.
        with machine(client, folder, host_image, name="chaos", images=images, is_near=True) as own:
            yield (
                Place(name="here", client=client, url="", words=("--context", "image")),
                Place(
                    name="machine",
                    client=own.client,
                    url=own.url,
                    words=("--image", REFERENCE),
                    own=own,
                ),
            )
    finally:
        shutil.rmtree(folder)


def measure_whole_gate(place: Place) -> float:
    """Give the seconds that a gate takes there which nobody disturbs."""
    folder = Path(tempfile.mkdtemp(prefix="hgc-"))
    begun = time.monotonic()
    try:
        killed = end_one_gate(place, signal.SIGKILL, END_SECONDS, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if killed.code != 0:
        raise RuntimeError(f"A gate that nobody disturbed ended with {killed.code}.")
    return time.monotonic() - begun


def kill_and_look(chance: random.Random, place: Place, longest: float) -> tuple[str, bool]:
    """End one gate somehow; say how it went, and whether nothing was left.

    A gate that is over within the `longest` seconds is counted as ended by itself.
    """
    ways: list[signal.Signals | str] = [*SIGNALS, *([ENGINE_RESTART] * 2 if place.own else [])]
    way, seconds = chance.choice(ways), round(chance.uniform(EARLIEST_SECONDS, longest), 1)
    folder = Path(tempfile.mkdtemp(prefix="hgc-"))
    try:
        killed = end_one_gate(place, way, seconds, folder)
        left = await_nothing_left(place, killed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    silent = way != signal.SIGKILL and not killed.reported
    name = way if isinstance(way, str) else way.name
    told = f"left {', '.join(left)}" if left else "nothing left"
    told += ", WITHOUT A LAST LINE" if silent else ""
    line = f"{place.name}, {name} after {seconds} s: exit {killed.code}, {told}"
    return line, not left and not silent


def end_one_gate(place: Place, way: signal.Signals | str, seconds: float, folder: Path) -> Killed:
    """Start a gate, let it run for a while, and end it."""
    home, temporary, log = folder / "home", folder / "tmp", folder / "log"
    for made in (home, temporary):
        made.mkdir()
    words = [sys.executable, "-m", "hardgate", "gate", *place.words]
    words += ["--egress", "beacon", "--out", str(folder / "out")]
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(temporary)}
    if place.url:
        environment["DOCKER_HOST"] = place.url
    with log.open("wb") as stream:
        process = subprocess.Popen(
            words,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            if isinstance(way, str) and place.own:
                restart_engine(place.own)
            elif not isinstance(way, str):
                process.send_signal(way)
        code = process.wait(timeout=END_SECONDS)
    lines = log.read_text(errors="replace").splitlines()
    return Killed(
        pid=process.pid,
        code=code,
        folder=folder,
        reported=all(line.startswith(("HARDGATE ", "hardgate: exit")) for line in lines[-1:]),
    )


def restart_engine(own: Machine) -> None:
    """Kill a machine's own engine, the oldest there, and boot it anew."""
    own.lookout.run_checked("sh", "-c", "kill -KILL $(pgrep -o -x dockerd)")
    time.sleep(1)
    start_engine_again(own.lookout)


def await_nothing_left(place: Place, killed: Killed) -> list[str]:
    """Wait until nothing of a run is left; give what is at the deadline."""
    deadline = time.monotonic() + GRACE_SECONDS
    while (left := list(find_left(place, killed))) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left


def find_left(place: Place, killed: Killed) -> Iterator[str]:
    """Name what is left of a run."""
    yield from find_left_on_engine(place.client, killed.pid)
    yield from find_left_files(killed.folder)
    yield from find_left_processes(killed.folder)
    if str(killed.folder) in Path("/proc/self/mountinfo").read_text():
        yield "a mount"


def find_left_on_engine(client: docker.APIClient, pid: int) -> Iterator[str]:
    """Name what an engine has of a process of this machine."""
    labelled = {"label": RUN_LABEL}

    def is_its(labels: dict[str, str] | None) -> bool:
        owner = ProcessIdentity.from_label((labels or {}).get(OWNER_LABEL, ""))
        return owner is not None and owner.pid == pid

    for container in client.containers(all=True, filters=labelled):
        if is_its(container["Labels"]):
            yield f"container {container['Names'][0]}"
    for volume in client.volumes(filters=labelled)["Volumes"] or ():
        if is_its(volume["Labels"]):
            yield f"volume {volume['Name']}"
    for network in client.networks(filters=labelled):
        if is_its(network["Labels"]):
            yield f"network {network['Name']}"


def find_left_files(folder: Path) -> Iterator[str]:
    """Name what is left in a run's home and temporary folder."""
    for entry in (folder / "tmp").iterdir():
        yield f"{entry}"
    for entry in (folder / "home").iterdir():
        if entry.name not in KEPT_IN_HOME:
            yield f"{entry}"
    for entry in (folder / "home").rglob("*hardgate*.draft"):
        yield f"{entry}"


def find_left_processes(folder: Path) -> Iterator[str]:
    """Name the processes whose environment or command line names a run's folders."""
    wanted = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
            if wanted in words or wanted in (entry / "environ").read_bytes():
                yield f"process {entry.name} ({words[:80]!r})"
        except OSError:
            continue


if __name__ == "__main__":
    sys.exit(main())
