"""What a test host is created with: values, and what an engine is asked."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

import docker
import pytest
from docker.errors import APIError

from hardgate.host.test_host import (
    CONTAINERD_SOCKETS,
    HostRequest,
    _create_and_start,
    _make_nested_settings,
)
from hardgate.system.ownership import Owner, ProcessIdentity

OVERLAY2 = {"Driver": "overlay2", "DriverStatus": [["Backing Filesystem", "extfs"]]}
SNAPSHOTS = {
    "Driver": "overlayfs",
    "DriverStatus": [["driver-type", "io.containerd.snapshotter.v1"]],
}
REQUEST = HostRequest(
    kind="nested",
    image="host:1",
    owner=Owner(run="1234abcd", process=ProcessIdentity.of_current_process(), deadline=1),
    seconds=1,
    keep_seconds=1,
    environment={},
    share="/tmp/shared",
)


class Engine:
    """Says of itself what an engine says, and creates containers as one that has some paths."""

    def __init__(self, info: Mapping[str, object], paths: frozenset[str] = frozenset()) -> None:
        self._info = info
        self._paths = paths
        self.created: list[str] = []
        """What was bound into the one container that came to be."""

    def info(self) -> Mapping[str, object]:
        return {"MemTotal": 8 * 2**30, "DockerRootDir": "/data", **self._info}

    def create_host_config(self, **settings: object) -> Mapping[str, object]:
        return settings

    def create_container(self, *_words: object, host_config: Any, **_settings: object) -> Any:
        sources = [one["Source"] for one in host_config["mounts"] if one["Type"] == "bind"]
        for source in sources:
            if source not in self._paths:
                raise APIError(
                    "400 Client Error",
                    explanation='invalid mount config for type "bind": bind source path does not '
                    f"exist: {source}",
                )
        self.created = sources
        return {"Id": "c"}

    def start(self, container: str) -> None:
        assert container == "c"


def bind_sources(info: Mapping[str, object], request: HostRequest = REQUEST) -> list[str]:
    settings = _make_nested_settings(Engine(info).info(), request)
    return [one["Source"] for one in settings["mounts"] if one["Type"] == "bind"]


def test_the_hosts_disk_is_labelled_as_its_runs() -> None:
    """An engine that was killed removes the container when it comes again, and not its volume."""
    settings = _make_nested_settings(Engine({"Driver": "vfs"}).info(), REQUEST)

    (disk,) = (one for one in settings["mounts"] if one["Target"] == "/var/lib/docker")
    assert disk["VolumeOptions"]["Labels"] == REQUEST.owner.labels


@pytest.mark.parametrize(
    ("info", "paths"),
    [
        (OVERLAY2, ["/data/overlay2", "/data/image/overlay2"]),
        (SNAPSHOTS, ["/var/lib/containerd", "/data/containerd/daemon", *CONTAINERD_SOCKETS]),
        (
            {**SNAPSHOTS, "Containerd": {"Address": "/run/its.sock"}},
            ["/var/lib/containerd", "/data/containerd/daemon", "/run/its.sock"],
        ),
        ({"Driver": "vfs"}, []),
        ({"Driver": "fuse-overlayfs", "DriverStatus": None}, []),
        ({**SNAPSHOTS, "Driver": "stargz"}, []),
        ({**OVERLAY2, "DriverStatus": SNAPSHOTS["DriverStatus"]}, []),
    ],
)
def test_the_host_is_shown_the_store_of_a_layout_that_it_can_take_over(
    info: Mapping[str, object], paths: list[str]
) -> None:
    assert bind_sources(info, replace(REQUEST, share="")) == paths


@pytest.mark.parametrize("info", [OVERLAY2, SNAPSHOTS])
def test_nobodys_running_containers_are_held_by_what_is_shown(info: Mapping[str, object]) -> None:
    settings = _make_nested_settings(Engine(info).info(), REQUEST)

    shown = [one for one in settings["mounts"] if one["Target"].startswith("/run/shelf/")]
    assert shown
    assert all(one["ReadOnly"] and one["BindOptions"]["NonRecursive"] for one in shown)


def test_what_is_not_on_the_engines_machine_is_not_shown() -> None:
    """The gate may be in a container, and containerd's store is in one of two places."""
    there = frozenset({"/data/containerd/daemon", CONTAINERD_SOCKETS[1]})
    engine = Engine(SNAPSHOTS, there)

    request, container, refusal = _create_and_start(
        cast("docker.APIClient", engine), REQUEST, lacking=frozenset()
    )

    assert (container, refusal, frozenset(engine.created)) == ("c", "", there)
    assert "/tmp/shared" in request.absent


def test_a_path_that_stays_absent_is_an_error() -> None:
    """An engine that names a path that it was not given is not asked for ever."""
    engine = Engine(SNAPSHOTS)
    request = replace(REQUEST, absent=frozenset({"/tmp/shared", "/var/lib/containerd"}))
    engine._paths = frozenset({"/data/containerd/daemon", *CONTAINERD_SOCKETS})

    assert _create_and_start(cast("docker.APIClient", engine), request, lacking=frozenset())

    class Stubborn(Engine):
        def create_container(self, *_words: object, **_settings: object) -> Any:
            raise APIError("400", explanation="bind source path does not exist: /elsewhere")

    with pytest.raises(APIError):
        _create_and_start(
            cast("docker.APIClient", Stubborn(SNAPSHOTS)), request, lacking=frozenset()
        )
