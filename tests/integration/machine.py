"""A whole machine for a test: a throwaway host of ours with an engine, reached over its relay."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from hardgate.engine import reaper
from hardgate.engine.client import connect_engine
from hardgate.host.engine_relay import Relay
from hardgate.host.lifeline import hold_container
from hardgate.host.observer import Observer
from hardgate.host.test_host import (
    TOOLS_FOLDER,
    HostRequest,
    await_ready_host,
    boot_host_engine,
    choose_addresses,
    create_host_container,
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
) -> Iterator[Machine]:
    """Boot a machine whose engine has `images` (tags of the outer engine's), and take it down."""
    name = unique(name)
    owner = Owner(
        run=name, process=ProcessIdentity.of_current_process(), deadline=int(time.time()) + 1800
    )
    request = HostRequest(
        kind="nested",
        image=image,
        owner=owner,
        seconds=1800,
        keep_seconds=60,
        environment={},
    )
    try:
        created = create_host_container(client, request)
        lookout = Observer(client=client, container=created.container)
        lifeline = hold_container(client, created.container)
        await_ready_host(lifeline, lookout)
        digests = {tag: client.inspect_image(tag) for tag in images}
        for inspect in digests.values():
            lookout.run_checked(
                f"{TOOLS_FOLDER}/adopt_image.py", inspect["Id"], *inspect["RootFS"]["Layers"]
            )
        lookout.run_checked("sh", "-c", "umount -l /run/shelf/*")
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
