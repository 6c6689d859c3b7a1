"""What a test host is created with: values only."""

from typing import cast

import docker

from hardgate.host.test_host import _make_nested_settings


class Engine:
    """Says of itself what an engine says."""

    def info(self) -> dict[str, object]:
        return {"MemTotal": 8 * 2**30, "Driver": "vfs", "DockerRootDir": "/var/lib/docker"}


def test_the_hosts_disk_is_labelled_as_its_runs() -> None:
    """An engine that was killed removes the container when it comes again, and not its volume."""
    labels = {"hardgate.run": "1234abcd", "hardgate.owner": "a/1/2/3"}

    settings = _make_nested_settings(cast("docker.APIClient", Engine()), "", labels)

    (disk,) = (one for one in settings["mounts"] if one["Target"] == "/var/lib/docker")
    assert disk["VolumeOptions"]["Labels"] == labels
