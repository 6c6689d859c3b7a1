"""What a test host is created with: values only."""

import time

from hardgate.host.test_host import HostRequest, _make_nested_settings
from hardgate.system.ownership import Owner, ProcessIdentity

INFO = {"MemTotal": 8 * 2**30, "Driver": "vfs", "DockerRootDir": "/var/lib/docker"}


def test_the_hosts_disk_is_labelled_as_its_runs() -> None:
    """An engine that was killed removes the container when it comes again, and not its volume."""
    owner = Owner(
        run="1234abcd",
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + 60,
    )
    request = HostRequest(
        kind="nested", image="host:1", owner=owner, seconds=60, keep_seconds=60, environment={}
    )

    settings = _make_nested_settings(INFO, request)

    (disk,) = (one for one in settings["mounts"] if one["Target"] == "/var/lib/docker")
    assert disk["VolumeOptions"]["Labels"] == owner.labels
