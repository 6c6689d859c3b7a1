"""Fresh hosts become runners over SSH: a forge each, and one host without systemd, all at once.

The tests share the hosts, and go from 'nothing there' to 'nothing there' again.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml

from tests.integration.conftest import ROOT
from tests.integration.runner_hosts import RunnerHosts, gateway, runner_hosts
from tests.integration.stand_in.forge import Forge, Job, forge_at
from tests.integration.stand_in.programs import write_archive, write_program

pytestmark = [pytest.mark.slow, pytest.mark.full]

PLAYBOOK = """
- name: Make runners, or take them back
  hosts: all
  gather_facts: false
  become: true
  roles:
    - role: runner
  post_tasks:
    - name: Register them
      when: runner_state == 'present'
      ansible.builtin.include_role:
        name: runner
        tasks_from: register
"""
FORGES = ("gitea", "forgejo", "github")
WITH_SYSTEMD, BARE = ("gitea", "github"), ("forgejo",)
PROGRAM = "/usr/local/lib/hardgate-runner/program"
JOBS = "/var/lib/hardgate-runner/jobs"
REGISTRATION = "/var/lib/hardgate-runner/registration/.runner"
# What an installation brings, and a removal takes: files, packages, users, units, rules.
STATE = r"""
dpkg-query --show --showformat '${Package} ${db:Status-Status}\n'
cat /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/subuid /etc/subgid
find / -xdev \( -path /proc -o -path /sys -o -path /var/lib/dpkg -o -path /var/cache -o -path /tmp \
    -o -path /var/log -o -path /var/lib/apt -o -path /home/admin -o -path /run \
    -o -path /var/lib/systemd -o -path /etc/alternatives -o -path '*/__pycache__' \) -prune \
    -o -print | sort
ls -A /tmp | grep -v systemd-private || true
ls -d /var/log/*hardgate* /var/log/journal/*hardgate* /run/hardgate* 2>/dev/null || true
{ systemctl list-units --all --no-legend --plain '*hardgate*' '*docker*'; } 2>/dev/null || true
command -v iptables || true
"""
# What heals: each file of ours with its mode, owner and content, and what runs.
SHAPE = r"""
for file in $(find /etc/hardgate /usr/local/lib/hardgate-runner /etc/systemd/system/hardgate-* \
    /etc/systemd/system/*.wants/hardgate-* /etc/systemd/journald@hardgate.conf /etc/docker \
    -name _diag -prune -o ! -name .runner ! -name '.credentials*' ! -name key.json -print \
    2>/dev/null | sort); do
    stat --format '%n %F %a %U %G' "$file"
    [ ! -f "$file" ] || sha256sum "$file"
done
stat --format '%n %a %U' /var/lib/hardgate-runner /var/lib/hardgate-runner/*
id hardgate-runner
iptables -S DOCKER-USER
iptables -S OUTPUT
ip6tables -S OUTPUT
"""
UNITS = "hardgate-runner.service hardgate-reap.timer hardgate-metadata.service"


@dataclass(frozen=True, kw_only=True)
class Played:
    """What came of playing the role."""

    status: int
    output: str = field(repr=False)

    def count(self, host: str, word: str) -> int:
        """Read the recap."""
        found = re.search(rf"^{host} +:.*\b{word}=(\d+)", self.output, re.MULTILINE)
        assert found, self.output[-3000:]
        return int(found.group(1))


@dataclass(frozen=True, kw_only=True)
class World:
    """Hosts, their forge, and the role to play there."""

    folder: Path
    hosts: RunnerHosts
    forge: Forge
    variables: dict[str, dict[str, Any]]
    before: dict[str, str]
    tokens: list[str] = field(default_factory=list)

    def give_tokens(self, *names: str) -> None:
        """Have the next playing find a new token for hosts."""
        for name in names:
            self.tokens.append(self.forge.issue_token())
            self.variables[name]["runner_token"] = self.tokens[-1]

    def play(self, *names: str, verbose: bool = False, **variables: object) -> Played:
        """Play it on hosts, or on all."""
        inventory = yaml.safe_load(self.hosts.inventory.read_text())
        for name, entry in inventory["all"]["hosts"].items():
            entry.update(self.variables[name] | variables)
        file = self.folder / "inventory.yml"
        file.write_text(yaml.safe_dump(inventory))
        file.chmod(0o600)
        (self.folder / "play.yml").write_text(PLAYBOOK)
        words = ["-i", str(file), str(self.folder / "play.yml"), *(["-vvv"] if verbose else [])]
        ran = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), *words]
            + (["--limit", ",".join(names)] if names else []),
            env={
                **os.environ,
                "ANSIBLE_ROLES_PATH": str(ROOT / "roles"),
                "ANSIBLE_FORKS": "8",
                "ANSIBLE_NOCOLOR": "1",
                "PYTHONPATH": str(ROOT / "src"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        shown = ran.stdout.splitlines()
        print("\n".join(shown if not verbose else [line for line in shown if "fatal" in line]))
        return Played(status=ran.returncode, output=ran.stdout)

    def on_all(self, script: str, *names: str) -> dict[str, str]:
        """Run a script on hosts, at once."""
        chosen = [host for host in self.hosts if not names or host.name in names]
        with ThreadPoolExecutor(len(chosen)) as pool:
            outputs = pool.map(lambda host: host.shell(script), chosen)
        return {host.name: output for host, output in zip(chosen, outputs, strict=True)}


@pytest.fixture(scope="module")
def world(client: docker.APIClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Boot the hosts and a forge."""
    folder = tmp_path_factory.mktemp("runner-role")
    archive, programs = folder / "github.tar.gz", {}
    for name in ("gitea", "forgejo"):
        programs[name] = folder / f"{name}-runner"
        sha256 = write_program(programs[name])
    sha256_of_archive = write_archive(archive)
    hosts = runner_hosts(client, folder / "hosts", WITH_SYSTEMD, bare=BARE)
    with forge_at(gateway(client)) as forge, hosts as booted:
        common = {"runner_job_seconds": 60, "runner_drain_seconds": 60, "runner_url": forge.url}
        of_act = {
            name: common | {"runner_binary": str(file), "runner_sha256": sha256}
            for name, file in programs.items()
        }
        of_github = common | {
            "runner_binary": str(archive),
            "runner_sha256": sha256_of_archive,
            "runner_url": f"{forge.url}/acme/site",
        }
        variables = {name: of_act.get(name, of_github) | {"runner_forge": name} for name in FORGES}
        variables["gitea"] |= {"runner_api_scope": "admin", "runner_api_token": forge.api_token}
        made = World(folder=folder, hosts=booted, forge=forge, variables=variables, before={})
        made.before.update(made.on_all(STATE))
        yield made


@pytest.fixture(scope="module")
def provisioned(world: World) -> Played:
    """Make them runners, by a play that says all that it can."""
    world.give_tokens(*FORGES)
    started = time.monotonic()
    played = world.play(verbose=True)
    print(f"provisioned in {time.monotonic() - started:.0f} s")
    return played


@pytest.fixture(scope="module")
def shape(world: World, provisioned: Played) -> Mapping[str, str]:
    """Describe them as they are when nobody has touched them."""
    assert provisioned.status == 0
    return world.on_all(SHAPE)


def test_all_hosts_become_runners_that_ask_for_jobs(world: World, provisioned: Played) -> None:
    assert provisioned.status == 0
    for name in FORGES:
        world.forge.wait_for_polls(name)
        assert world.forge.runner(name).labels[-1:] == ("docker-host",)
    assert "which is as good as root" in provisioned.output


def test_a_job_runs_as_the_runners_user_and_has_the_engine(
    world: World, provisioned: Played
) -> None:
    assert provisioned.status == 0
    script = "id -un; docker info --format '{{.LoggingDriver}}'; touch /tmp/from-a-job"
    world.forge.queue(script).wait()
    told = [job.wait() for job in (world.forge.queue(script) for _ in range(3))]
    assert {job.output for job in told} == {"hardgate-runner\njson-file\n"}
    # The engine binds a job's files by their path: its /tmp has to be the host's.
    seen = world.on_all("ls /tmp/from-a-job 2>/dev/null || true; rm -f /tmp/from-a-job")
    assert "/tmp/from-a-job" in seen.values()


def test_no_token_is_left_anywhere(world: World, provisioned: Played) -> None:
    assert provisioned.status == 0
    # A pattern that does not match itself, for it stands in the process list.
    secrets = (*world.tokens, world.forge.api_token)
    patterns = " ".join(f"-e '[{secret[0]}]{secret[1:]}'" for secret in secrets)
    places = "/etc /var /usr/local /root /home /tmp /run /opt /dev/shm"
    seen = world.on_all(
        f"grep -rlsa {patterns} {places} --exclude-dir=docker || true\n"
        f"grep -lsa {patterns} /proc/[0-9]*/environ /proc/[0-9]*/cmdline || true"
    )
    assert set(seen.values()) == {""}
    for token in world.tokens:
        assert token not in provisioned.output
        for runner in world.forge.runners.values():
            assert token not in " ".join(runner.command)
    assert world.forge.api_token not in provisioned.output
    for issued in (runner.token for runner in world.forge.runners.values()):
        assert issued not in provisioned.output


def test_what_registering_leaves_is_the_users_alone(world: World, provisioned: Played) -> None:
    assert provisioned.status == 0
    script = "stat --format '%a %U' {} $(dirname {})"
    for name in ("gitea", "forgejo"):
        told = world.hosts[name].shell(script.replace("{}", REGISTRATION))
        assert told == "600 hardgate-runner\n700 hardgate-runner"
    for file in (".runner", ".credentials", ".credentials_rsaparams"):
        told = world.hosts["github"].shell(f"stat --format '%a %U' {PROGRAM}/{file}")
        assert told == "600 hardgate-runner"
    told = world.hosts["github"].shell(f"stat --format '%a %U' {PROGRAM} {PROGRAM}/bin/*")
    assert told.splitlines()[0] == "3770 root"
    assert set(told.splitlines()[1:]) == {"755 root"}


def test_a_second_playing_changes_nothing(
    world: World, provisioned: Played, shape: Mapping[str, str]
) -> None:
    assert provisioned.status == 0
    started = time.monotonic()
    played = world.play()
    print(f"played again in {time.monotonic() - started:.0f} s")
    assert [played.count(name, "changed") for name in FORGES] == [0, 0, 0]
    assert world.on_all(SHAPE) == shape


@pytest.fixture(scope="module")
def refused(world: World, shape: Mapping[str, str]) -> Played:
    """Ask for what cannot be had, on two of them, and for another label on the third."""
    assert shape
    kept = {name: dict(values) for name, values in world.variables.items()}
    for values in world.variables.values():
        del values["runner_token"]
    world.variables["forgejo"]["runner_sha256"] = "0" * 64
    world.variables["github"]["runner_labels"] = ["docker-host", "more"]
    world.variables["gitea"]["runner_labels"] = ["docker-host:host", "more:host"]
    played = world.play()
    world.variables.update(kept)
    return played


def test_a_program_with_another_hash_is_refused_and_the_old_one_stays(
    world: World, refused: Played, shape: Mapping[str, str]
) -> None:
    assert refused.count("forgejo", "failed") == 1
    assert "is pinned; nothing was installed" in " ".join(refused.output.split())
    assert world.on_all(SHAPE, "forgejo")["forgejo"] == shape["forgejo"]
    world.forge.wait_for_polls("forgejo")


def test_labels_that_need_another_registration_need_a_token(world: World, refused: Played) -> None:
    assert refused.count("github", "failed") == 1
    assert "there is no token" in " ".join(refused.output.split())
    world.forge.wait_for_polls("github")


def test_labels_that_are_declared_at_the_start_do_not(world: World, refused: Played) -> None:
    assert refused.count("gitea", "failed") == 0
    world.forge.wait_for_polls("gitea")
    assert "more" in world.forge.runner("gitea").labels


DRIFT = {
    # Files, modes and units; the program and its settings; the group; the firewall.
    "gitea": f"""
        chmod 0644 {REGISTRATION}
        echo 'Environment=A=b' >>/etc/systemd/system/hardgate-runner.service
        mkdir /etc/systemd/system/hardgate-runner.service.d
        echo '[Service]' >/etc/systemd/system/hardgate-runner.service.d/override.conf
        rm /etc/systemd/system/hardgate-reap.timer
        ln -s /dev/null /etc/systemd/system/hardgate-reap.timer
        systemctl daemon-reload
        systemctl stop hardgate-reap.timer
        gpasswd --delete hardgate-runner docker
        iptables -D DOCKER-USER 1
        iptables -F OUTPUT
        echo '#' >>{PROGRAM}/gitea-runner
        echo 'direct_for_untrusted: true' >/etc/hardgate/policy.yaml
        chmod 0666 /etc/hardgate/runner.yaml
    """,
    "github": f"""
        echo exit >>{PROGRAM}/bin/runsvc.sh
        chown hardgate-runner {PROGRAM}/run.sh
        echo A=b >>{PROGRAM}/.env
        chmod 0640 {PROGRAM}/.credentials
        systemctl disable hardgate-runner.service
        systemctl disable --now hardgate-reap.timer
        systemctl stop hardgate-metadata.service
        ip6tables -F OUTPUT
        rm -r /etc/hardgate/policy.yaml {REGISTRATION.rpartition("/")[0]}
    """,
    "forgejo": """
        echo true >/usr/local/lib/hardgate-runner/reap
        sed -i 's/capacity: 1/capacity: 7/' /etc/hardgate/runner.yaml
        chmod 0777 /usr/local/lib/hardgate-runner/supervise
    """,
}


@pytest.fixture(scope="module")
def running(world: World, refused: Played) -> list[Job]:
    """Have a job run on each host; all will have to be started anew."""
    assert refused
    jobs = [world.forge.queue("echo begun; sleep 15; echo ended") for _ in FORGES]
    return [job.wait_until_taken() for job in jobs]


@pytest.fixture(scope="module")
def healed(world: World, running: list[Job]) -> Played:
    """Change by hand what can be, while jobs run, and play the role."""
    assert not any(job.result for job in running)
    with ThreadPoolExecutor(len(DRIFT)) as pool:
        list(pool.map(lambda name: world.hosts[name].shell(DRIFT[name]), DRIFT))
    return world.play()


def test_what_was_changed_by_hand_is_put_right(
    world: World, healed: Played, shape: Mapping[str, str]
) -> None:
    assert healed.status == 0
    now = world.on_all(SHAPE)
    for name in FORGES:
        assert now[name] == shape[name]
        assert healed.count(name, "changed") > 0
        world.forge.wait_for_polls(name)
    for unit in UNITS.split():
        seen = world.on_all(
            f"systemctl is-active {unit}; systemctl is-enabled {unit}", *WITH_SYSTEMD
        )
        assert set(seen.values()) == {"active\nenabled"}
    assert "registered anew" not in healed.output


def test_no_job_was_ended_for_it(running: list[Job], healed: Played) -> None:
    assert healed.status == 0
    assert [(job.wait().result, job.output) for job in running] == [
        ("SUCCESS", "begun\nended\n")
    ] * len(running)


@pytest.fixture(scope="module")
def changed(world: World, healed: Played) -> Played:
    """Have GitHub's with another label, and Gitea's for one job only."""
    assert healed.status == 0
    world.variables["github"]["runner_labels"] = ["docker-host", "more"]
    world.variables["gitea"] |= {"runner_ephemeral": True, "runner_labels": ["once:host"]}
    world.give_tokens("github", "gitea")
    return world.play("github", "gitea")


def test_other_labels_are_registered_and_said_aloud(world: World, changed: Played) -> None:
    assert changed.status == 0
    assert "github is registered anew: labels is" in " ".join(changed.output.split())
    world.forge.wait_for_polls("github")
    assert "more" in world.forge.runner("github").labels


def test_an_ephemeral_runner_ends_after_one_job_and_then_needs_a_new_token(
    world: World, changed: Played
) -> None:
    assert changed.status == 0
    world.forge.queue("true", label="once").wait()
    host = world.hosts["gitea"]
    host.shell("while systemctl is-active --quiet hardgate-runner; do sleep 0.1; done")
    assert host.run("root", "systemctl", "is-active", "hardgate-runner.service").status != 0
    del world.variables["gitea"]["runner_token"]
    assert "it was for one job, and has ended" in " ".join(world.play("gitea").output.split())


def test_only_what_dead_runs_left_is_reaped(world: World, provisioned: Played) -> None:
    assert provisioned.status == 0
    told = world.hosts["github"].shell(REAPING)
    assert told.splitlines() == ["alive", "foreign", "half", "new", "v-foreign"]


REAPING = f"""
empty=$(tar -cf - --files-from=/dev/null | docker import - empty)
boot=$(cat /proc/sys/kernel/random/boot_id) space=$(stat -Lc %i /proc/self/ns/pid)
me=$boot/$space/$$/$(sed 's/.*) //' /proc/$$/stat | cut -d ' ' -f 20)
gone=$boot/$space/4194000/1 now=$(date +%s)
make() {{ name=$1; shift; docker create --name "$name" "$@" "$empty" true >/dev/null; }}
own() {{ echo "--label hardgate.run=x --label hardgate.owner=$1 --label hardgate.deadline=$2"; }}
make foreign
make half --label hardgate.run=x
make alive $(own "$me" $((now + 600)))
make late $(own "$me" $((now - 1)))
make dead $(own "$gone" $((now + 600)))
docker volume create $(own "$gone" $((now + 600))) v-dead >/dev/null
docker volume create v-foreign >/dev/null
docker network create $(own "$gone" $((now + 600))) n-dead >/dev/null
mkdir -p {JOBS}/old {JOBS}/new
touch -d '30 days ago' {JOBS}/old
systemctl start hardgate-reap.service
{{ docker ps -a --format '{{{{.Names}}}}'
   ls -d {JOBS}/old {JOBS}/new 2>/dev/null | sed 's,^.*/,,'
   docker volume ls -q
   docker network ls --format '{{{{.Name}}}}' | grep n- || true; }} | sort
docker rm -f foreign half alive >/dev/null
docker volume rm v-foreign >/dev/null
docker rmi "$empty" >/dev/null
rmdir {JOBS}/new
"""


def test_the_metadata_service_is_kept_from_jobs_after_the_engine_was_started_anew(
    world: World, provisioned: Played
) -> None:
    assert provisioned.status == 0
    host = world.hosts["github"]
    asking = "exec 3<>/dev/tcp/169.254.169.254/80"
    host.shell("iptables -F DOCKER-USER; systemctl restart docker.service")
    host.shell("until iptables -S DOCKER-USER | grep -F 169.254.169.254; do sleep 0.2; done")
    refused = host.run("root", "runuser", "-u", "hardgate-runner", "--", "bash", "-c", asking)
    assert "Connection refused" in refused.output


def test_removal_leaves_nothing_and_says_so(world: World, changed: Played) -> None:
    assert changed.status == 0
    world.variables["github"]["runner_remove_token"] = world.forge.issue_token("remove")
    started = time.monotonic()
    played = world.play(runner_state="absent")
    print(f"removed in {time.monotonic() - started:.0f} s")
    assert played.status == 0
    assert [runner.name for runner in world.forge.runners.values()] == ["forgejo"]
    assert "AT THE FORGE it is still listed: remove the runner forgejo" in played.output
    now = world.on_all(STATE)
    for name in FORGES:
        assert now[name] == world.before[name]
    assert played.count("gitea", "changed") > 0
