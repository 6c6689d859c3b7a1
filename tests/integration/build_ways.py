"""Every way to build an image, on any machine: by what Debian's own packages bring."""

import io
import os
import tarfile
from pathlib import Path

import docker

from hardgate.engine.build_way import BuildClient, BuildWay, find_build_way
from tests.integration.sharing import output_of

CLIENTS = "hardgate-test/docker-clients:1"
_DOCKERFILE = """
FROM {base}
RUN mkdir /clients && cd /clients && apt-get update && apt-get download docker-cli docker-buildx \\
    && sed 's/trixie/bookworm/g' /etc/apt/sources.list.d/* /etc/apt/sources.list 2>/dev/null \\
       > /tmp/list; cd /clients && test -s /tmp/list && rm -rf /etc/apt/sources.list* \\
    && if grep -q '^Types:' /tmp/list; then mkdir /etc/apt/sources.list.d \\
       && cp /tmp/list /etc/apt/sources.list.d/older.sources; \\
       else cp /tmp/list /etc/apt/sources.list; fi \\
    && apt-get update && apt-get download docker.io/bookworm \\
    && for deb in *.deb; do dpkg-deb -x $deb ${{deb%%_*}}; rm $deb; done
"""
"""Debian 13 has buildx; Debian 12's 'docker' command is of version 20.10, with BuildKit's client
in it."""


def fetch_clients(client: docker.APIClient, base: str, folder: Path) -> str:
    """Lay the clients' programs into a folder, and give it."""
    words = ["docker", "build", "--quiet", "--tag", CLIENTS, "-"]
    output_of(words, told=_DOCKERFILE.format(base=base))
    for inside in (
        "docker-cli/usr/bin/docker",
        "docker-buildx/usr/libexec/docker/cli-plugins/docker-buildx",
        "docker.io/usr/bin/docker",
    ):
        _take_out(client, f"/clients/{inside}", folder / inside.split("/")[0])
    (folder / "config").mkdir()
    (folder / "config" / "cli-plugins").symlink_to(folder / "docker-buildx")
    return str(folder)


def _take_out(client: docker.APIClient, file: str, to: Path) -> None:
    container = client.create_container(CLIENTS, ["true"])["Id"]
    try:
        stream, _ = client.get_archive(container, file)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as archive:
            entry = archive.next()
            program = archive.extractfile(entry) if entry else None
            assert program
            to.mkdir(parents=True)
            (to / Path(file).name).write_bytes(program.read())
            (to / Path(file).name).chmod(0o755)
    finally:
        client.remove_container(container, v=True)


def choose_way(wanted: BuildClient, clients: Path) -> tuple[BuildWay, dict[str, str]]:
    """Give a way as hardgate finds it, and the environment in which it does."""
    environment = {**os.environ, "DOCKER_CONFIG": str(clients / "empty")}
    match wanted:
        case BuildClient.BUILDX:
            environment |= {
                "PATH": str(clients / "docker-cli"),
                "DOCKER_CONFIG": str(clients / "config"),
            }
        case BuildClient.BUILTIN:
            environment |= {"PATH": str(clients / "docker.io")}
        case BuildClient.CLASSIC:
            environment |= {"PATH": "/nowhere"}
    way = find_build_way(environment)
    assert way.client is wanted
    return way, environment
