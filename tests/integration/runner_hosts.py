"""Fresh Debian hosts for the runner's tests: systemd as PID 1, sshd, and an engine to be installed.

Each is a container with every privilege that the caller's engine can grant, reached by SSH at its
own address on the engine's bridge. Whatever becomes of the tests, they are labelled as ours, so
that the next run's reaping finds them.
"""

import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import APIError
from docker.types import Mount

from hardgate.engine import reaper
from hardgate.engine.base_image import ensure_base
from hardgate.engine.capabilities import find_ungrantable_capabilities, read_missing_capabilities
from hardgate.engine.client import find_engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.host.image import HOST_IMAGE_FOLDER
from hardgate.host.test_host import make_privileged_config
from hardgate.system.ownership import Owner, ProcessIdentity

CONTEXT = Path(__file__).parent / "runner_host"
REPOSITORY = "hardgate-test/runner-host"
USER = "admin"
SECONDS = 3600
"""After these a host is debris, whatever its tests do."""
MEMORY_MIB = 3072
PIDS = 4096
BOOT_SECONDS = 60.0
UNKEPT = {"/run": "exec,mode=755", "/run/lock": "", "/tmp": "exec,mode=1777"}
"""What a reboot empties."""
READY = """
[ -n "$BARE" ] || { systemctl is-system-running --wait 2>&1; systemctl is-active --quiet ssh; }
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command on a host ended."""

    status: int
    output: str


@dataclass(frozen=True, kw_only=True)
class RunnerHost:
    """One host. It is looked at over the engine, so that a look needs nothing of what is tested."""

    client: docker.APIClient
    container: str
    name: str
    port: int = 22

    @property
    def address(self) -> str:
        """Give its address; another boot may give it another."""
        settings = self.client.inspect_container(self.container)["NetworkSettings"]
        return str(settings["IPAddress"])

    def run(self, user: str, *words: str, **environment: str) -> Ran:
        """Run a command as one of its users, by the engine."""
        home = "/root" if user == "root" else f"/home/{user}"
        variables = {"HOME": home, **environment}
        # Not by the SDK, which loses a quick command's output now and then.
        ran = subprocess.run(
            ["docker", "exec", f"--user={user}"]
            + [f"--env={name}={value}" for name, value in variables.items()]
            + [self.container, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        output = ran.stdout.decode(errors="replace")
        print(f"--- {self.name}, {user}: {' '.join(words)}\n{output}")
        return Ran(status=ran.returncode, output=output)

    def shell(self, script: str, *, user: str = "root") -> str:
        """Run a script that must succeed, and give what it printed, stripped."""
        ran = self.run(user, "sh", "-ec", script)
        assert ran.status == 0, ran.output
        return ran.output.strip()

    def put(self, path: str, content: bytes, *, mode: int = 0o644, owner: int = 0) -> None:
        """Write a file."""
        folder, _, name = path.rpartition("/")
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode, entry.uid, entry.gid = len(content), mode, owner, owner
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.addfile(entry, io.BytesIO(content))
        self.client.put_archive(self.container, folder or "/", packed.getvalue())

    def put_folder(self, path: str, folder: Path) -> None:
        """Copy a folder there, as root's."""
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            archive.add(folder, path.lstrip("/"), filter=_as_roots)
        packed.seek(0)
        self.client.put_archive(self.container, "/", packed)

    def kill(self) -> None:
        """Take its power away."""
        self.client.kill(self.container)
        self.client.wait(self.container)


@dataclass(frozen=True, kw_only=True)
class RunnerHosts:
    """Hosts in one inventory."""

    folder: Path
    """Private: the key, the hosts' own keys, the inventory."""
    hosts: tuple[RunnerHost, ...]

    def __iter__(self) -> Iterator[RunnerHost]:
        """Go through them."""
        return iter(self.hosts)

    def __getitem__(self, name: str) -> RunnerHost:
        """Find one by name."""
        return next(host for host in self.hosts if host.name == name)

    @cached_property
    def key(self) -> Path:
        """Make the key that opens them all."""
        key = self.folder / "key"
        words = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hardgate", "-f", str(key))
        subprocess.run(words, check=True)
        return key

    @property
    def known_hosts(self) -> Path:
        """Say where the hosts' own keys are, by the hosts' names: their addresses may change."""
        return self.folder / "known_hosts"

    @property
    def inventory(self) -> Path:
        """Say where the inventory is; it is written anew at every boot."""
        return self.folder / "inventory.yml"

    def load(self, *images: str) -> None:
        """Give their engines images of the caller's: saved once, and loaded by all at once."""
        load = ("docker", "exec", "--interactive")
        loads = [
            subprocess.Popen(
                (*load, host.container, "docker", "load", "--quiet"), stdin=subprocess.PIPE
            )
            for host in self
        ]
        with subprocess.Popen(("docker", "save", *images), stdout=subprocess.PIPE) as saving:
            assert saving.stdout
            while chunk := saving.stdout.read(2**20):
                for one in loads:
                    assert one.stdin
                    one.stdin.write(chunk)
        for one in loads:
            one.communicate()
        assert {saving.returncode, *(one.returncode for one in loads)} == {0}

    def start(self, *names: str) -> None:
        """Start all, or the named ones, at once; wait until SSH answers, and write it all down."""
        chosen = [host for host in self.hosts if not names or host.name in names]
        with ThreadPoolExecutor(len(chosen)) as pool:
            list(pool.map(self._start, chosen))
        entries = {host.name: self._entry(host) for host in self.hosts if _is_up(host)}
        # JSON is YAML.
        self.inventory.write_text(json.dumps({"all": {"hosts": entries}}, indent=2))

    def boot(self, name: str) -> None:
        """Start one that was killed."""
        self.start(name)

    def _start(self, host: RunnerHost) -> None:
        host.client.start(host.container)
        _wait_until_up(host)
        if host.name in _names_in(self.known_hosts):
            return
        public = self.key.with_suffix(".pub").read_bytes()
        host.put(f"/home/{USER}/.ssh/authorized_keys", public, mode=0o600, owner=1000)
        of_host = host.shell("cat /etc/ssh/ssh_host_ed25519_key.pub").split()
        with self.known_hosts.open("a") as lines:
            lines.write(f"{host.name} {of_host[0]} {of_host[1]}\n")

    def _entry(self, host: RunnerHost) -> Mapping[str, Any]:
        return {
            "ansible_host": host.address,
            "ansible_port": host.port,
            "ansible_user": USER,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_private_key_file": str(self.key),
            "ansible_ssh_common_args": (
                f"-o UserKnownHostsFile={self.known_hosts} -o StrictHostKeyChecking=yes"
                f" -o HostKeyAlias={host.name} -o IdentitiesOnly=yes"
            ),
        }


@contextmanager
def runner_hosts(
    client: docker.APIClient,
    folder: Path,
    names: Sequence[str],
    *,
    bare: Sequence[str] = (),
    stage: str = "fresh",
) -> Iterator[RunnerHosts]:
    """Boot hosts, all at once, and take them down. Those that are bare have no systemd.

    `stage` is `fresh`, or `equipped`: with Debian's engine, as somebody installed it.
    """
    have_ssh()
    reaper.reap_debris(client)
    image = build_host_image(client, stage)
    process, now = ProcessIdentity.of_current_process(), int(time.time())
    owner = Owner(run=f"hosts-{process.pid}-{now}", process=process, deadline=now + SECONDS)
    try:
        lacking = _lacking(client, image, owner)
        hosts = tuple(
            RunnerHost(
                client=client,
                container=_create(client, image, owner, name, lacking, bare=name in bare),
                name=name,
            )
            for name in (*names, *bare)
        )
        folder.mkdir(mode=0o700, exist_ok=True)
        together = RunnerHosts(folder=folder, hosts=hosts)
        assert together.key
        together.start()
        yield together
    finally:
        reaper.remove_run_debris(client, owner.run)


def gateway(client: docker.APIClient) -> str:
    """Give the address by which the hosts reach this machine."""
    return read_gateway(client.inspect_network("bridge"))


def read_gateway(network: Mapping[str, Any]) -> str:
    """Read a bridge's own IPv4 address from what `inspect_network` returns.

    Engine 20.10 names no gateway from its first start to its second: it chose the subnet itself
    then, and gave the bridge the subnet's first address.
    """
    for config in network["IPAM"]["Config"]:
        subnet = ip_network(config["Subnet"], strict=False)
        if subnet.version == 4:
            return str(config.get("Gateway") or subnet[1])
    raise ValueError(f"The network '{network['Name']}' has no IPv4 subnet.")


def have_ssh() -> None:
    """Install what reaches the hosts, where this machine has it not."""
    if shutil.which("ssh"):
        return
    as_root = () if os.geteuid() == 0 else ("sudo", "--non-interactive")
    install = ("apt-get", "-o", "DPkg::Lock::Timeout=300", "install", "--yes", "openssh-client")
    subprocess.run((*as_root, *install), check=True)


def build_host_image(client: docker.APIClient, stage: str) -> str:
    """Build the hosts' image, where it is not built yet; give its tag."""
    tag = f"{REPOSITORY}:{stage}"
    files = {file.name: file.read_bytes() for file in CONTEXT.iterdir()}
    files["open-machine"] = (HOST_IMAGE_FOLDER / "open-machine").read_bytes()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    context.seek(0)
    arguments = {
        "BASE_IMAGE": ensure_base(find_engine(), report_progress=print),
        **read_proxy_environment(),
    }
    words = [
        str(event.get("stream") or event.get("error") or "")
        for event in client.build(
            fileobj=context,
            custom_context=True,
            tag=tag,
            target=stage,
            buildargs=arguments,
            rm=True,
            forcerm=True,
            decode=True,
        )
    ]
    assert "Successfully tagged" in words[-1], "".join(words)
    return tag


def _create(
    client: docker.APIClient,
    image: str,
    owner: Owner,
    name: str,
    lacking: frozenset[str],
    *,
    bare: bool = False,
) -> str:
    config = make_privileged_config(
        client,
        lacking=lacking,
        tmpfs=UNKEPT,
        mem_limit=f"{MEMORY_MIB}m",
        pids_limit=PIDS,
        mounts=[Mount("/var/lib/docker", None, type="volume")],
    )
    # A root of its own, so that the limits bound all that its systemd and its engine start.
    config["CgroupnsMode"] = "private"
    created = client.create_container(
        image,
        name=f"hardgate-{owner.run}-{name}",
        hostname=name,
        labels=owner.labels,
        environment={"container": "docker", "BARE": "yes" * bare, **read_proxy_environment()},
        stop_signal="SIGRTMIN+3",
        host_config=config,
    )
    return str(created["Id"])


def _lacking(client: docker.APIClient, image: str, owner: Owner) -> frozenset[str]:
    """Name the capabilities that the caller's engine cannot grant."""

    def starts(left_out: frozenset[str]) -> bool:
        container = _create(client, image, owner, "trial", left_out)
        try:
            client.start(container)
        except APIError:
            return False
        finally:
            client.remove_container(container, v=True, force=True)
        return True

    if starts(frozenset()):
        return frozenset()
    lacking = find_ungrantable_capabilities(starts, read_missing_capabilities())
    assert lacking is not None, "The engine cannot start a container with privileges."
    return lacking


def _wait_until_up(host: RunnerHost) -> None:
    deadline = time.monotonic() + BOOT_SECONDS
    while host.run("root", "sh", "-c", READY).status != 0 or not _answers(host):
        if time.monotonic() > deadline:
            log = host.client.logs(host.container, tail=40).decode(errors="replace")
            failed = host.run("root", "systemctl", "--failed", "--no-pager").output
            pytest.fail(f"The host '{host.name}' did not come up:\n{log}\n{failed}")
        time.sleep(0.1)


def _answers(host: RunnerHost) -> bool:
    try:
        with socket.create_connection((host.address, host.port), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def _as_roots(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    return member


def _is_up(host: RunnerHost) -> bool:
    return bool(host.client.inspect_container(host.container)["State"]["Running"])


def _names_in(known_hosts: Path) -> set[str]:
    lines = known_hosts.read_text().splitlines() if known_hosts.exists() else []
    return {line.split()[0] for line in lines}
