"""The rows of hardgate itself."""

import json
import os
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

import yaml

from hardgate.ansible.play import run_playbook
from tests.bench.kept_host import HARDGATE, ROOT, KeptHost
from tests.bench.table import EMPTY_PLAY

HOST_UP = "Start the test host's engine"
BOOT = "Wait until the workspace is ready"
WHOLE_GATE = "the gate: a new machine, its engine, the image, all below, and all gone"
FROM_HOST_UP = "the gate from “host up” to “workspace gone, reports written”"
MANY_PROBES = 200
MANY_IN_GATE = f"the gate from “host up”, {MANY_PROBES} probes"
AT_ONCE = 8
EIGHT_APIECE = f"{AT_ONCE} gates at once, apiece"
PEAK_MEMORY = "the gate's largest process, a probe that writes 1 GB"
VALIDATE = "`validate`: all six checks of the reference template"
TRIVIAL_PROBE = 'test "$(id -u)" = 1000'
LOUD_PROBE = "head -c 1000000000 /dev/zero"


def measure_empty_play(host: KeptHost) -> Mapping[str, float]:
    """Time a play that does nothing, by ansible-runner."""
    playbook = host.folder / "empty.yml"
    playbook.write_text("- hosts: localhost\n  gather_facts: false\n  tasks: []\n")
    begun = time.monotonic()
    run_playbook(str(playbook), {})
    return {EMPTY_PLAY: time.monotonic() - begun}


def measure_gate(host: KeptHost) -> Mapping[str, float]:
    """Time a gate, and each of its steps."""
    begun = time.monotonic()
    steps = run_gate(host)
    whole = time.monotonic() - begun
    rest = {"in no step": whole - sum(steps.values())}
    return {WHOLE_GATE: whole, FROM_HOST_UP: sum_from_host_up(steps), **steps, **rest}


def measure_many_probes(host: KeptHost) -> Mapping[str, float]:
    """Time what a gate does to a workspace whose contract has many probes."""
    contract = write_contract(host.folder / "many.yaml", [TRIVIAL_PROBE] * MANY_PROBES)
    return {MANY_IN_GATE: sum_from_host_up(run_gate(host, "--contract", str(contract)))}


def measure_eight_at_once(host: KeptHost) -> Mapping[str, float]:
    """Time gates that run at once, apiece."""
    begun = time.monotonic()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda _: run_gate(host), range(AT_ONCE)))
    return {EIGHT_APIECE: (time.monotonic() - begun) / AT_ONCE}


def measure_memory(host: KeptHost) -> Mapping[str, float]:
    """Give the largest resident set that a process of a gate ever had."""
    contract = write_contract(host.folder / "loud.yaml", [LOUD_PROBE])
    words = make_gate_words(host, "--contract", str(contract))
    with subprocess.Popen(words, stdout=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise subprocess.CalledProcessError(process.returncode, words)
    return {PEAK_MEMORY: usage.ru_maxrss / 1024}


def measure_validate(host: KeptHost) -> Mapping[str, float]:
    """Time the reference template's six checks, each of them run."""
    reports = mkdtemp(dir=host.folder)
    begun = time.monotonic()
    words = ["validate", "--run", "--fresh", "-q", "--context", str(ROOT / "image")]
    words += ["--reports", reports, "--out", f"{reports}/validate", "--egress", "beacon"]
    subprocess.run([*HARDGATE, *words], check=True, stdout=subprocess.DEVNULL, cwd=host.folder)
    return {VALIDATE: time.monotonic() - begun}


def run_gate(host: KeptHost, *words: str, engine_url: str = "") -> dict[str, float]:
    """Run a gate that has to be green; give its steps in seconds."""
    command = make_gate_words(host, *words)
    environment = {**os.environ, **({"DOCKER_HOST": engine_url} if engine_url else {})}
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    summary = json.loads(Path(command[-1], "summary.json").read_text())
    return dict(summary["steps"])


def make_gate_words(host: KeptHost, *words: str) -> list[str]:
    """Give a gate's command line; its folder for reports is the last word."""
    out = mkdtemp(dir=host.folder)
    options = ("--image", host.image, "--egress", "beacon", *words, "--out", out)
    return [*HARDGATE, "gate", "-q", *options]


def sum_from_host_up(steps: Mapping[str, float]) -> float:
    """Add up what comes after the host is up, without the workspace's own boot."""
    names = list(steps)
    return sum(steps[name] for name in names[names.index(HOST_UP) + 1 :] if name != BOOT)


def write_contract(path: Path, probes: list[str]) -> Path:
    """Write a contract of these probes."""
    capabilities = [
        {
            "name": f"promise_{number}",
            "description": "It is there to be measured.",
            "severity": "hard",
            "source": "tests/bench",
            "probe": probe,
        }
        for number, probe in enumerate(probes)
    ]
    contract = {"version": 1, "agent_uid": 1000, "capabilities": capabilities}
    path.write_text(yaml.safe_dump(contract))
    return path
