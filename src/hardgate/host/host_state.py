"""Gives a test host back as it was before its first workspace, or refuses it for a second one.

What a workspace leaves is removed by the host's own engine. Then the host is compared with what it
was: by its own lists, and by the outer engine, which knows each file of the host's disk that
changed. A workspace of tier 4 can do anything to its host; where something is another, the next
workspace gets a host of its own.
See D88 in ARCHITECTURE.md.
"""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence

import docker
from docker.errors import NotFound

from hardgate.errors import HostError
from hardgate.host.observer import Observer

LIST_STATE_COMMAND = ("python3", "-I", "-S", "-B", "/usr/local/lib/hardgate/list_state.py")
SETTLE_SECONDS = 5.0
"""How long what the engine has removed may take to be gone."""
PAUSE_SECONDS = 0.1
MAX_LISTED = 10
OWN_NETWORKS = frozenset({"bridge", "host", "none"})
ENGINE_PLACES = ("/run/docker", "/run/containerd", "/run/xtables.lock", "/var/run/docker")
"""Where the engine itself keeps what it needs from its first container on."""

HostState = Mapping[str, Sequence[str]]
"""Lists of what can stay behind, by kind."""


def read_host_state(observer: Observer) -> HostState:
    """List what is on a host, from its own side and from the outer engine's."""
    lists = json.loads(observer.run_checked(*LIST_STATE_COMMAND))
    changes = observer.client.diff(observer.container) or ()
    files = sorted(
        f"{change['Kind']} {change['Path']}"
        for change in changes
        if not _is_engines_own(change["Path"])
    )
    return {**lists, "files": files}


def _is_engines_own(path: str) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in ENGINE_PLACES)


def clear_host(inner: docker.APIClient, observer: Observer, before: HostState) -> None:
    """Remove all that the engine of a host holds but images, and see that the host is as before.

    Raises HostError where it is not.
    """
    for container in inner.containers(all=True):
        with contextlib.suppress(NotFound):
            inner.remove_container(container["Id"], v=True, force=True)
    for volume in inner.volumes()["Volumes"] or ():
        inner.remove_volume(volume["Name"], force=True)
    for network in inner.networks():
        if network["Name"] not in OWN_NETWORKS:
            inner.remove_network(network["Id"])
    deadline = time.monotonic() + SETTLE_SECONDS
    while differences := list(list_differences(before, read_host_state(observer))):
        if time.monotonic() > deadline:
            more = len(differences) - MAX_LISTED
            listed = [*differences[:MAX_LISTED], *([f"and {more} more"] if more > 0 else [])]
            raise HostError(
                "The first workspace left something on the test host, or took something away.",
                "The next one gets a host of its own.",
                evidence="\n".join(listed),
            )
        time.sleep(PAUSE_SECONDS)


def list_differences(before: HostState, after: HostState) -> Iterator[str]:
    """Yield what was not there before, and what is gone."""
    for kind in sorted({*before, *after}):
        old, new = before.get(kind, ()), after.get(kind, ())
        yield from (f"{kind}: + {one}" for one in new if one not in old)
        yield from (f"{kind}: - {one}" for one in old if one not in new)
