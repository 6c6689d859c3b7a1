"""A fresh Debian without an engine and without systemd: `hardgate engine`, by every kind of user.

The tests share one machine, and go from 'no engine' to 'none again'.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from hardgate.engine import reaper
from hardgate.engine.proxy import read_proxy_environment
from hardgate.host.image import HOST_IMAGE_FOLDER
from hardgate.host.lifeline import hold_container
from hardgate.host.observer import Observer
from hardgate.host.test_host import (
    TOOLS_FOLDER,
    HostRequest,
    await_ready_host,
    create_host_container,
)
from hardgate.system.ownership import Owner, ProcessIdentity
from tests.integration.names import unique

pytestmark = [pytest.mark.slow, pytest.mark.full]

DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
ARG DEBIAN_FRONTEND=noninteractive
RUN apt-get update && apt-get install -y --no-install-recommends passwd sudo tini
RUN useradd -m plain && useradd -m member && useradd -m worker \\
    && echo 'worker ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/worker
# A root file system with one program in it.
RUN mkdir -p /tiny/bin && cp --parents $(ldd /bin/true | grep -o '/[^ ]*') /tiny \\
    && cp /bin/true /tiny/bin/ && tar -C /tiny -cf /tiny.tar .
RUN rm -rf /usr/local/share/ca-certificates/*
COPY needed /needed
# Users who may not write there run it, so that it is compiled: but for what never runs there.
RUN python3 -m venv /opt/hardgate \\
    && /opt/hardgate/bin/pip install -q --no-compile --no-index /needed/* \\
    && /opt/hardgate/bin/python -m compileall -q -x '/(ansible/(modules|galaxy)|pip)/' \\
        /opt/hardgate/lib
COPY close-shelf host-init open-machine /usr/local/lib/hardgate/
RUN chmod 0755 /usr/local/lib/hardgate/*
COPY hardgate /hardgate
RUN /opt/hardgate/bin/pip install -q --no-index --no-deps /hardgate/*
ENTRYPOINT ["tini", "-g", "--"]
"""
TAG = "hardgate-test/fresh-machine:1"
SECONDS = 1800
PLAY = (
    "from hardgate.ansible.play import run_playbook; "
    "print('changed', run_playbook('engine.yml', {}).changed)"
)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """How a command on the machine ended."""

    status: int
    output: str


@dataclass(frozen=True, kw_only=True)
class Fresh:
    """The machine, reached over the outer engine."""

    client: docker.APIClient
    container: str

    def run(self, user: str, *words: str, **environment: str) -> Ran:
        """Run a command as one of its users."""
        home = "/root" if user == "root" else f"/home/{user}"
        created = self.client.exec_create(
            self.container,
            list(words),
            user=user,
            workdir=home,
            environment={**read_proxy_environment(), "HOME": home, **environment},
        )
        output = self.client.exec_start(created["Id"]).decode()
        print(f"--- {user}: {' '.join(words)}\n{output}")
        return Ran(status=self.client.exec_inspect(created["Id"])["ExitCode"], output=output)

    def hardgate(self, user: str, *words: str, **environment: str) -> Ran:
        """Run hardgate as one of its users."""
        return self.run(user, "/opt/hardgate/bin/hardgate", *words, **environment)

    def state(self) -> str:
        """Describe what an installation changes."""
        script = (
            "dpkg-query --show --showformat '${Package} ${db:Status-Status}\n'; cat /etc/group;"
            " ls -dA /etc/docker /opt/containerd /run/docker* /run/containerd /var/lib/hardgate*"
            " /var/lib/docker/* /tmp/* 2>/dev/null; grep -lsx dockerd /proc/[0-9]*/comm"
        )
        return self.run("root", "sh", "-c", script).output


@pytest.fixture(scope="module")
def image(
    client: docker.APIClient,
    slim: str,
    wheel: Path,
    wheelhouse: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> str:
    """Build the machine's image: a Debian with hardgate installed, and no engine."""
    folder = tmp_path_factory.mktemp("fresh machine")
    shutil.copytree(wheelhouse, folder / "needed", ignore=shutil.ignore_patterns(wheel.name))
    (folder / "hardgate").mkdir()
    shutil.copy(wheel, folder / "hardgate")
    for script in ("close-shelf", "host-init", "open-machine"):
        (folder / script).write_bytes((HOST_IMAGE_FOLDER / script).read_bytes())
    (folder / "Dockerfile").write_text(DOCKERFILE)
    arguments = {"BASE_IMAGE": slim, **read_proxy_environment()}
    words = [
        str(event.get("stream") or event.get("error") or "")
        for event in client.build(
            path=str(folder), tag=TAG, buildargs=arguments, rm=True, forcerm=True, decode=True
        )
    ]
    assert "Successfully tagged" in words[-1], "".join(words)
    return TAG


@contextmanager
def booted(client: docker.APIClient, image: str) -> Iterator[Fresh]:
    """Boot the machine, and take it down."""
    name = unique("test-fresh")
    owner = Owner(
        run=name, process=ProcessIdentity.of_current_process(), deadline=int(time.time()) + SECONDS
    )
    request = HostRequest(
        kind="nested",
        image=image,
        owner=owner,
        seconds=SECONDS,
        keep_seconds=60,
        environment={},
    )
    try:
        container = create_host_container(client, request).container
        lifeline = hold_container(client, container)
        lookout = Observer(client=client, container=container)
        await_ready_host(lifeline, lookout)
        lookout.run_checked(f"{TOOLS_FOLDER}/close-shelf")
        yield Fresh(client=client, container=container)
        lifeline.close()
    finally:
        reaper.remove_run_debris(client, name)


@pytest.fixture(scope="module")
def fresh(client: docker.APIClient, image: str) -> Iterator[Fresh]:
    """Give the machine without an engine; the tests that want it so come first."""
    with booted(client, image) as machine:
        yield machine


@pytest.fixture(scope="module")
def before(fresh: Fresh) -> str:
    """Describe the machine before anything was installed."""
    return fresh.state()


@pytest.fixture(scope="module")
def installing(fresh: Fresh, before: str) -> Ran:
    """Have a user with sudo, who is in no group yet, set the machine up."""
    assert before
    return fresh.hardgate("worker", "engine", "--base", "/tiny.tar")


def test_a_user_without_root_is_told_what_to_run_by_hand(fresh: Fresh, before: str) -> None:
    ran = fresh.hardgate("plain", "engine")
    assert ran.status == 3
    assert "apt-get install -y docker.io" in ran.output
    assert fresh.hardgate("plain", "engine", "--remove").status == 0
    assert fresh.state() == before


def test_an_engine_that_was_named_and_is_dead_gets_no_other_in_its_place(
    fresh: Fresh, before: str
) -> None:
    ran = fresh.hardgate("root", "engine", DOCKER_HOST="tcp://127.0.0.1:9")
    assert ran.status == 3
    assert "'tcp://127.0.0.1:9' (DOCKER_HOST)" in ran.output
    assert fresh.state() == before


def test_settings_of_docker_that_cannot_be_read_are_an_error_of_ours(
    fresh: Fresh, before: str
) -> None:
    fresh.run("plain", "sh", "-c", "mkdir -p .docker && echo '{' >.docker/config.json")
    ran = fresh.hardgate("plain", "engine")
    fresh.run("plain", "rm", "-r", ".docker")
    assert ran.status == 3
    assert "/home/plain/.docker/config.json" in ran.output
    assert fresh.state() == before


def test_a_user_with_sudo_gets_an_engine_that_runs_a_container(installing: Ran) -> None:
    assert installing.status == 0
    assert "Made 'worker' a member of the group 'docker'" in installing.output
    assert "answers at unix:///var/run/docker.sock (default socket)" in installing.output
    assert "Prove the engine by running a container" in installing.output


def test_a_second_run_changes_nothing(fresh: Fresh, installing: Ran) -> None:
    assert installing.status == 0
    ran = fresh.hardgate("worker", "engine", "--base", "/tiny.tar")
    assert ran.status == 0
    assert "Install" not in ran.output
    assert "changed 0" in fresh.run("root", "/opt/hardgate/bin/python", "-c", PLAY).output


def test_a_member_of_the_docker_group_needs_no_root(fresh: Fresh, installing: Ran) -> None:
    assert installing.status == 0
    fresh.run("root", "usermod", "-aG", "docker", "member")
    assert fresh.hardgate("member", "engine", "--base", "/tiny.tar").status == 0
    fresh.run("root", "gpasswd", "-d", "member", "docker")


def test_a_user_outside_the_group_is_told_how_to_get_in(fresh: Fresh, installing: Ran) -> None:
    assert installing.status == 0
    ran = fresh.hardgate("plain", "engine")
    assert ran.status == 3
    assert "usermod -aG docker" in ran.output


def test_an_engine_that_crashed_is_healed_even_where_its_pid_is_another_process_now(
    fresh: Fresh, installing: Ran
) -> None:
    assert installing.status == 0
    crash = "kill -9 $(cat /run/docker.pid); sleep 1; echo 1 >/run/docker.pid"
    fresh.run("root", "sh", "-c", crash)
    ran = fresh.hardgate("worker", "engine", "--base", "/tiny.tar")
    assert ran.status == 0
    assert "Started the engine" in ran.output
    assert "Installed" not in ran.output


def test_removal_takes_back_what_was_added_and_nothing_else(
    fresh: Fresh, before: str, installing: Ran
) -> None:
    assert installing.status == 0
    ran = fresh.hardgate("worker", "engine", "--remove")
    assert ran.status == 0
    assert "docker.io" in ran.output
    assert fresh.state() == before
    again = fresh.hardgate("worker", "engine", "--remove")
    assert again.status == 0
    assert "nothing is removed" in again.output
