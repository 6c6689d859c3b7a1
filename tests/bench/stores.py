"""The gate on an engine of either image store: two machines that differ in that alone."""

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import docker
from docker.errors import DockerException

from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import find_engine
from hardgate.engine.proxy import read_proxy_environment
from hardgate.host.image import ensure_host_image, name_host_image
from tests.bench.gates import run_gate
from tests.bench.kept_host import KeptHost
from tests.integration.machine import Machine, machine

REPOSITORY, VERSION = "hardgate-bench/reference", "1"
REFERENCE = f"{REPOSITORY}:{VERSION}"
ON_OVERLAY2 = "the gate on an engine in a machine, images in overlay2"
ON_CONTAINERD = "the same, images in containerd's store"
COPIED = "Copy the image into the test host"
MACHINE_SECONDS = 4 * 3600
"""After which a machine ends, whatever became of the bench."""


def measure_stores(host: KeptHost) -> Mapping[str, float]:
    """Time a gate on each store, on machines that are up."""
    return {
        ON_OVERLAY2: time_gate(host, host.machine_urls[ON_OVERLAY2]),
        ON_CONTAINERD: time_gate(host, host.machine_urls[ON_CONTAINERD]),
    }


def time_gate(host: KeptHost, url: str) -> float:
    """Time a gate with the engine at an address, which has to lend its image."""
    begun = time.monotonic()
    steps = run_gate(host, "--image", REFERENCE, engine_url=url)
    seconds = time.monotonic() - begun
    if COPIED in steps:
        raise RuntimeError(f"The image was copied from '{url}', and not taken over.")
    return seconds


@contextmanager
def boot_machines(reference: str) -> Iterator[Mapping[str, str]]:
    """Boot a machine for each store; give the addresses of their engines."""
    client = find_engine().open_client()
    base = ensure_base(find_engine(), report_progress=print)
    host_image = ensure_host_image(client, base, read_proxy_environment(), print)
    client.tag(reference, REPOSITORY, VERSION, force=True)
    with ExitStack() as up:
        up.callback(untag_reference, client)
        urls = {}
        for title, name in ((ON_OVERLAY2, "bench-overlay2"), (ON_CONTAINERD, "bench-containerd")):
            booted = up.enter_context(
                machine(
                    client,
                    # A short one, for a socket's path may have 107 bytes.
                    Path(up.enter_context(TemporaryDirectory(prefix="hg-"))),
                    host_image,
                    name=name,
                    images=[base, host_image, REFERENCE],
                    snapshots=title == ON_CONTAINERD,
                    is_near=True,
                    seconds=MACHINE_SECONDS,
                )
            )
            name_images_there(booted, base, host_image)
            urls[title] = booted.url
        yield urls


def name_images_there(booted: Machine, base: str, host_image: str) -> None:
    """Let a gate there find the host's image: that engine may know the base by another digest."""
    repository, _, version = name_host_image(booted.client, base).partition(":")
    booted.client.tag(host_image, repository, version)


def untag_reference(client: docker.APIClient) -> None:
    """Take the bench's own name from the image."""
    with suppress(DockerException):  # somebody may use it by this name
        client.remove_image(REFERENCE)
