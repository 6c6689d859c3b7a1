"""The test host: made ready on the caller's engine, reached from outside, gone with its run.

See D1 in ARCHITECTURE.md.
"""

import ipaddress
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError, NotFound
from docker.types import Mount

from hardgate.engine.capabilities import find_ungrantable_capabilities, read_missing_capabilities
from hardgate.engine.capability_memory import CapabilityMemory
from hardgate.errors import HostError
from hardgate.host.lifeline import READY_PROGRAM, Lifeline
from hardgate.host.observer import Observer, TestHost
from hardgate.model.run import Host
from hardgate.system.ownership import Owner

TOOLS_FOLDER = "/usr/local/lib/hardgate"
MEMORY_MIB = 6144
"""Bounds all that runs in a nested host; above the largest tier's, so that this one counts."""
MAX_PIDS = 8192
ADDRESS_POOLS = ("10.213.0.0/16", "10.214.0.0/16", "192.168.213.0/24", "172.30.213.0/24")
"""Candidates for the nested engine's bridge: the first that the outer engine does not use."""
BOOT_SECONDS = 60.0
ANSWER_SECONDS = 5.0
"""How long the host may take to say that its engine did not come up in time."""
ENGINE_LOGS = ("/run/containerd.log", "/run/dockerd.log")
SHARED_FOLDER = "/run/hardgate"
NONCE_FILE = "nonce"
ENGINE_SOCKET_FILE = "engine.sock"
ABSENT_SOURCE = re.compile(r"bind source path does not exist: (\S[^\n]*)")
REMOVAL_UNDER_WAY_STATUS = 409
"""The engine's answer to whoever removes what is being removed."""
SHELF_FOLDER = "/run/shelf"
"""Where the host is shown the outer engine's image store, until its image is taken over."""
CONTAINERD_STORE = "io.containerd.snapshotter.v1"
"""What an engine says of itself that keeps its images in containerd's store."""
CONTAINERD_FOLDER = "/var/lib/containerd"
CONTAINERD_SOCKETS = ("/run/containerd/containerd.sock", "/run/docker/containerd/containerd.sock")
"""The machine's own containerd listens at the first, one that the engine started at the second."""
TAKE_PROGRAM, ENGINE_PROGRAM = "take-image", "host-engine"
TAKE_SECONDS = 30.0
LAYERS_NOT_SHOWN_STATUS = 3
"""What `take-image` exits with where the outer engine's store does not show every layer."""
ROLE_LABEL = "hardgate.role"
LAST_NAMELESS_API = (1, 41)
"""Engines up to this API (20.10) know the capabilities up to AUDIT_READ."""


@dataclass(frozen=True, kw_only=True)
class HostRequest:
    """What a test host is to be."""

    kind: str
    image: str
    owner: Owner
    seconds: int
    """Its life at the most, while the gate lives."""
    keep_seconds: int
    """Its life at the most, once it is kept."""
    environment: Mapping[str, str]
    """The machine's proxies."""
    share: str = ""
    """A private folder of the gate's machine, for a socket that both sides see; may be empty."""
    absent: frozenset[str] = frozenset()
    """Paths that are not on the engine's machine: they are not shown to the host."""
    engine_info: Mapping[str, Any] = field(repr=False, default_factory=dict)
    """What the outer engine says of itself; it is asked where this is empty."""


@dataclass(frozen=True, kw_only=True)
class CreatedHost:
    """A container that waits to be started and held."""

    container: str
    lacking: tuple[str, ...]
    """Capabilities that the outer engine cannot grant."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "CreatedHost":
        """Read what `asdict` wrote."""
        return cls(container=data["container"], lacking=tuple(data["lacking"]))


def create_host_container(
    client: docker.APIClient, request: HostRequest, memory: CapabilityMemory | None = None
) -> CreatedHost:
    """Create and start the host's container, with every capability that the engine can grant.

    With a `memory`, what the engine cannot grant is asked once for each start of the engine.
    """
    remembered = memory.read_lacking() if memory else frozenset()
    request, container, refusal = _create_and_start(client, request, lacking=remembered)
    if refusal and remembered and memory:
        memory.forget()
        _remove_and_wait(client, container)
        remembered = frozenset()
        request, container, refusal = _create_and_start(client, request, lacking=remembered)
    if not refusal:
        return CreatedHost(container=container, lacking=tuple(sorted(remembered)))
    _remove_and_wait(client, container)
    created = _create_with_less(client, request, refusal)
    if memory:
        memory.write_lacking(created.lacking)
    return created


def _create_and_start(
    client: docker.APIClient, request: HostRequest, *, lacking: frozenset[str]
) -> tuple[HostRequest, str, str]:
    """Create and start it; give the request that was carried out, the container, and a refusal."""
    while True:
        try:
            container = _create_container(client, request, lacking=lacking)
        except APIError as error:
            # The gate's folder, or a store in that place, is not on the engine's machine.
            missing = ABSENT_SOURCE.search(str(error.explanation))
            if not missing or missing[1] in request.absent:
                raise
            request = replace(request, absent=request.absent | {missing[1]})
            continue
        return request, container, _try_start(client, container)


def _create_with_less(client: docker.APIClient, request: HostRequest, refusal: str) -> CreatedHost:
    """Create it without what the engine cannot grant, which is found by starting containers."""
    if "caps" not in refusal or request.kind == "direct":
        raise HostError("The engine cannot start a privileged container.", evidence=refusal)
    lacking = find_ungrantable_capabilities(
        lambda left_out: _can_start(client, request, left_out), read_missing_capabilities()
    )
    if lacking is None:
        raise HostError(
            "The engine cannot start a privileged container, whatever is left out.",
            "Run the gate on a machine that may, or ask for '--host direct' on a CI machine.",
            evidence=refusal,
        )
    container = _create_container(client, request, lacking=lacking)
    refusal = _try_start(client, container)
    if refusal:
        _remove_and_wait(client, container)
        raise HostError("The engine cannot start the test host.", evidence=refusal)
    return CreatedHost(container=container, lacking=tuple(sorted(lacking)))


def _can_start(client: docker.APIClient, request: HostRequest, lacking: frozenset[str]) -> bool:
    container = _create_container(client, request, lacking=lacking)
    refused = _try_start(client, container)
    _remove_and_wait(client, container)
    return not refused


def _try_start(client: docker.APIClient, container: str) -> str:
    """Start a container; give the engine's words where it refuses."""
    try:
        client.start(container)
    except APIError as error:
        return str(error.explanation or error)
    return ""


def _remove_and_wait(client: docker.APIClient, container: str) -> None:
    """Remove a container, and wait until its name is free: its own AutoRemove may be at it."""
    deadline = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < deadline:
        try:
            client.remove_container(container, v=True, force=True)
        except NotFound:
            return
        except APIError as error:
            if error.status_code != REMOVAL_UNDER_WAY_STATUS:
                raise
        time.sleep(0.02)


def _create_container(
    client: docker.APIClient, request: HostRequest, *, lacking: frozenset[str]
) -> str:
    settings = (
        _make_direct_settings()
        if request.kind == "direct"
        else _make_nested_settings(request.engine_info or client.info(), request)
    )
    host_config = make_privileged_config(client, lacking=lacking, auto_remove=True, **settings)
    created = client.create_container(
        request.image,
        [
            f"{TOOLS_FOLDER}/host-init",
            request.kind,
            str(request.seconds),
            str(request.keep_seconds),
            request.owner.run,
        ],
        name=f"hardgate-{request.owner.run}",
        hostname=f"hardgate-{request.owner.run}",
        labels=request.owner.labels | {ROLE_LABEL: "host"},
        environment=dict(request.environment),
        stdin_open=True,
        host_config=host_config,
    )
    return str(created["Id"])


def make_privileged_config(
    client: docker.APIClient, *, lacking: frozenset[str], **settings: Any
) -> dict[str, Any]:
    """Give a container's host settings with every privilege but the capabilities that lack."""
    if not lacking:
        return dict(client.create_host_config(privileged=True, **settings))
    config = client.create_host_config(
        cap_add=["ALL"],
        cap_drop=sorted(lacking - _find_unknown_capabilities(client)),
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        device_cgroup_rules=["a *:* rwm"],
        **settings,
    )
    # The command line's 'systempaths=unconfined'; the API has it in these two.
    return dict(config) | {"MaskedPaths": [], "ReadonlyPaths": []}


def _find_unknown_capabilities(client: docker.APIClient) -> frozenset[str]:
    """Name the capabilities that are newer than the engine, which refuses their names."""
    api = tuple(int(part) for part in client.api_version.split("."))
    return frozenset({"PERFMON", "BPF", "CHECKPOINT_RESTORE"} if api <= LAST_NAMELESS_API else ())


def _make_nested_settings(info: Mapping[str, Any], request: HostRequest) -> dict[str, Any]:
    """Give a nested host its disk, labelled: an engine that is killed removes the container when it
    comes again, and forgets the volume.
    """
    bound = min(MEMORY_MIB, int(info["MemTotal"] / 2**20 * 0.9))
    shown = [*_make_store_mounts(info)]
    if request.share:
        shown.append(Mount(SHARED_FOLDER, request.share, type="bind"))
    return {
        "mem_limit": f"{bound}m",
        "pids_limit": MAX_PIDS,
        "mounts": [
            Mount("/var/lib/docker", None, type="volume", labels=request.owner.labels),
            *(mount for mount in shown if mount["Source"] not in request.absent),
        ],
    }


def _make_store_mounts(info: Mapping[str, Any]) -> Iterable[Mount]:
    """Show the host the outer engine's image store, until its image is taken over."""
    for source, target in _list_store_paths(info):
        mount = Mount(f"{SHELF_FOLDER}{target}", source, type="bind", read_only=True)
        # Recursive, it would hold the mounts of everybody's running containers.
        mount["BindOptions"] = {"NonRecursive": True}
        yield mount


def _list_store_paths(info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Give what `take-image` needs of the outer machine, and where it looks for each below the
    shelf. An engine that keeps its images in another layout has none of it.
    """
    root, driver_type = (
        info["DockerRootDir"],
        dict(info.get("DriverStatus") or ()).get("driver-type"),
    )
    if info["Driver"] == "overlay2" and not driver_type:
        yield f"{root}/overlay2", "/overlay2"
        yield f"{root}/image/overlay2", "/image"
    if info["Driver"] == "overlayfs" and driver_type == CONTAINERD_STORE:
        # An engine from 27 on says where its containerd listens; none says where its folder is.
        address = (info.get("Containerd") or {}).get("Address")
        sockets = [address] if address else CONTAINERD_SOCKETS
        for path in (CONTAINERD_FOLDER, f"{root}/containerd/daemon", *sockets):
            yield path, path


def _make_direct_settings() -> dict[str, Any]:
    return {
        "pid_mode": "host",
        "network_mode": "none",
        "mounts": [
            Mount("/host", "/", type="bind"),
            Mount("/var/run/docker.sock", "/var/run/docker.sock", type="bind"),
        ],
    }


def await_ready_host(lifeline: Lifeline, observer: Observer, seconds: float = BOOT_SECONDS) -> str:
    """Wait until the host has prepared itself and the gate holds it; give the nonce it sees."""
    try:
        result = lifeline.await_result(READY_PROGRAM, seconds)
    except HostError as error:
        raise HostError(
            "The test host did not come up.",
            "Look at its log, and at what the engine says of it (docker info).",
            evidence="\n".join(filter(None, (error.problem, _read_host_log(observer)))),
        ) from error
    return result.answer


def use_shared_socket(host: TestHost, share: str, nonce: str) -> TestHost:
    """Reach the host's engine by a socket in the shared folder, where both sides see the same one.

    They do not where the gate is in a container or the engine on another machine. The relay's
    address is kept then, and for a user who could not open the socket, which is root's. `nonce` is
    what the host has read in its folder.
    """
    if host.kind != "nested" or not share or os.geteuid() != 0:
        return host
    if not nonce or nonce != Path(share, NONCE_FILE).read_text():
        return host
    return replace(host, engine_url=f"unix://{share}/{ENGINE_SOCKET_FILE}")


def _read_host_log(observer: Observer) -> str:
    try:
        log: bytes = observer.client.logs(observer.container, tail=40)
    except APIError as error:
        return str(error.explanation or error)
    return log.decode(errors="replace")


def take_image(
    lifeline: Lifeline, observer: Observer, digest: str, layers: Sequence[str]
) -> str | None:
    """Let the host, its engine not yet started, have an image of the outer engine; give the id by
    which it will know it.

    None where the outer engine's store is not to be had; the image is to be loaded then.
    """
    result = lifeline.run_order(TAKE_PROGRAM, digest, *layers, seconds=TAKE_SECONDS)
    if result.status not in {0, LAYERS_NOT_SHOWN_STATUS}:
        raise HostError(
            "The image could not be taken over from the outer engine's store.",
            evidence=_read_host_log(observer),
        )
    return result.answer if result.status == 0 else None


def boot_host_engine(lifeline: Lifeline, observer: Observer, seconds: float = BOOT_SECONDS) -> Host:
    """Start the host's engine, and wait until it answers, with overlay2."""
    bridge, pool = choose_addresses(observer.client)
    result = lifeline.run_order(
        *(ENGINE_PROGRAM, str(seconds), "--bip", bridge, "--default-address-pool", pool),
        seconds=seconds + ANSWER_SECONDS,
    )
    if result.status != 0:
        raise HostError(
            "The test host's engine did not come up.",
            "Read the end of its log.",
            evidence=observer.run_on_host("tail", "-n", "30", *ENGINE_LOGS).stdout
            or _read_host_log(observer),
        )
    driver, version, kernel = result.answer.split()
    if driver != "overlay2":
        raise HostError(
            f"The test host's engine came up with '{driver}', not overlay2.",
            "Its disk must be a volume on a file system that overlay2 can use.",
        )
    return Host(kind="nested", engine=version, kernel=kernel)


def choose_addresses(client: docker.APIClient) -> tuple[str, str]:
    """Choose a bridge address and a pool that no network of the outer engine uses."""
    used = [
        ipaddress.IPv4Network(config["Subnet"], strict=False)
        for network in client.networks()
        for config in (network["IPAM"].get("Config") or ())
        if config.get("Subnet") and ":" not in config["Subnet"]
    ]
    for pool in map(ipaddress.IPv4Network, ADDRESS_POOLS):
        if not any(pool.overlaps(taken) for taken in used):
            bridge, rest = pool.subnets(prefixlen_diff=1)
            address = f"{bridge.network_address + 1}/{bridge.prefixlen}"
            return address, f"base={rest},size={min(rest.prefixlen + 4, 28)}"
    raise HostError(
        f"The engine's networks cover all of {', '.join(ADDRESS_POOLS)}.",
        "Remove a network that is no longer used.",
    )


def copy_image(outer: docker.APIClient, inner: docker.APIClient, image: str) -> str:
    """Copy an image whole from engine to engine; give its config digest, as the host has it."""
    for event in inner.load_image(outer.get_image(image), quiet=True):
        if "error" in event:
            raise HostError("The test host could not load the image.", evidence=event["error"])
        for word in event.get("stream", "").split():
            if word.startswith("sha256:"):
                return str(word)
    raise HostError("The test host loaded an image and did not say which.")
