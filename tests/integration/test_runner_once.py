"""`hardgate runner` on one fresh host: from nothing to a proved runner, and to nothing again.

Three hosts at once, and each capability broken by hand, are test_runner.py's.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.integration.runner_hosts import RunnerHost
from tests.integration.runner_world import (
    PROGRAM,
    REGISTRATION,
    Ran,
    World,
    cases_of,
    look_at,
    world_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.full]


@pytest.fixture(scope="module")
def world(
    client: docker.APIClient,
    base: str,
    host_image: str,
    runner_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Boot a host."""
    folder = tmp_path_factory.mktemp("runner")
    with world_of(client, folder, {"one": "gitea"}, base, host_image, runner_image) as booted:
        yield booted


@pytest.fixture(scope="module")
def refused(world: World) -> Ran:
    """Ask more of the host than it has, before it ever was a runner."""
    world.variables["one"]["runner_disk_mib"] = 10**9
    world.give_tokens()
    ran = world.run()
    del world.variables["one"]["runner_disk_mib"]
    return ran


def test_a_host_that_misses_the_first_contract_is_not_registered(
    world: World, refused: Ran
) -> None:
    assert refused.exit_code == 1
    assert refused.missed("one") == {"disk_free"}
    assert world.forge.registered == 0


@pytest.fixture(scope="module")
def proved(world: World, refused: Ran) -> Ran:
    """Ask of it what it has."""
    assert refused.exit_code == 1
    return world.run()


def test_a_fresh_host_becomes_a_runner_that_is_known_to_work(world: World, proved: Ran) -> None:
    assert proved.exit_code == 0
    assert proved.output.splitlines()[-1] == (
        "HARDGATE RUNNER GREEN: the host is a runner that is known to work (exit 0)"
    )
    told, junit = proved.summary("one"), proved.junit("one")
    assert (told["exit_code"], told["gate"]["exit_code"]) == (0, 0)
    assert (junit.tests, junit.failures, junit.errors) == (len(cases_of(junit)), 0, 0)
    world.forge.wait_for_polls("one")


def test_no_token_is_told_anywhere(world: World, refused: Ran, proved: Ran) -> None:
    (token,) = world.tokens
    for ran in (refused, proved):
        assert token not in ran.output
        assert all(token not in file.read_text() for file in ran.folder.rglob("*.*"))


def test_what_is_broken_by_hand_is_seen_and_nothing_else(world: World, proved: Ran) -> None:
    assert proved.exit_code == 0
    looked, host = look_at(world), world.hosts["one"]
    assert looked.missed() == {"one": set()}
    host.shell(f"chmod 0777 {PROGRAM}; chmod 0644 {REGISTRATION}")
    assert looked.missed() == {"one": {"runner_program_pinned", "registration_private"}}


POLICY, GRANT, HERE = "/etc/hardgate/policy.yaml", "/etc/hardgate/direct-grant", "/opt/hg"
OWN_POLICY = "registered_for: acme/site\ndirect_for: [acme/site]\n"
JOB = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "HOME": f"{HERE}/job"}


@pytest.fixture
def installed(world: World, proved: Ran, wheelhouse: Path) -> Iterator[RunnerHost]:
    """Install hardgate beside the runner, as a job of its would; leave the host as it was."""
    assert proved.exit_code == 0
    host = world.hosts["one"]
    host.put_folder(f"{HERE}/wheels", wheelhouse)
    host.shell(
        f"python3 -m venv {HERE}/env; cp -a {POLICY} {HERE}/policy\n"
        f"{HERE}/env/bin/pip install -q --no-index --find-links {HERE}/wheels hardgate\n"
        f"install -d -o hardgate-runner {HERE}/job"
    )
    yield host
    host.shell(f"cp -a {HERE}/policy {POLICY}; rm -rf {GRANT} {HERE}")


def run_direct_gate(host: RunnerHost, image: str, *words: str, **more: str) -> tuple[int, str]:
    """Run a direct gate as a job of the runner; give its exit code, and its host's kind."""
    out = f"{HERE}/job/out"
    gate = (f"{HERE}/env/bin/hardgate", "gate", "--host", "direct", "--image", image)
    told = host.run(
        "hardgate-runner", *gate, "--egress", "beacon", "--out", out, *words, **JOB, **more
    )
    summary = json.loads(host.shell(f"cat {out}/summary.json"))
    assert summary["exit_code"] == told.status
    assert told.status != 2 or "HARDGATE MISUSED" in told.output
    return told.status, (summary["host"] or {}).get("kind", "")


def test_a_job_has_the_host_itself_where_root_grants_it_and_nowhere_else(
    world: World, installed: RunnerHost
) -> None:
    """By a grant for one run that the job shows, and by the policy; never by what a job says."""
    host, refused = installed, (2, "")
    for name in ("given", "guessed"):
        host.shell(f"umask 077; echo {name}-secret >{HERE}/job/{name}", user="hardgate-runner")
    given, guessed = (
        {"HARDGATE_DIRECT_GRANT": f"{HERE}/job/{name}"} for name in ("given", "guessed")
    )
    assert run_direct_gate(host, world.image, **given) == refused
    host.shell(
        f"mark=$(printf %s given-secret | sha256sum | cut -d' ' -f1)\n"
        f'echo "$mark $(($(date +%s) + 600))" >{GRANT}; chmod 0644 {GRANT}'
    )
    assert run_direct_gate(host, world.image, **guessed) == refused
    assert run_direct_gate(host, world.image, **given) == (0, "direct")
    host.shell(f"rm {GRANT}")
    assert run_direct_gate(host, world.image, **given) == refused
    part = ("--only", "agent_home_writable")
    host.put(POLICY, OWN_POLICY.encode())
    assert run_direct_gate(host, world.image, *part) == (3, "direct")
    host.put(POLICY, OWN_POLICY.replace("[acme/site]", "[acme/other]").encode())
    assert run_direct_gate(host, world.image, *part) == refused


@pytest.fixture(scope="module")
def withdrawn(world: World, proved: Ran) -> Ran:
    """Let a registered runner miss its second contract, by what no role takes away unasked."""
    assert proved.exit_code == 0
    api = {"runner_api_token": world.forge.api_token, "runner_api_scope": "admin"}
    world.variables["one"] |= api
    world.hosts["one"].shell(f"echo x >{REGISTRATION}.draft")
    return world.run()


def test_what_was_broken_is_healed_and_a_runner_that_misses_is_taken_back(
    world: World, withdrawn: Ran
) -> None:
    assert withdrawn.exit_code == 1
    assert withdrawn.missed("one") == {"no_debris"}
    assert withdrawn.summary("one")["withdrawn"]
    assert [runner.name for runner in world.forge.deleted] == ["one"]
    unit = "hardgate-runner.service"
    told = world.hosts["one"].run(
        *("root", "sh", "-c", f"systemctl is-active {unit}; systemctl is-enabled {unit}")
    )
    assert told.output.split() == ["inactive", "disabled"]


def test_a_runner_that_is_removed_is_one_no_longer(world: World, withdrawn: Ran) -> None:
    assert withdrawn.exit_code == 1
    ran = world.run("--remove")
    assert ran.exit_code == 0
    assert ran.output.splitlines()[-1] == (
        "HARDGATE RUNNER GREEN: no runners any more: 1 of 1 host (exit 0)"
    )
    assert world.hosts["one"].run("root", "id", "hardgate-runner").status != 0
