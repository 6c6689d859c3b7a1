"""It does not only work here: other engines, other users, other places."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from hardgate.pipeline.trust import determine_trust
from hardgate.system.ownership import RUN_LABEL, Owner, ProcessIdentity
from tests.integration.conftest import Ended, Gate, Running
from tests.integration.machine import Machine, machine
from tests.integration.names import unique
from tests.integration.test_leaving import left_of, run_of, wait_until_gone

pytestmark = pytest.mark.independent


@pytest.fixture(scope="module")
def tags(client: docker.APIClient, base: str, host_image: str, reference: str) -> dict[str, str]:
    """Name the images that a machine needs: the base, the host's own, and the one under test."""
    client.tag(reference, "hardgate-test/reference", "1", force=True)
    return {"base": base, "host": host_image, "reference": "hardgate-test/reference:1"}


@pytest.fixture(scope="module")
def here(client: docker.APIClient, tags: dict[str, str]) -> Iterator[Machine]:
    """Boot a machine that may be given away to an image."""
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    with machine(
        client, folder, tags["host"], name="test-machine", images=list(tags.values())
    ) as booted:
        yield booted
    shutil.rmtree(folder)


@pytest.fixture
def may_be_given_away() -> Iterator[None]:
    """Say, as a CI machine's owner does, that direct runs may be had here for any input.

    The file is everybody's: it is written only where a CI system runs a change of nobody knows
    whom, and whoever asks for the opposite is of the same group.
    """
    policy = Path("/etc/hardgate/policy.yaml")
    if policy.exists() or determine_trust(runner=False).trusted:
        yield
        return
    made = not policy.parent.exists()
    policy.parent.mkdir(exist_ok=True)
    policy.write_text("direct_for_untrusted: true\n")
    yield
    policy.unlink()
    if made:
        policy.parent.rmdir()


def assert_nothing_left(booted: Machine) -> None:
    """See that a machine has no container and no volume any more."""
    assert booted.client.containers(all=True) == []
    assert not booted.client.volumes()["Volumes"]


@pytest.mark.xdist_group("policy")
@pytest.mark.usefixtures("may_be_given_away")
def test_a_direct_run_holds_on_a_machine_that_may_be_given_away(
    gate: Gate, here: Machine, tags: dict[str, str]
) -> None:
    ended = gate(
        *("--host", "direct", "--image", tags["reference"], "--egress", "beacon"),
        environment={"DOCKER_HOST": here.url},
    )
    assert ended.exit_code == 0
    assert ended.summary["host"]["kind"] == "direct"
    assert "direct host" in ended.output.splitlines()[0]
    assert_nothing_left(here)


@pytest.mark.xdist_group("policy")
@pytest.mark.usefixtures("may_be_given_away")
def test_a_direct_run_that_is_killed_leaves_nothing(
    start_gate: Callable[..., Running],
    here: Machine,
    tags: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", here.url)
    running = start_gate("--host", "direct", "--image", tags["reference"])
    running.wait_for("Look at the workspace from outside")
    run = run_of(running.log.read_text())
    running.send(signal.SIGKILL)
    assert wait_until_gone(here.client, run) == []
    assert_nothing_left(here)


@pytest.mark.xdist_group("policy")
@pytest.mark.usefixtures("may_be_given_away")
def test_a_start_removes_a_dead_runs_debris_and_leaves_a_look_alike(
    gate: Gate, here: Machine, tags: dict[str, str]
) -> None:
    """On an engine of its own: another gate's start would remove it first."""
    current, deadline = ProcessIdentity.of_current_process(), int(time.time()) + 3600
    ended = ProcessIdentity(
        boot=current.boot, namespace=current.namespace, pid=current.pid, started=1
    )
    dead = Owner(run="deadbeef", process=ended, deadline=deadline)
    living = Owner(run="1ee71e55", process=current, deadline=deadline)
    labels = {"dead": dead.labels, "living": living.labels, "look-alike": {RUN_LABEL: "deadbeef"}}
    made = {
        name: here.client.create_container(tags["reference"], ["true"], labels=own)["Id"]
        for name, own in labels.items()
    }
    words = ("--host", "direct", "--image", tags["reference"], "--only", "agent_home_writable")
    ran = gate(*words, environment={"DOCKER_HOST": here.url})
    assert (ran.exit_code, ran.summary["partial"]) == (3, True)
    assert "Removed what a dead run left" in ran.output
    left = {one["Id"] for one in here.client.containers(all=True)}
    assert left == {made["living"], made["look-alike"]}
    for container in left:
        here.client.remove_container(container)


@pytest.mark.full
def test_a_host_on_cgroup_v2_verifies_and_says_which_limits_its_engine_discards(
    gate: Gate, client: docker.APIClient, tags: dict[str, str]
) -> None:
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    with machine(
        client,
        folder,
        tags["host"],
        name="test-unified",
        images=list(tags.values()),
        unified=True,
    ) as booted:
        assert booted.client.info()["CgroupVersion"] == "2"
        ended = gate(
            *("--image", tags["reference"], "--egress", "beacon"),
            environment={"DOCKER_HOST": booted.url},
        )
    shutil.rmtree(folder)
    assert ended.names("fail") == set()
    assert ended.names("error") <= {"workspace_settings_match_tier"}
    assert ended.exit_code == (3 if ended.names("error") else 0)


@pytest.mark.full
def test_an_installed_hardgate_of_the_systems_python_serves_a_docker_group_user(
    client: docker.APIClient, tags: dict[str, str], wheel: Path
) -> None:
    """No checkout, a path with spaces, /usr/bin alone in PATH, no root."""
    home = Path(tempfile.mkdtemp(prefix="hg a home with spaces "))
    try:
        home.chmod(0o755)
        subprocess.run(
            [
                *(sys.executable, "-m", "virtualenv", "-q", "-p", "/usr/bin/python3"),
                str(home / "env"),
            ],
            check=True,
        )
        subprocess.run(
            [*(home / "env/bin/python", "-m", "pip"), "install", "-q", "--no-compile", str(wheel)],
            check=True,
        )
        work = home / "work here"
        work.mkdir()
        uid, socket = 54321, Path("/var/run/docker.sock").stat()
        os.chown(work, uid, uid)
        ended = subprocess.run(
            [
                *("setpriv", f"--reuid={uid}", f"--regid={uid}", f"--groups={socket.st_gid}"),
                *(str(home / "env/bin/hardgate"), "gate", "--image", tags["reference"]),
                *("--egress", "beacon"),
            ],
            cwd=work,
            env={"PATH": "/usr/bin", "HOME": str(work), "LANG": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(ended.stdout)
        assert ended.returncode == 0
        assert (work / "reports/t4/latest/junit.xml").is_file()
        assert left_of(client, run_of(ended.stdout)) == []
    finally:
        shutil.rmtree(home)


DOCKERFILE = """
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
COPY wheels /wheels
RUN python3 -m venv /opt/hardgate \\
    && /opt/hardgate/bin/pip install -q --no-compile --no-index --find-links /wheels hardgate
"""


@pytest.mark.full
def test_a_gate_in_a_container_that_holds_nothing_but_the_outer_socket(
    client: docker.APIClient, tags: dict[str, str], slim: str, wheelhouse: Path, tmp_path: Path
) -> None:
    shutil.copytree(wheelhouse, tmp_path / "wheels")
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    tag = unique("hardgate-test/ci-job")
    for event in client.build(
        path=str(tmp_path), tag=tag, buildargs={"BASE_IMAGE": slim}, rm=True, decode=True
    ):
        assert "error" not in event, event
    container = client.create_container(
        tag,
        ["/opt/hardgate/bin/hardgate", "gate", "--image", tags["reference"], "--egress", "beacon"],
        working_dir="/tmp",
        host_config=client.create_host_config(binds=["/var/run/docker.sock:/var/run/docker.sock"]),
    )["Id"]
    try:
        client.start(container)
        status = client.wait(container)["StatusCode"]
        words = client.logs(container).decode()
        print(words)
        assert status == 0
        assert left_of(client, run_of(words)) == []
    finally:
        client.remove_container(container, force=True)
        client.remove_image(tag)


def test_no_engine_is_exit_3_and_a_verdict_for_each_promise(gate: Gate, reference: str) -> None:
    ended: Ended = gate(
        "--image", reference, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"}
    )
    assert ended.exit_code == 3
    assert len(ended.names("error")) == 21
    assert ended.junit.errors >= 17
    assert "unix:///nowhere/docker.sock" in ended.output
