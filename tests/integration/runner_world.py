"""What the tests of `hardgate runner` share: fresh hosts, a forge, the command as users give it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import docker
from junitparser import JUnitXml

from hardgate.ansible.events import PlayEvent, TaskOk
from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import run_playbook
from hardgate.model.contract import Subject, load_contract
from hardgate.model.observation import Observation
from hardgate.model.plan import make_host_plan
from hardgate.model.verdict import Outcome, judge_plan
from tests.integration.conftest import ROOT
from tests.integration.runner_hosts import RunnerHosts, gateway, runner_hosts
from tests.integration.stand_in.forge import Forge, forge_at
from tests.integration.stand_in.programs import write_archive, write_program
from tests.serving import serve

PROGRAM = "/usr/local/lib/hardgate-runner/program"
REGISTRATION = "/var/lib/hardgate-runner/registration/.runner"
SUFFICIENT = {"runner_job_seconds": 60, "runner_drain_seconds": 60}
CONTRACTS = ("runner-host", "runner")
NAMES_OF = {
    name: {
        one.name
        for one in load_contract(
            str(ROOT / "contracts" / f"{name}.yaml"), subject=Subject.HOST
        ).capabilities
    }
    for name in CONTRACTS
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command over all hosts ended, and what it left."""

    exit_code: int
    output: str
    folder: Path

    def summary(self, host: str) -> dict[str, Any]:
        """Read a host's own summary."""
        return dict(json.loads((self.folder / host / "summary.json").read_text()))

    def missed(self, host: str) -> set[str]:
        """Name what a host did not keep of its contracts."""
        return {
            verdict["name"]
            for contract in self.summary(host)["contracts"]
            for verdict in contract["verdicts"]
            if verdict["outcome"] == "fail"
        }

    def junit(self, host: str) -> JUnitXml:
        """Read a host's JUnit."""
        return JUnitXml.fromfile(str(self.folder / host / "junit.xml"))


@dataclass(kw_only=True)
class World:
    """Hosts and their forge."""

    folder: Path
    hosts: RunnerHosts
    forges: Mapping[str, str]
    """Whose runner each host becomes."""
    forge: Forge
    variables: dict[str, dict[str, Any]]
    image: str
    tokens: list[str] = field(default_factory=list)
    runs: int = 0

    def inventory(self, **more: object) -> Path:
        """Write the inventory, with a new token for each host that has none."""
        told = json.loads(self.hosts.inventory.read_text())
        for name, entry in told["all"]["hosts"].items():
            entry.update(self.variables[name] | more)
        file = self.folder / "inventory.yml"
        file.write_text(json.dumps(told))
        file.chmod(0o600)
        return file

    def give_tokens(self) -> None:
        """Have the next run find a new token for each host."""
        for name in self.forges:
            self.tokens.append(self.forge.issue_token())
            self.variables[name]["runner_token"] = self.tokens[-1]

    def start(self, *words: str, **more: object) -> "tuple[subprocess.Popen[str], Path]":
        """Start the command as its users do."""
        self.runs += 1
        out = self.folder / f"out{self.runs}"
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "hardgate", "runner", "-i", str(self.inventory(**more))),
                *("--image", self.image, "--out", str(out), *words),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process, out

    def run(self, *words: str, **more: object) -> Ran:
        """Run it to its end."""
        process, out = self.start(*words, **more)
        output, _ = process.communicate(timeout=900)
        print(output)
        return Ran(exit_code=process.returncode, output=output, folder=out)


@contextmanager
def shop_at(address: str, folder: Path) -> Iterator[str]:
    """Offer a folder's files where hosts reach them, and give the address."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with serve(ThreadingHTTPServer((address, 0), handler)) as server:
        yield f"http://{address}:{server.server_address[1]}"


@contextmanager
def world_of(
    client: docker.APIClient, folder: Path, forges: Mapping[str, str], *images: str
) -> Iterator[World]:
    """Boot a host for each forge, with an engine and the images that it would make first.

    The last image is what the command verifies. Gitea's runner is fetched by its host.
    """
    names = {"gitea": "gitea-runner", "forgejo": "forgejo-runner", "github": "github.tar.gz"}
    files = {kind: folder / names[kind] for kind in forges.values()}
    write = {"gitea": write_program, "forgejo": write_program, "github": write_archive}
    pins = {kind: write[kind](file) for kind, file in files.items()}
    with (
        forge_at(gateway(client)) as forge,
        shop_at(gateway(client), folder) as shop,
        runner_hosts(client, folder / "hosts", list(forges), stage="equipped") as hosts,
    ):
        variables: dict[str, dict[str, Any]] = {
            name: {
                **SUFFICIENT,
                "runner_forge": kind,
                "runner_url": f"{forge.url}/acme/site" if kind == "github" else forge.url,
                "runner_sha256": pins[kind],
                **(
                    {"runner_source": f"{shop}/{files[kind].name}"}
                    if kind == "gitea"
                    else {"runner_binary": str(files[kind])}
                ),
            }
            for name, kind in forges.items()
        }
        made = World(
            folder=folder,
            hosts=hosts,
            forges=forges,
            forge=forge,
            variables=variables,
            image=images[-1],
        )
        hosts.load(*images)
        yield made


def cases_of(junit: JUnitXml) -> list[str]:
    """Name all cases."""
    return [case.name for suite in junit for case in suite]


@dataclass(kw_only=True)
class Looked:
    """The contracts' probes alone, on all hosts at once."""

    world: World
    environments: dict[str, dict[str, str]]

    def missed(
        self, *contracts: str, asked: Mapping[str, Mapping[str, str]] | None = None
    ) -> dict[str, set[str]]:
        """Name what each host misses of contracts; `asked` has other variables for a host."""
        seen: dict[str, set[str]] = {name: set() for name in self.world.forges}

        def hear(event: PlayEvent) -> None:
            told = event.result.get("host_contract") if isinstance(event, TaskOk) else None
            if not isinstance(event, TaskOk) or told is None:
                return
            plan = make_host_plan(load_contract(told["contract"], subject=Subject.HOST))
            found = map(Observation.from_json, told["observations"])
            verdicts = judge_plan(plan, found)
            seen[event.host] |= {one.name for one in verdicts if one.outcome is Outcome.FAIL}
            errors = [one for one in verdicts if one.outcome is Outcome.ERROR]
            assert not errors, errors

        values = {
            "environments": {
                name: {**told, **(asked or {}).get(name, {})}
                for name, told in self.environments.items()
            },
            "folder": str(ROOT / "contracts"),
            "contracts": contracts or CONTRACTS,
        }
        file = self.world.folder / "probes.yml"
        file.write_text(PROBES)
        end = run_playbook(
            str(file), values, on_event=hear, inventory=Inventory(path=self.world.inventory())
        )
        assert (end.failed, end.unreachable) == ((), ())
        return seen


PROBES = """
- name: Probe hosts
  hosts: all
  gather_facts: false
  tasks:
    - name: Probe by both contracts
      ansible.builtin.include_role:
        name: host_contract
      loop: "{{ contracts }}"
      vars:
        host_contract_file: "{{ folder }}/{{ item }}.yaml"
        host_contract_environment: "{{ environments[inventory_hostname] }}"
        host_contract_runner: hardgate-runner
"""


def look_at(world: World) -> Looked:
    """Read what the role wrote down for whoever repeats a probe."""
    facts = {host.name: host.shell("cat /etc/hardgate/runner-facts.json") for host in world.hosts}
    environments = {name: json.loads(told)["environment"] for name, told in facts.items()}
    return Looked(world=world, environments=environments)
