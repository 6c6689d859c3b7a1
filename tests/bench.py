"""The gate's speed, beside what people would use instead: medians of runs taken in turns.

    nox -s bench            three rounds
    nox -s bench -- 5       five

Beside it stand an empty ansible-runner play, and the naive gate in shell: `docker run` under the
tier's flags and a loop of `docker exec`, on a test host that is up already. Machines are noisy: use
the ratios.
"""

import json
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from hardgate.ansible.play import run_playbook
from hardgate.engine.client import find_engine
from hardgate.model.contract import load_contract
from hardgate.resources import CONTRACTS

ROOT = Path(__file__).parents[1]
HOST_UP = "Start the test host's engine"
BOOT = "Wait until the workspace is ready"
NAIVE = """
set -e
id=$(docker run -d --privileged --pid=host --network host -v /:/host -v configs:/configs \\
    -v workspace:/workspace -v /var/run/docker.sock:/var/run/docker.sock {image})
until docker exec "$id" curl -fs http://127.0.0.1:8080/healthz >/dev/null 2>&1; do sleep 0.1; done
{probes}
docker rm -fv "$id" >/dev/null
"""


def empty_play(folder: Path) -> float:
    """Time a play that does nothing, by ansible-runner."""
    playbook = folder / "empty.yml"
    playbook.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n")
    begun = time.monotonic()
    run_playbook(str(playbook), {})
    return time.monotonic() - begun


def gate(folder: Path, *words: str) -> dict[str, float]:
    """Run the gate once; give its steps in seconds, with the whole as `all`."""
    begun = time.monotonic()
    subprocess.run(
        [
            *(sys.executable, "-m", "hardgate", "gate", "-q", "--out", str(folder)),
            *("--egress", "beacon", *words),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    whole = time.monotonic() - begun
    steps: Mapping[str, float] = json.loads((folder / "summary.json").read_text())["steps"]
    return {**steps, "all": whole, "from host up to reports": from_host_up(steps)}


def from_host_up(steps: Mapping[str, float]) -> float:
    """Add up what comes after the host is up, without the workspace's own boot."""
    names = list(steps)
    after = names[names.index(HOST_UP) + 1 :]
    return sum(steps[name] for name in after if name != BOOT)


def naive(host: str, image: str) -> float:
    """Time the naive gate on a kept test host, from the start of the workspace to its removal."""
    contract = load_contract(str(CONTRACTS / "t4.yaml"))
    probes = "\n".join(
        f'docker exec -u 1000 -e MOLECULE_T4_PROBE_ID=naive{number} "$id" '
        f"sh -c {shlex.quote(capability.probe)} >/dev/null 2>&1 || echo missed"
        for number, capability in enumerate(contract.capabilities)
    )
    begun = time.monotonic()
    subprocess.run(
        ["docker", "exec", host, "sh", "-c", NAIVE.format(image=image, probes=probes)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - begun


def measure(rounds: int) -> None:
    """Take turns, and print medians and ratios."""
    seen: dict[str, list[float]] = {}
    with TemporaryDirectory(prefix="hardgate-bench-") as name:
        folder = Path(name)
        image = build()
        kept = keep_host(folder / "kept", image)
        try:
            for number in range(rounds):
                turn: list[tuple[str, Callable[[], float | dict[str, float]]]] = [
                    ("an empty ansible-runner play", lambda: empty_play(folder)),
                    ("gate", lambda n=number: gate(folder / str(n), "--image", image)),  # type: ignore[misc]
                    ("the naive gate in shell", lambda: naive(kept["container"], image)),
                ]
                for what, work in turn:
                    took = work()
                    parts = took if isinstance(took, dict) else {what: took}
                    for part, seconds in parts.items():
                        seen.setdefault(part, []).append(seconds)
        finally:
            subprocess.run(
                [sys.executable, "-m", "hardgate", "reap", "--run", kept["run"]], check=True
            )
    tell(seen, rounds)


def build() -> str:
    """Build the reference image."""
    words = [sys.executable, "-m", "hardgate", "build", "--context", str(ROOT / "image")]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def keep_host(folder: Path, image: str) -> dict[str, str]:
    """Leave a test host running, without its workspace."""
    gate(folder, "--image", image, "--keep")
    run = json.loads((folder / "summary.json").read_text())["id"]
    client = find_engine().open_client()
    host = f"hardgate-{run}"
    found = client.inspect_container(host)["Id"]
    subprocess.run(
        ["docker", "exec", host, "docker", "rm", "-fv", f"hardgate-{run}-workspace"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return {"run": run, "container": found}


def tell(seen: Mapping[str, list[float]], rounds: int) -> None:
    """Print a table, as Markdown."""
    medians = {part: statistics.median(times) for part, times in seen.items()}
    empty = medians["an empty ansible-runner play"]
    print(f"\n| medians of {rounds} | seconds | x an empty play |\n|---|---:|---:|")
    for part, seconds in medians.items():
        print(f"| {part} | {seconds:.2f} | {seconds / empty:.2f} |")


if __name__ == "__main__":
    measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
