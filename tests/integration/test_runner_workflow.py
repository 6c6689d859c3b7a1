"""The repository's own workflow, on a host that role runner made, as that runner's jobs run it.

No forge is asked: a job is a transient unit with the properties of the runner's own, which are read
from the installed file. That shows what a job on such a host finds: PATH, groups, a system's pip
that refuses to install, folders that are closed to it, and the engine's socket.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from hardgate.engine.proxy import read_proxy_environment
from hardgate.system.ownership import RUN_LABEL
from tests.integration.acting import (
    SHELL,
    RecordProperty,
    lines_of,
    note_how,
    uses,
    write_artifact_actions,
)
from tests.integration.conftest import ROOT
from tests.integration.runner_hosts import Ran, RunnerHost, gateway, runner_hosts
from tests.integration.stand_in.programs import write_program
from tests.integration.test_buildbot import repository

__all__ = ["repository"]
pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.xdist_group("runner_workflow")]

WORKFLOW = ROOT / ".gitea" / "workflows" / "gate.yml"
UNIT = "/etc/systemd/system/hardgate-runner.service"
NOT_A_JOBS = ("#", "Exec", "Kill", "Log", "Restart", "TimeoutStop", "Type", "WorkingDirectory")
"""Beginnings of those lines that say how the runner itself is started and stopped."""
JOBS = "/var/lib/hardgate-runner/jobs"
CHECKOUT = f"{JOBS}/checkout"
AS_A_FORGE = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push"}
# Five jobs install the same packages; compiling them all would be half of their time.
QUICKLY = {"PIP_NO_COMPILE": "1"}
CHECK_OUT = f"""
git clone --quiet {JOBS}/origin {CHECKOUT}
cd {CHECKOUT}
git checkout --quiet -b change
echo >>README.md
git -c user.name=n -c user.email=n@example.org commit --quiet --all --message=change
"""
PLAY = [{"hosts": "all", "become": True, "gather_facts": False, "roles": ["runner"]}]


@dataclass(frozen=True, kw_only=True)
class Runner:
    """A host that is a runner, and what its jobs run with."""

    host: RunnerHost
    properties: tuple[str, ...]

    def job(self, *words: str, folder: str = CHECKOUT) -> Ran:
        """Run a job to its end."""
        told = [f"--property={one}" for one in self.properties]
        told += [f"--setenv={name}={value}" for name, value in (AS_A_FORGE | QUICKLY).items()]
        unit = ("systemd-run", "--quiet", "--wait", "--pipe", "--collect")
        return self.host.run("root", *unit, f"--working-directory={folder}", *told, *words)

    def line(self, line: str, *, folder: str = CHECKOUT) -> Ran:
        """Run a line of a workflow, by the shell that a runner takes for it."""
        return self.job(*SHELL, line, folder=folder)


@pytest.fixture(scope="module")
def runner(
    client: docker.APIClient,
    base: str,
    host_image: str,
    repository: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Runner]:
    """Let the role make a runner of a host that has an engine, and check the repository out."""
    folder = tmp_path_factory.mktemp("runner")
    with runner_hosts(client, folder / "hosts", ["one"], stage="equipped") as hosts:
        program = folder / "gitea-runner"
        settings = {
            "runner_forge": "gitea",
            "runner_url": f"http://{gateway(client)}",
            "runner_sha256": write_program(program),
            "runner_binary": str(program),
            "runner_proxies": read_proxy_environment(),
        }
        play(hosts.inventory, folder, settings)
        host = hosts["one"]
        # Neither bootstrapping a base nor building a test host is what is looked at here.
        hosts.load(base, host_image)
        host.put_folder(f"{JOBS}/origin", repository)
        host.shell(f"chown -R hardgate-runner: {JOBS}/origin")
        runner = Runner(host=host, properties=tuple(job_properties(host.shell(f"cat {UNIT}"))))
        assert runner.line(CHECK_OUT, folder=JOBS).status == 0
        # As the gate does on a host that is made a runner, before jobs come: two first uses of
        # 'pipx run' at once make one environment, and break each other.
        assert runner.line("pipx run nox --version").status == 0
        yield runner


def play(inventory: Path, folder: Path, settings: Mapping[str, object]) -> None:
    """Play the role on the hosts; nothing is registered, for no job comes from a forge here."""
    (folder / "play.yml").write_text(json.dumps(PLAY))
    (folder / "settings.yml").write_text(json.dumps(settings))
    program = Path(sys.executable).with_name("ansible-playbook")
    subprocess.run(
        [program, "-i", inventory, "-e", f"@{folder}/settings.yml", folder / "play.yml"],
        env={**os.environ, "ANSIBLE_ROLES_PATH": str(ROOT / "roles"), "ANSIBLE_NOCOLOR": "1"},
        check=True,
    )


def job_properties(unit: str) -> Iterator[str]:
    """Read what the unit's processes run with."""
    service = unit.partition("[Service]")[2].partition("[Install]")[0]
    for line in service.splitlines():
        if line and not line.startswith(NOT_A_JOBS):
            yield line


def test_the_whole_workflow_is_green(
    runner: Runner, act: str, tmp_path: Path, record_property: RecordProperty
) -> None:
    assert "User=hardgate-runner" in runner.properties
    if act:
        ran = by_act(runner, act, tmp_path)
        assert ran.status == 0
        assert ran.output.count("Job succeeded") == 5
    else:
        for line in lines_of(WORKFLOW):
            ran = runner.line(line)
            assert ran.status == 0
    assert "HARDGATE VALIDATE GREEN" in ran.output
    note_how(record_property, "gitea", act)


def by_act(runner: Runner, act: str, folder: Path) -> Ran:
    """Run the file as it stands; two stand-ins carry the artifacts."""
    shelf = f"{JOBS}/shelf"
    up, down = write_artifact_actions(folder, shelf)
    for action in (up, down):
        runner.host.put_folder(f"{JOBS}/{action.name}", action)
    runner.host.put("/usr/local/bin/act", Path(act).read_bytes(), mode=0o755)
    runner.host.shell(f"mkdir {shelf} && chown -R hardgate-runner: {JOBS}")
    return runner.job(
        *("act", "push", "--workflows", str(WORKFLOW.relative_to(ROOT))),
        *("-P", "docker-host=-self-hosted", "--no-cache-server"),
        *("--local-repository", f"{uses(WORKFLOW, 'upload-artifact')}={JOBS}/up"),
        *("--local-repository", f"{uses(WORKFLOW, 'download-artifact')}={JOBS}/down"),
    )


def test_two_runs_of_tier_4_at_once_are_green_and_leave_nothing(runner: Runner) -> None:
    with ThreadPoolExecutor(2) as pool:
        said = list(pool.map(runner.line, ["pipx run nox -s t4"] * 2))
    assert [ran.status for ran in said] == [0, 0]
    assert not runner.host.shell(f"docker ps --all --quiet --filter label={RUN_LABEL}")
    assert not runner.host.shell(f"docker volume ls --quiet --filter label={RUN_LABEL}")
