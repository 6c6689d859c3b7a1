"""The gate on an engine that keeps its images in containerd's store: Docker 29's default."""

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from hardgate.engine.reaper import reap_debris
from hardgate.host.image import name_host_image
from tests.integration.conftest import IMAGES, Ended, Gate, Running
from tests.integration.core_promises import CORE, CoreRun, run_core_gate, see_a_build_that_fails
from tests.integration.machine import Machine, machine
from tests.integration.test_leaving import (
    run_of,
    see_a_kept_run_removed_by_its_id,
    see_a_signal_end_it,
    wait_until_gone,
)
from tests.integration.test_tier_settings import see_the_guards_red

pytestmark = pytest.mark.xdist_group("image-stores")

COPIED = "Copy the image into the test host"
REFERENCE = "hardgate-test/reference:1"
SOCKET = "/run/containerd/containerd.sock"
Started = Callable[..., Running]


@pytest.fixture(scope="module")
def here(client: docker.APIClient, base: str, host_image: str, reference: str) -> Iterator[Machine]:
    """Boot a machine with such an engine; its images are the base, the host's, and the reference.

    The host's image has another name there, for that engine knows the base by another digest.
    """
    client.tag(reference, "hardgate-test/reference", "1", force=True)
    folder = Path(tempfile.mkdtemp(prefix="hg-"))
    images = [base, host_image, REFERENCE]
    with machine(
        client, folder, host_image, name="test-stores", images=images, snapshots=True
    ) as booted:
        assert booted.client.info()["Driver"] == "overlayfs"
        repository, _, version = name_host_image(booted.client, base).partition(":")
        booted.client.tag(host_image, repository, version)
        yield booted
    shutil.rmtree(folder)


@pytest.fixture
def gate_here(gate: Gate, here: Machine) -> Callable[..., Ended]:
    """Run a gate with that engine, and see that nothing is left on it."""

    def run(*words: str) -> Ended:
        before = list_snapshots(here)
        ended = gate(*words, "--egress", "beacon", environment={"DOCKER_HOST": here.url})
        assert_nothing_left(here)
        assert {
            key for key in list_snapshots(here) - before if key.startswith("hardgate-")
        } == set()
        return ended

    return run


def list_snapshots(here: Machine) -> set[str]:
    """Name all that containerd's snapshotter holds."""
    words = ("ctr", "--namespace", "moby", "snapshots", "--snapshotter", "overlayfs", "ls")
    return {line.split()[0] for line in here.lookout.run_checked(*words).splitlines()}


def assert_nothing_left(here: Machine) -> None:
    """See that no container and no volume is left, and so nothing to reap."""
    assert here.client.containers(all=True) == []
    assert not here.client.volumes()["Volumes"]
    assert [one for one in reap_debris(here.client) if "folder" not in one] == []


def assert_taken_over(ended: Ended) -> None:
    """See that the image was used in place."""
    assert COPIED not in ended.output
    assert not [one for one in ended.summary["adaptations"] if "copied" in one]


def test_an_image_in_containerds_store_is_verified_in_place(
    gate_here: Callable[..., Ended], here: Machine
) -> None:
    ended = gate_here("--image", REFERENCE)
    assert ended.exit_code == 0
    assert_taken_over(ended)
    assert ended.summary["image"]["digest"] == here.client.inspect_image(REFERENCE)["Id"]


def test_a_broken_image_that_is_built_there_is_red_for_that_reason_alone(
    gate_here: Callable[..., Ended],
) -> None:
    """Only its last layer is new: the others are those of the image before."""
    words = ("--context", str(IMAGES / "no_nsenter"), "--build-arg", f"BASE_IMAGE={REFERENCE}")
    ended = gate_here(*words)
    assert (ended.exit_code, ended.names("fail")) == (1, {"host_root_reach_via_nsenter"})
    assert_taken_over(ended)


@pytest.mark.full
def test_an_image_of_the_classic_builder_is_verified_in_place(
    gate_here: Callable[..., Ended], here: Machine, tmp_path: Path
) -> None:
    """Between its layers lie snapshots that are none of it. One of its layers is empty."""
    lines = f"FROM {REFERENCE}\nRUN true\nRUN echo one >/srv/one && rm /usr/bin/nsenter\n"
    (tmp_path / "Dockerfile").write_text(lines)
    build = here.client.build
    events = build(path=str(tmp_path), tag="classic:1", rm=True, decode=True)
    assert not [event for event in events if "error" in event]
    assert any(key.endswith("-init") for key in list_snapshots(here))
    ended = gate_here("--image", "classic:1")
    assert (ended.exit_code, ended.names("fail")) == (1, {"host_root_reach_via_nsenter"})
    assert_taken_over(ended)


@pytest.fixture(scope="module")
def core(here: Machine, tmp_path_factory: pytest.TempPathFactory) -> CoreRun:
    """Run a gate of all probes of the core once, with that engine."""
    folder = tmp_path_factory.mktemp("core")
    ended = run_core_gate(folder, REFERENCE, environment={"DOCKER_HOST": here.url})
    assert_nothing_left(here)
    assert_taken_over(ended)
    return ended


@pytest.mark.full
@pytest.mark.parametrize("promise", CORE, ids=lambda promise: promise.__name__)
def test_one_run_keeps_each_promise_to_its_probes_there_too(
    core: CoreRun, promise: Callable[[CoreRun], None]
) -> None:
    promise(core)


@pytest.mark.full
def test_a_build_that_fails_there_shows_its_end(
    gate_here: Callable[..., Ended], tmp_path: Path
) -> None:
    see_a_build_that_fails(gate_here, tmp_path)


@pytest.mark.full
def test_a_setting_that_a_workspace_lacks_there_is_seen_by_the_guards(
    here: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", here.url)
    red = {"workspace_settings_match_tier", "host_writes_are_real"}
    see_the_guards_red(REFERENCE, tmp_path, "/:", red)
    assert_nothing_left(here)


@pytest.mark.full
def test_a_kept_run_stays_there_and_is_removed_by_its_id(
    gate: Gate, here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", here.url)
    kept = gate("--image", REFERENCE, "--egress", "beacon", "--keep")
    see_a_kept_run_removed_by_its_id(kept, here.client)
    assert_nothing_left(here)


@pytest.mark.full
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_is_left_by_a_signal_goes_there_too(
    start_gate: Started, here: Machine, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setenv("DOCKER_HOST", here.url)
    running = start_gate("--image", REFERENCE, "--egress", "beacon")
    running.wait_for("Look at the workspace from outside")
    if number is signal.SIGTERM:
        see_a_signal_end_it(running, here.client, number, code=143, word="TERMINATED")
    else:
        running.send(number)
        assert wait_until_gone(here.client, run_of(running.log.read_text())) == []
    assert_nothing_left(here)


@pytest.mark.full
def test_where_containerd_is_not_found_the_image_is_copied_in_a_step_of_its_own(
    gate: Gate, here: Machine
) -> None:
    words = ("--image", REFERENCE, "--egress", "beacon")
    here.lookout.run_checked("mv", SOCKET, f"{SOCKET}.moved")
    try:
        ended = gate(*words, environment={"DOCKER_HOST": here.url})
    finally:
        here.lookout.run_checked("mv", f"{SOCKET}.moved", SOCKET)
    assert ended.exit_code == 0
    assert COPIED in ended.output
    assert [one for one in ended.summary["adaptations"] if "copied" in one]
