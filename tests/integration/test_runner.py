"""`hardgate runner` on two fresh hosts at once, over SSH: from nothing to proved runners.

Then each capability of a host's contracts is broken by hand, and seen by that capability alone,
and a job's own gate has the host itself where root grants it.
"""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path

import docker
import pytest

from tests.integration.runner_hosts import RunnerHost
from tests.integration.runner_world import (
    CONTRACTS,
    NAMES_OF,
    PROGRAM,
    REGISTRATION,
    Looked,
    Ran,
    World,
    cases_of,
    look_at,
    world_of,
)
from tests.integration.stand_in.forge import Answer

pytestmark = [pytest.mark.slow, pytest.mark.full, pytest.mark.xdist_group("runner-command")]

FORGES = {"one": "gitea", "two": "github"}
POLICY, GRANT, HERE = "/etc/hardgate/policy.yaml", "/etc/hardgate/direct-grant", "/opt/hg"
OWN_POLICY = "registered_for: acme/site\ndirect_for: [acme/site]\n"
JOB = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push", "HOME": f"{HERE}/job"}


@pytest.fixture(scope="module")
def world(
    client: docker.APIClient,
    base: str,
    host_image: str,
    runner_image: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[World]:
    """Boot two hosts."""
    folder = tmp_path_factory.mktemp("runner")
    with world_of(client, folder, FORGES, base, host_image, runner_image) as booted:
        yield booted


@pytest.fixture(scope="module")
def refused(world: World) -> Ran:
    """Ask more of the second host than it has, before it ever was a runner."""
    world.variables["two"]["runner_disk_mib"] = 10**9
    world.give_tokens()
    ran = world.run()
    world.variables["two"].pop("runner_disk_mib")
    return ran


def test_a_host_that_misses_the_first_contract_is_not_registered(
    world: World, refused: Ran
) -> None:
    assert refused.exit_code == 1
    assert refused.missed("two") == {"disk_free"}
    assert world.forge.registered == 1
    assert "not so: two" in refused.output.splitlines()[-1]
    assert (
        world.hosts["two"].run("root", "systemctl", "is-active", "hardgate-runner.service").status
    )
    first, second, *_ = refused.junit("two")
    assert (first.failures, first.errors) == (1, 0)
    assert second.errors == second.tests


def test_the_other_is_a_runner_that_is_known_to_work(world: World, refused: Ran) -> None:
    told, junit = refused.summary("one"), refused.junit("one")
    assert (told["exit_code"], told["gate"]["exit_code"]) == (0, 0)
    assert (junit.tests, junit.failures, junit.errors) == (len(cases_of(junit)), 0, 0)
    world.forge.wait_for_polls("one")


@pytest.fixture(scope="module")
def proved(world: World, refused: Ran) -> Ran:
    """Run it again, and ask of the second host what it has."""
    assert refused.exit_code == 1
    return world.run()


def test_a_further_run_heals_the_second_and_changes_nothing_on_the_first(
    world: World, proved: Ran
) -> None:
    assert proved.exit_code == 0
    assert proved.output.splitlines()[-1] == (
        "HARDGATE RUNNER GREEN: 2 of 2 hosts are runners that are known to work (exit 0)"
    )
    assert [proved.summary(name)["changed"] for name in ("one", "two")] == [False, True]
    world.forge.wait_for_polls("two")


def test_no_token_is_told_anywhere(world: World, refused: Ran, proved: Ran) -> None:
    for token in world.tokens:
        assert token not in refused.output + proved.output
        for ran in (refused, proved):
            assert all(token not in file.read_text() for file in ran.folder.rglob("*.*"))


TIMER = "hardgate-reap.timer"
LATER = f"""
mkdir -p /run/systemd/system/{TIMER}.d
printf '[Timer]\\nOnBootSec=\\nOnBootSec=1d\\n' >/run/systemd/system/{TIMER}.d/later.conf
systemctl daemon-reload
systemctl restart {TIMER}
"""
LABELLED = (
    "docker create --name late --label hardgate.run=x --label hardgate.owner=x/1/1/1"
    " --label hardgate.deadline=1 $(docker images --quiet | head -n 1) true"
)
RESTART = "systemctl restart docker.service"
BREAKS: Mapping[str, tuple[str, str]] = {
    "engine_reachable_by_runner": (
        "gpasswd --delete hardgate-runner docker",
        "usermod --append --groups docker hardgate-runner",
    ),
    "engine_only_on_socket": ("chmod 0666 /run/docker.sock", "chmod 0660 /run/docker.sock"),
    "privileged_container_reaches_host": (
        "mount -t tmpfs -o ro none /var/tmp",
        "umount /var/tmp",
    ),
    "docker_command_present": ("chmod a-x /usr/bin/docker", "chmod a+x /usr/bin/docker"),
    "runner_program_pinned": (f"chmod 0777 {PROGRAM}", f"chmod 0755 {PROGRAM}"),
    "workflow_commands_present": ("chmod a-x /usr/bin/git", "chmod a+x /usr/bin/git"),
    "runner_user_unprivileged": (
        "echo 'hardgate-runner ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/runner",
        "rm /etc/sudoers.d/runner",
    ),
    "registration_private": (f"chmod 0644 {REGISTRATION}", f"chmod 0600 {REGISTRATION}"),
    "service_runs_pinned_program": (
        "systemctl stop hardgate-runner.service",
        "systemctl start hardgate-runner.service",
    ),
    "service_enabled": (
        "systemctl disable hardgate-runner.service",
        "systemctl enable hardgate-runner.service",
    ),
    "labels_exact": (
        "sed -i 's/docker-host/other-host/' /etc/hardgate/runner-facts.json",
        "sed -i 's/other-host/docker-host/' /etc/hardgate/runner-facts.json",
    ),
    "reaper_scheduled": (
        "systemctl stop hardgate-reap.timer",
        "systemctl start hardgate-reap.timer",
    ),
    "reaper_scoped": (
        "echo 'docker system prune --force' >>/usr/local/lib/hardgate-runner/reap",
        "sed -i '$d' /usr/local/lib/hardgate-runner/reap",
    ),
    "container_logs_bounded": (
        f"mv /etc/docker/daemon.json /root; {RESTART}",
        f"mv /root/daemon.json /etc/docker; {RESTART}",
    ),
    "metadata_refused_on_host": (
        "iptables-save >/root/rules; iptables -F OUTPUT",
        "iptables-restore /root/rules",
    ),
    "metadata_refused_to_containers": (
        "iptables-save >/root/rules; iptables -F DOCKER-USER; iptables -A DOCKER-USER -j RETURN",
        "iptables-restore /root/rules",
    ),
    "no_debris": (LABELLED, "docker rm late"),
}
"""What breaks each capability, and what mends it: on a host of systemd's, as root."""


@pytest.fixture(scope="module")
def looked(world: World, proved: Ran) -> Looked:
    """Look at hosts that are runners, and that reap when they are told to.

    Five minutes after a boot is in the midst of what is broken here: a reaping that found no
    'docker' then would be missed from there on.
    """
    assert proved.exit_code == 0
    for host in world.hosts:
        host.shell(LATER)
    return look_at(world)


def test_hosts_that_nobody_touched_miss_nothing(looked: Looked) -> None:
    assert looked.missed() == {name: set() for name in FORGES}


ROUNDS = [
    (contract, names[at : at + len(FORGES)])
    for contract in CONTRACTS
    for names in ([name for name in BREAKS if name in NAMES_OF[contract]],)
    for at in range(0, len(names), len(FORGES))
]
REGISTRATION_OF_GITHUB = f"{PROGRAM}/.runner"


def on_host(name: str, script: str) -> str:
    """Say it for GitHub's runner, which keeps its registration beside its program."""
    if FORGES[name] == "github":
        script = script.replace(f"0755 {PROGRAM}", f"3770 {PROGRAM}")
        return script.replace(REGISTRATION, REGISTRATION_OF_GITHUB)
    return script


@pytest.mark.parametrize(("contract", "names"), ROUNDS, ids=str)
def test_what_is_broken_by_hand_is_seen_by_its_capability_alone(
    world: World, looked: Looked, contract: str, names: list[str]
) -> None:
    """A round breaks another capability on each host."""
    broken = dict(zip(FORGES, names, strict=False))
    for at in (0, 1):
        if at == 1:
            seen = looked.missed(contract)
        for host, name in broken.items():
            world.hosts[host].shell(on_host(host, BREAKS[name][at]))
    assert seen == {host: {broken[host]} if host in broken else set() for host in FORGES}


def test_more_than_a_host_has_is_missed(looked: Looked) -> None:
    """Each host is asked for more of something else."""
    asked = {"one": {"HARDGATE_DISK_MIB": str(10**9)}, "two": {"HARDGATE_INODES": str(10**12)}}
    seen = looked.missed("runner-host", asked=asked)
    assert seen == {"one": {"disk_free"}, "two": {"inodes_free"}}


def test_a_clock_that_is_not_the_forges_is_missed(world: World, looked: Looked) -> None:
    world.forge.clock_offset = 3600.0
    seen = looked.missed("runner-host")
    world.forge.clock_offset = 0.0
    assert seen == {host: {"clock_matches_forge"} for host in FORGES}


def test_a_forge_that_is_not_well_is_missed(world: World, looked: Looked) -> None:
    ill = Answer(status=HTTPStatus.SERVICE_UNAVAILABLE, body={})
    well = Answer(body={})
    for pattern in ("/", "/acme/site"):
        world.forge.add_route("GET", pattern, lambda _: ill)
    seen = looked.missed("runner-host")
    for pattern in ("/", "/acme/site"):
        world.forge.add_route("GET", pattern, lambda _: well)
    assert seen == {host: {"forge_reachable"} for host in FORGES}


def test_an_engine_of_remapped_users_is_missed(world: World, looked: Looked) -> None:
    """It is told as what it is, beside what no such engine can."""
    host = world.hosts["two"]
    remap = """
        cp /etc/docker/daemon.json /root
        python3 - <<'END'
import json; from pathlib import Path
file = Path("/etc/docker/daemon.json")
file.write_text(json.dumps(json.loads(file.read_text()) | {"userns-remap": "default"}))
END
    """
    host.shell(f"{remap}{RESTART}")
    seen = looked.missed()["two"]
    host.shell(f"mv /root/daemon.json /etc/docker; {RESTART}")
    assert "engine_is_rootful" in seen
    assert seen - {"engine_is_rootful"} <= {
        "privileged_container_reaches_host",
        "metadata_refused_to_containers",
    }


def test_every_capability_of_both_contracts_is_broken_here() -> None:
    others = {"disk_free", "inodes_free", "clock_matches_forge", "forge_reachable"}
    names = NAMES_OF["runner-host"] | NAMES_OF["runner"]
    assert names == set(BREAKS) | others | {"engine_is_rootful"}


@pytest.fixture
def installed(world: World, looked: Looked, wheelhouse: Path) -> Iterator[RunnerHost]:
    """Install hardgate beside the runner, as a job of its would; leave the host as it was."""
    assert looked
    host = world.hosts["one"]
    host.put_folder(f"{HERE}/wheels", wheelhouse)
    host.shell(
        f"python3 -m venv {HERE}/env; cp -a {POLICY} {HERE}/policy\n"
        f"{HERE}/env/bin/pip install -q --no-index --no-compile -f {HERE}/wheels hardgate\n"
        # Python compiles what its user's runs load.
        f"chown -R hardgate-runner {HERE}/env; install -d -o hardgate-runner {HERE}/job"
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
def killed(world: World, looked: Looked) -> Ran:
    """Take the power from a host in the middle of a run that has another one to heal."""
    assert looked
    world.hosts["one"].shell(f"chmod 0777 {PROGRAM}")
    process, out = world.start()
    said = ""
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if "Probe the host" in line:
                world.hosts["two"].kill()
                break
        said += process.stdout.read()
    print(said)
    world.hosts.boot("two")
    return Ran(exit_code=process.returncode, output=said, folder=out)


def test_a_host_that_is_killed_in_the_middle_is_an_error_of_its_own(killed: Ran) -> None:
    assert killed.exit_code == 3
    told = killed.summary("two")
    assert told["exit_code"] == 3
    assert "could not be reached" in told["error"]["problem"]
    assert killed.junit("two").errors > 0
    assert killed.summary("one")["exit_code"] == 0
    assert killed.summary("one")["changed"], "what was broken by hand is healed"


@pytest.fixture(scope="module")
def withdrawn(world: World, proved: Ran) -> Ran:
    """Let a registered runner miss its second contract, by what no role takes away unasked."""
    assert proved.exit_code == 0
    world.variables["one"] |= {
        "runner_api_token": world.forge.api_token,
        "runner_api_scope": "admin",
    }
    world.hosts["one"].shell(f"echo x >{REGISTRATION}.draft")
    return world.run("--limit", "one")


def test_a_runner_that_misses_the_second_contract_is_taken_back(
    world: World, withdrawn: Ran
) -> None:
    assert withdrawn.exit_code == 1
    assert withdrawn.missed("one") == {"no_debris"}
    assert withdrawn.summary("one")["withdrawn"]
    assert [runner.name for runner in world.forge.deleted] == ["one"]
    told = world.hosts["one"].run(
        "root",
        "sh",
        "-c",
        "systemctl is-active hardgate-runner.service; systemctl is-enabled hardgate-runner.service;"
        f" ls {REGISTRATION}",
    )
    assert told.output.split()[:2] == ["inactive", "disabled"]
    assert "No such file" in told.output


def test_a_runner_that_is_removed_is_one_no_longer(world: World, withdrawn: Ran) -> None:
    assert withdrawn.exit_code == 1
    ran = world.run("--limit", "one", "--remove")
    assert ran.exit_code == 0
    assert ran.output.splitlines()[-1] == (
        "HARDGATE RUNNER GREEN: no runners any more: 1 of 1 host (exit 0)"
    )
    assert world.hosts["one"].run("root", "id", "hardgate-runner").status != 0
