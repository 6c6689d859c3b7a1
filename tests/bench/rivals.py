"""What one would use instead of hardgate, on a test host that is up already.

Each starts the image under the tier's flags, waits until it is ready, runs the contract's probes as
the agent, and removes the container. They differ in how the probes come to run.
"""

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from hardgate.model.contract import load_contract
from hardgate.resources import CONTRACTS
from tests.bench.gates import MANY_PROBES, TRIVIAL_PROBE
from tests.bench.kept_host import KeptHost

HERE = Path(__file__).parent
NAIVE_LOOP = "a shell script: `docker run`, a loop of `docker exec`"
ONE_EXEC = "the same with one `docker exec`: a driver inside runs all probes"
TESTINFRA = "the same with pytest-testinfra, its docker backend"
ANSIBLE = "the same with an Ansible play, its docker connection"
MANY_IN_LOOP = f"the shell script, {MANY_PROBES} probes"
EXPECTED_MISSES = 1
"""The probe of egress: no target is given here."""
START_AND_STOP = """
set -eu
id=$(docker run -d --privileged --pid=host --network host -v /:/host -v /configs -v /workspace \\
    -v /var/run/docker.sock:/var/run/docker.sock "$IMAGE")
trap 'docker rm -fv "$id" >/dev/null' EXIT
until docker exec "$id" curl -fs http://127.0.0.1:8080/healthz >/dev/null 2>&1; do sleep 0.1; done
"""


class OtherResultError(Exception):
    """A rival saw something else than the others do, so its time is worth nothing."""


def measure_naive_loop(host: KeptHost) -> Mapping[str, float]:
    """Run `docker exec` for each probe."""
    output, seconds = run_in_workspace(host, make_exec_loop(read_probes()))
    expect_misses(len(re.findall(r"^missed ", output, re.MULTILINE)), output)
    return {NAIVE_LOOP: seconds}


def measure_many_in_loop(host: KeptHost) -> Mapping[str, float]:
    """Run `docker exec` for each of many probes."""
    probes = {f"promise_{number}": TRIVIAL_PROBE for number in range(MANY_PROBES)}
    output, seconds = run_in_workspace(host, make_exec_loop(probes))
    expect_misses(len(re.findall(r"^missed ", output, re.MULTILINE)), output, expected=0)
    return {MANY_IN_LOOP: seconds}


def measure_one_exec(host: KeptHost) -> Mapping[str, float]:
    """Run all probes by a script that one `docker exec` hands to the image's own shell."""
    driver = host.folder / "driver.sh"
    driver.write_text("".join(f"{line}\n" for line in map(make_driver_line, *split_probes())))
    command = f'docker exec -i -u 1000 "$id" sh -s <{shlex.quote(str(driver))}'
    output, seconds = run_in_workspace(host, command)
    expect_misses(len(re.findall(r"^missed ", output, re.MULTILINE)), output)
    return {ONE_EXEC: seconds}


def measure_testinfra(host: KeptHost) -> Mapping[str, float]:
    """Run a test for each probe."""
    command = (
        f"{sys.executable} -m pytest -q -c /dev/null --noconftest -p no:cacheprovider "
        f'--rootdir {HERE} --hosts="docker://1000@$id" {HERE / "testinfra_probes.py"} '
        "|| [ $? = 1 ]"
    )
    output, seconds = run_in_workspace(host, command, BENCH_PROBES=write_commands(host))
    found = re.search(r"^(\d+) failed, \d+ passed", output, re.MULTILINE)
    expect_misses(int(found[1]) if found else 0, output)
    return {TESTINFRA: seconds}


def measure_ansible(host: KeptHost) -> Mapping[str, float]:
    """Run a raw task for each probe."""
    command = (
        f'{Path(sys.executable).with_name("ansible-playbook")} -i "$id," '
        f'-e "@$BENCH_PROBES" {HERE / "probes.yml"}'
    )
    output, seconds = run_in_workspace(host, command, BENCH_PROBES=write_commands(host))
    expect_misses(len(re.findall(r"^failed: \[", output, re.MULTILINE)), output)
    return {ANSIBLE: seconds}


def run_in_workspace(host: KeptHost, command: str, **variables: str) -> tuple[str, float]:
    """Start the workspace, run a shell command for it, and remove it; give its output and time."""
    environment = {**host.environment, "IMAGE": host.image, **variables}
    begun = time.monotonic()
    ended = subprocess.run(
        ["sh", "-c", START_AND_STOP + command],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=host.folder,
    )
    seconds = time.monotonic() - begun
    if ended.returncode != 0:
        raise OtherResultError(f"Exit {ended.returncode}: {ended.stdout}")
    return ended.stdout, seconds


def expect_misses(count: int, output: str, *, expected: int = EXPECTED_MISSES) -> None:
    """Refuse a rival's time where its verdicts are not those that are known."""
    if count != expected:
        raise OtherResultError(f"{count} probes missed, and {expected} do: {output}")


def read_probes() -> Mapping[str, str]:
    """Give the contract's probes by their names."""
    contract = load_contract(str(CONTRACTS / "t4.yaml"))
    return {capability.name: capability.probe for capability in contract.capabilities}


def split_probes() -> tuple[list[str], list[str]]:
    """Give names and probes, each in the contract's order."""
    probes = read_probes()
    return list(probes), list(probes.values())


def make_exec_loop(probes: Mapping[str, str]) -> str:
    """Give a line of shell for each probe, that says where it missed."""
    return "\n".join(
        f'docker exec -u 1000 -e MOLECULE_T4_PROBE_ID={name} "$id" '
        f"sh -c {shlex.quote(probe)} >/dev/null 2>&1 || echo missed {name}"
        for name, probe in probes.items()
    )


def make_driver_line(name: str, probe: str) -> str:
    """Give a probe's line in a script that runs inside."""
    return f"{make_command(name, probe)} >/dev/null 2>&1 </dev/null || echo missed {name}"


def make_command(name: str, probe: str) -> str:
    """Give the command that runs a probe in the container."""
    return f"MOLECULE_T4_PROBE_ID={name} sh -c {shlex.quote(probe)}"


def write_commands(host: KeptHost) -> str:
    """Write each probe's command for those who read JSON; give the file's path."""
    commands = {
        name: {"__ansible_unsafe": make_command(name, probe)}
        for name, probe in read_probes().items()
    }
    file = host.folder / "probes.json"
    file.write_text(json.dumps({"bench_probes": commands}))
    return str(file)
