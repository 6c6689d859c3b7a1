"""What a fleet costs the machine that drives it: gates that only wait, on hosts that are this one.

python -m tests.bench.controller [--hosts N]… [--images N] [--seconds S]

The stand-in is a `pipx` of our own in the hosts' PATH: it waits, and leaves the reports of a
recorded gate. So all that is measured is Ansible's and hardgate's: CPU seconds of all processes,
and the largest sum of their memory (PSS). The hosts' side of each task is among them, which
elsewhere is the hosts' own, and SSH is not.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SUMMARY = ROOT / "docs" / "red-run" / "summary.json"
"""A real one, of a run whose reports have their usual length."""
STAND_IN = """#!/bin/sh
# pipx run nox -s SESSION -- WORD…
[ "$4" = t4 ] || exit 0
sleep {seconds}
for word; do
    [ "$last" != --out ] || out=$word
    last=$word
done
mkdir -p "$out"
cp {summary} "$out/summary.json"
cp {junit} "$out/junit.xml"
exit 1
"""
SAMPLE_SECONDS = 0.5


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, and print a line of Markdown for each number of hosts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, action="append", help="hosts at once (2, 4 and 8)")
    parser.add_argument("--images", type=int, default=3, help="images on each host (3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="how long a gate waits (2)")
    values = parser.parse_args(argv)
    print("| hosts | gates | seconds | CPU seconds | memory (MB) | bytes of reports |")
    print("|---:|---:|---:|---:|---:|---:|")
    for hosts in values.hosts or (2, 4, 8):
        with tempfile.TemporaryDirectory(prefix="hardgate-controller-") as name:
            row = measure_fleet(Path(name), hosts, values.images, values.seconds)
        print("| " + " | ".join(row) + " |", flush=True)


def measure_fleet(folder: Path, hosts: int, images: int, seconds: float) -> list[str]:
    """Run a fleet whose gates wait; give the cells of its line."""
    words = write_fleet(folder, hosts, images, seconds)
    before, begun = os.times(), time.monotonic()
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
        peak, over = [0], threading.Event()
        watcher = threading.Thread(target=watch_memory, args=(process.pid, peak, over))
        watcher.start()
        process.wait()
        over.set()
        watcher.join()
    after, took = os.times(), time.monotonic() - begun
    answered = len(list((folder / "out").glob("*/*/summary.json")))
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    size = sum(file.stat().st_size for file in (folder / "out").rglob("*") if file.is_file())
    gates = f"{answered} of {hosts * images}"
    return [str(hosts), gates, f"{took:.1f}", f"{cpu:.1f}", f"{peak[0] / 1e6:.0f}", str(size)]


def write_fleet(folder: Path, hosts: int, images: int, seconds: float) -> list[str]:
    """Write inventory, list and stand-in; give the fleet's command line."""
    programs = folder / "bin"
    programs.mkdir()
    stand_in = programs / "pipx"
    junit = folder / "junit.xml"
    junit.write_text("<testsuites/>\n")
    stand_in.write_text(STAND_IN.format(seconds=seconds, summary=SUMMARY, junit=junit))
    stand_in.chmod(0o755)
    host = {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "remote_gate_environment": {"PATH": f"{programs}:{os.environ['PATH']}"},
    }
    inventory = {"all": {"hosts": {f"host{number}": host for number in range(hosts)}}}
    listed = [{"reference": f"image{number}:1"} for number in range(images)]
    (folder / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (folder / "images.yaml").write_text(yaml.safe_dump({"version": 1, "images": listed}))
    words = [sys.executable, "-m", "hardgate", "fleet", "-q", "--forks", str(hosts)]
    words += ["-i", str(folder / "inventory.yml"), "--images", str(folder / "images.yaml")]
    return [*words, "--egress", "beacon", "--out", str(folder / "out")]


def watch_memory(pid: int, peak: list[int], over: threading.Event) -> None:
    """Keep the largest sum of memory of a process and all that it started, in bytes."""
    while not over.wait(SAMPLE_SECONDS):
        peak[0] = max(peak[0], sum(map(read_memory, list_descendants(pid))))


def list_descendants(pid: int) -> Iterator[int]:
    """Name a process and all below it."""
    yield pid
    for child in read_children(pid):
        yield from list_descendants(child)


def read_children(pid: int) -> list[int]:
    """Name the children of all threads of a process; none of one that is gone."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [
            int(word) for thread in threads for word in (thread / "children").read_text().split()
        ]
    except OSError:
        return []


def read_memory(pid: int) -> int:
    """Give the bytes of a process, of what it shares its part alone."""
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


if __name__ == "__main__":
    main()
