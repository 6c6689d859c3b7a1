"""Images on hosts: two machines of ours, one that is gone, a broken image and a stale one."""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from junitparser import JUnitXml

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import list_inventory_hosts, read_inventory_groups
from hardgate.errors import UsageError
from tests.integration.conftest import ROOT
from tests.integration.machine import machine
from tests.integration.names import unique
from tests.integration.sharing import output_of

SECONDS = 600
T4 = ROOT / "contracts" / "t4.yaml"
OF_THE_FLEET = pytest.mark.xdist_group("fleet")
"""One fleet is run for all that is asked of it."""
CLOSED = 9
"""A port that nobody listens on."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """A fleet that has ended, and what it left."""

    exit_code: int
    output: str
    folder: Path
    left: set[Path]
    """What its gates left in the home of their user."""
    good: str
    broken: str
    old: str

    @property
    def told(self) -> dict[str, Any]:
        """Read fleet.json."""
        return dict(json.loads((self.folder / "fleet.json").read_text()))

    def standing(self, image: str, host: str) -> dict[str, Any]:
        """Find how an image stands on a host."""
        found = [
            one for one in self.told["standings"] if (one["image"], one["host"]) == (image, host)
        ]
        assert len(found) == 1
        return dict(found[0])

    def marks(self, image: str, host: str) -> dict[str, str]:
        """Give the marks of its cells."""
        return {cell["name"]: cell["mark"] for cell in self.standing(image, host)["cells"]}


def run_fleet(*words: str) -> tuple[int, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "hardgate", "fleet", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    print(ended.stdout)
    return ended.returncode, ended.stdout


def local(url: str) -> dict[str, Any]:
    """Describe a host that is this machine, with an engine of its own."""
    return {
        "ansible_connection": "local",
        "ansible_become": False,
        "ansible_python_interpreter": sys.executable,
        "remote_gate_environment": {"DOCKER_HOST": url},
    }


def write(path: Path, value: object) -> str:
    path.write_text(yaml.safe_dump(value))
    return str(path)


@pytest.fixture(scope="module")
def tags(
    client: docker.APIClient, base: str, host_image: str, reference: str
) -> Iterator[dict[str, str]]:
    """Make the images, under names that nobody else uses."""
    own = {name: f"{unique(f'hardgate-test/fleet-{name}')}:1" for name in ("good", "broken", "old")}
    for name in ("good", "old"):
        client.tag(reference, own[name].partition(":")[0], "1")
    output_of(
        ["docker", "build", "--quiet", "--tag", own["broken"], "-"],
        told=f"FROM {own['good']}\nRUN rm /usr/bin/sudo\n",
    )
    # Both hosts are this machine: they find in its cache what each would else put there at once.
    output_of(["pipx", "run", "nox", "--version"])
    yield {**own, "base": base, "host": host_image}
    for tag in own.values():
        client.remove_image(tag)


@pytest.fixture(scope="module")
def fleet(
    client: docker.APIClient, tags: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Fleet:
    """Verify three images on three hosts, one of which is not there."""
    folder = tmp_path_factory.mktemp("fleet")
    sockets = Path(tempfile.mkdtemp(prefix="hg-"))
    wanted = {
        "one": [tags["base"], tags["host"], tags["good"], tags["broken"]],
        "two": [tags["base"], tags["host"], tags["good"], tags["old"]],
    }
    with ExitStack() as stack:
        booted = {
            name: stack.enter_context(
                machine(
                    client,
                    sockets,
                    tags["host"],
                    name=f"test-fleet-{name}",
                    images=images,
                )
            )
            for name, images in wanted.items()
        }
        gone = {"ansible_host": "127.0.0.1", "ansible_port": CLOSED}
        hosts = {**{name: local(here.url) for name, here in booted.items()}, "gone": gone}
        groups = {"lasting": {"hosts": {"two": None}}}
        inventory = write(folder / "inventory.yml", {"all": {"hosts": hosts, "children": groups}})
        contract = yaml.safe_load(T4.read_text())
        contract["capabilities"][0]["severity"] = "advisory"
        contract["capabilities"].pop()
        write(folder / "old.yaml", contract)
        images = [
            {"reference": tags["good"]},
            {"reference": tags["broken"], "hosts": ["one"]},
            {"reference": tags["old"], "hosts": ["lasting"], "contract": "old.yaml"},
        ]
        listed = write(folder / "images.yaml", {"version": 1, "images": images})
        out = folder / "out"
        before = set(Path("~root").expanduser().glob("hardgate-gate.*"))
        code, output = run_fleet("-i", inventory, "--images", listed, "--out", str(out))
        for here in booted.values():
            assert here.client.containers(all=True) == []
            assert not here.client.volumes()["Volumes"]
    shutil.rmtree(sockets)
    left = set(Path("~root").expanduser().glob("hardgate-gate.*")) - before
    names = {name: tags[name] for name in ("good", "broken", "old")}
    return Fleet(exit_code=code, output=output, folder=out, left=left, **names)


@OF_THE_FLEET
@pytest.mark.slow
@pytest.mark.full
def test_a_fleet_is_as_good_as_the_worst_of_its_gates(fleet: Fleet) -> None:
    assert fleet.exit_code == 1
    states = {(one["image"], one["host"]): one["state"] for one in fleet.told["standings"]}
    assert states == {
        (fleet.good, "one"): "green",
        (fleet.good, "two"): "green",
        (fleet.good, "gone"): "unknown",
        (fleet.broken, "one"): "red",
        (fleet.old, "two"): "stale",
    }
    last = fleet.output.splitlines()[-1]
    assert last.startswith("HARDGATE FLEET RED: 1 of 5 red: ")
    assert fleet.told["headline"] == last
    assert (fleet.folder / "fleet.md").read_text().startswith("# HARDGATE FLEET RED: ")


@OF_THE_FLEET
@pytest.mark.slow
@pytest.mark.full
def test_each_miss_is_told_where_it_was_seen(fleet: Fleet) -> None:
    broken = fleet.marks(fleet.broken, "one")
    assert {name for name, mark in broken.items() if mark == "missed"} == {
        "host_root_reach_via_nsenter"
    }
    assert set(fleet.marks(fleet.good, "one").values()) == {"held"}
    assert any("the run's own beacon" in notice for notice in fleet.told["notices"])


@OF_THE_FLEET
@pytest.mark.slow
@pytest.mark.full
def test_what_a_lesser_contract_did_not_ask_is_no_pass(fleet: Fleet) -> None:
    marks = fleet.marks(fleet.old, "two")
    stale = {name for name, mark in marks.items() if mark == "stale"}
    assert stale == {"agent_uid_1000", "privileged_flag_observable"}
    assert len(fleet.standing(fleet.old, "two")["stale"]) == 2
    (image,) = (one for one in fleet.told["images"] if one["reference"] == fleet.old)
    assert image["contract"]["count"] == 9
    assert image["contract"]["sha256"] != fleet.told["contract"]["sha256"]


@OF_THE_FLEET
@pytest.mark.slow
@pytest.mark.full
def test_a_host_that_cannot_be_reached_is_an_error_and_no_gap(fleet: Fleet) -> None:
    gone = fleet.standing(fleet.good, "gone")
    assert gone["error"]["problem"].startswith("Host 'gone' cannot be reached: ")
    assert set(fleet.marks(fleet.good, "gone").values()) == {"unknown"}
    assert len(gone["cells"]) == 21
    suites = {suite.name: suite for suite in JUnitXml.fromfile(str(fleet.folder / "junit.xml"))}
    assert suites["hardgate fleet: gone"].errors == suites["hardgate fleet: gone"].tests == 22


@OF_THE_FLEET
@pytest.mark.slow
@pytest.mark.full
def test_each_gates_own_reports_are_fetched_and_nothing_stays_there(fleet: Fleet) -> None:
    for one in fleet.told["standings"]:
        if one["host"] == "gone":
            assert one["reports"] == ""
            continue
        summary = json.loads((fleet.folder / one["reports"] / "summary.json").read_text())
        assert summary["image"]["reference"] == one["image"]
        assert (fleet.folder / one["reports"] / "junit.xml").is_file()
    assert fleet.left == set()


@pytest.fixture
def inventory(tmp_path: Path) -> str:
    """Name hosts that nobody gets to."""
    group = {"hosts": {"b": None, "c": None}, "children": {"inner": {"hosts": {"d": None}}}}
    return write(
        tmp_path / "inventory.yml", {"all": {"hosts": {"a": None}, "children": {"web": group}}}
    )


def test_groups_have_the_hosts_of_their_children(inventory: str) -> None:
    groups = read_inventory_groups(Inventory(path=Path(inventory)))
    assert sorted(groups["web"]) == ["b", "c", "d"]
    assert sorted(groups["all"]) == list(list_inventory_hosts(Inventory(path=Path(inventory))))


def test_groups_of_what_is_no_inventory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "inventory.yml").write_text("[web\n")
    with pytest.raises(UsageError, match="cannot be read"):
        read_inventory_groups(Inventory(path=tmp_path / "inventory.yml"))


def test_a_host_that_the_inventory_has_not_is_exit_2(inventory: str, tmp_path: Path) -> None:
    listed = {"version": 1, "images": [{"reference": "a:1", "hosts": ["iner"]}]}
    code, output = run_fleet(
        *("-i", inventory, "--images", write(tmp_path / "images.yaml", listed)),
        *("--out", str(tmp_path / "out")),
    )
    assert code == 2
    assert "Did you mean 'inner'?" in output
    assert not (tmp_path / "out").exists()
