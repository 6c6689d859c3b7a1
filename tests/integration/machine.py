"""A whole machine for a test: a throwaway host of ours with an engine, reached over its relay."""

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from hardgate.engine import reaper
from hardgate.engine.client import connect_engine, find_engine
from hardgate.host.engine_relay import Relay
from hardgate.host.lifeline import hold_container
from hardgate.host.observer import Observer, TestHost
from hardgate.host.test_host import (
    BOOT_SECONDS,
    NONCE_FILE,
    TOOLS_FOLDER,
    HostRequest,
    await_ready_host,
    boot_host_engine,
    choose_addresses,
    create_host_container,
    use_shared_socket,
)
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.integration.names import unique

UNIFIED = """
set -e
umount -R /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mkdir -p /sys/fs/cgroup/init
while read -r pid; do echo "$pid" 2>/dev/null >/sys/fs/cgroup/init/cgroup.procs || continue
done </sys/fs/cgroup/cgroup.procs
"""


WITH_SNAPSHOTS = """
set -e
# containerd as a distribution has it: in a folder of its own, beside the engine's.
kill $(pidof containerd)
while pidof containerd >/dev/null; do sleep 0.05; done
mkdir -p /var/lib/docker/machine /var/lib/containerd /etc/docker
mount --bind /var/lib/docker/machine /var/lib/containerd
sed 's,/var/lib/docker/containerd/daemon,/var/lib/containerd,' \\
    /usr/local/lib/hardgate/containerd.toml >/etc/containerd.toml
containerd --config /etc/containerd.toml >/run/containerd.log 2>&1 </dev/null &
echo '{"features": {"containerd-snapshotter": true}}' >/etc/docker/daemon.json
if mountpoint -q /run/hardgate; then set -- --host unix:///run/hardgate/engine.sock; fi
while [ ! -S /run/containerd/containerd.sock ]; do sleep 0.05; done
dockerd --host unix:///var/run/docker.sock --containerd /run/containerd/containerd.sock \\
    --bip 10.217.0.1/24 --default-address-pool base=10.217.128.0/17,size=24 "$@" \\
    >/run/dockerd.log 2>&1 </dev/null &
exec python3 -I -S -B /usr/local/lib/hardgate/await_engine.py /var/run/docker.sock "$!" 50
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine with an engine of its own."""

    url: str
    """For DOCKER_HOST."""
    client: docker.APIClient
    lookout: Observer


def start_engine_again(lookout: Observer) -> None:
    """Start an engine in a machine whose own one has ended."""
    bridge, pool = choose_addresses(lookout.client)
    lookout.run_checked(
        *(f"{TOOLS_FOLDER}/host-engine", "60", "--bip", bridge, "--default-address-pool", pool),
        timeout=65,
    )


@contextmanager
def machine(
    client: docker.APIClient,
    folder: Path,
    image: str,
    *,
    name: str,
    images: Sequence[str],
    unified: bool = False,
    snapshots: bool = False,
    is_near: bool = False,
    seconds: int = 1800,
) -> Iterator[Machine]:
    """Boot a machine whose engine has `images` (tags of the outer engine's), and take it down.

    With `snapshots` its engine keeps them in containerd's store. Such an engine, and one that
    `is_near`, is reached by a socket in `folder`, where that can be, and has loaded its images: it
    can lend them, as an engine that only borrows them cannot.
    """
    is_near = is_near or snapshots
    name = unique(name)
    owner = Owner(
        run=name, process=ProcessIdentity.of_current_process(), deadline=int(time.time()) + seconds
    )
    request = HostRequest(
        kind="nested",
        image=image,
        owner=owner,
        seconds=seconds,
        keep_seconds=60,
        environment={},
        share=str(folder) if is_near else "",
    )
    (folder / NONCE_FILE).write_text(name)
    try:
        created = create_host_container(client, request)
        lookout = Observer(client=client, container=created.container)
        lifeline = hold_container(client, created.container)
        nonce = await_ready_host(lifeline, lookout)
        if is_near:
            lookout.run_checked(f"{TOOLS_FOLDER}/close-shelf")
            if snapshots:
                lookout.run_checked("sh", "-c", WITH_SNAPSHOTS, timeout=BOOT_SECONDS)
            else:
                boot_host_engine(lifeline, lookout)
            with Relay(client, created.container, folder / f"{name}.sock") as relay:
                url = _find_short_way(created.container, relay.url, folder, nonce)
                inner = connect_engine(url)
                _load_images(inner, images)
                yield Machine(url=url, client=inner, lookout=lookout)
            lifeline.close()
            return
        digests = {tag: client.inspect_image(tag) for tag in images}
        for inspect in digests.values():
            lookout.run_checked(
                f"{TOOLS_FOLDER}/adopt-shown-image", inspect["Id"], *inspect["RootFS"]["Layers"]
            )
        lookout.run_checked(f"{TOOLS_FOLDER}/close-shelf")
        if unified:
            lookout.run_checked("sh", "-c", UNIFIED)
        boot_host_engine(lifeline, lookout)
        with Relay(client, created.container, folder / f"{name}.sock") as relay:
            inner = connect_engine(relay.url)
            for tag, inspect in digests.items():
                repository, _, version = tag.partition(":")
                if not tag.startswith("sha256:"):
                    inner.tag(inspect["Id"], repository, version)
            yield Machine(url=relay.url, client=inner, lookout=lookout)
        lifeline.close()
    finally:
        reaper.remove_run_debris(client, name)


def _load_images(inner: docker.APIClient, images: Sequence[str]) -> None:
    """Load images of the caller's engine, layers that they share once."""
    with subprocess.Popen(["docker", "save", *images], stdout=subprocess.PIPE) as saving:
        events = inner.load_image(saving.stdout, quiet=True)
        assert [event for event in events if "error" in event] == []
    assert saving.returncode == 0


def _find_short_way(container: str, relayed: str, folder: Path, nonce: str) -> str:
    """Give the engine's socket in a folder that both sides see, where there is one."""
    host = TestHost(
        kind="nested",
        engine_url=relayed,
        outer_url=find_engine().url,
        container=container,
        root="",
    )
    return use_shared_socket(host, str(folder), nonce).engine_url
