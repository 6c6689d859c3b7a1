"""A host is given back as it was before its first workspace, or refused for a second one."""

import json
import os
from dataclasses import dataclass, field
from typing import Any, cast

import docker
import pytest

from hardgate.errors import HostError
from hardgate.host import host_state
from hardgate.host.host_state import clear_host, list_differences, read_host_state
from hardgate.host.observer import Observer
from hardgate.resources import ROLES

LISTS = {"processes": ["1 5 tini", "9 7 dockerd"], "mounts": [], "network": ["lo"], "engine": []}


@dataclass(kw_only=True)
class InnerEngine:
    """A host's engine, as far as it is asked; it does what it is told to."""

    held: dict[str, set[str]] = field(default_factory=dict)

    def containers(self, *, all: bool) -> list[dict[str, str]]:  # noqa: A002 - docker's own word
        assert all
        return [{"Id": one} for one in sorted(self.held.get("containers", ()))]

    def remove_container(self, container: str, *, v: bool, force: bool) -> None:
        assert v
        assert force
        self.held["containers"].remove(container)

    def volumes(self) -> dict[str, Any]:
        names = sorted(self.held.get("volumes", ()))
        return {"Volumes": [{"Name": one} for one in names] or None}

    def remove_volume(self, name: str, *, force: bool) -> None:
        assert force
        self.held["volumes"].remove(name)

    def networks(self) -> list[dict[str, str]]:
        names = {"bridge", "host", "none"} | self.held.get("networks", set())
        return [{"Name": one, "Id": one} for one in sorted(names)]

    def remove_network(self, network: str) -> None:
        self.held["networks"].remove(network)


@dataclass(kw_only=True)
class Side:
    """The host's own side, and the outer engine's look at its disk."""

    engine: InnerEngine
    lists: dict[str, list[str]]
    files: list[tuple[int, str]] = field(default_factory=list)
    container: str = "host"

    @property
    def client(self) -> "Side":
        return self

    def diff(self, _container: str) -> list[dict[str, Any]] | None:
        return [{"Kind": kind, "Path": path} for kind, path in self.files] or None

    def run_checked(self, *_command: str) -> str:
        held = sorted(name for kind in self.engine.held.values() for name in kind)
        return json.dumps({**self.lists, "engine": held})


def make_side(**changes: Any) -> Side:
    return Side(engine=InnerEngine(), lists=dict(LISTS), **changes)


def read(side: Side) -> Any:
    return read_host_state(cast("Observer", side))


def clear(side: Side, before: Any) -> None:
    clear_host(cast("docker.APIClient", side.engine), cast("Observer", side), before)


@pytest.fixture(autouse=True)
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_state, "SETTLE_SECONDS", 0.0)


def test_containers_volumes_and_networks_are_removed_whosever_they_are() -> None:
    side = make_side()
    before = read(side)
    side.engine.held = {"containers": {"c1", "c2"}, "volumes": {"v"}, "networks": {"n"}}
    clear(side, before)
    assert not any(side.engine.held.values())


LEFT = {
    "a process": lambda side: side.lists.update(processes=[*LISTS["processes"], "80 9 sleep"]),
    "another engine": lambda side: side.lists.update(processes=["1 5 tini", "99 70 dockerd"]),
    "a mount": lambda side: side.lists.update(mounts=["0:1 / /mnt rw - tmpfs tmpfs rw"]),
    "a rule": lambda side: side.lists.update(network=["lo", "-A INPUT -j DROP"]),
    "a program that was altered": lambda side: side.files.append((0, "/usr/bin/python3.13")),
    "a program that was removed": lambda side: side.files.append((2, "/usr/bin/ss")),
    "a file in a root's home": lambda side: side.files.append((1, "/root/.x")),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_host_on_which_something_is_another_is_refused(name: str) -> None:
    side = make_side()
    before = read(side)
    LEFT[name](side)
    with pytest.raises(HostError, match="left something on the test host"):
        clear(side, before)


def test_what_the_engine_keeps_of_its_first_container_is_no_trace() -> None:
    side = make_side(files=[(1, "/run/dockerd.log")])
    before = read(side)
    side.files += [
        (1, "/run/docker/netns/default"),
        (0, "/run/containerd"),
        (1, "/run/xtables.lock"),
    ]
    clear(side, before)


def test_a_look_alike_of_the_engines_own_place_is_a_trace() -> None:
    side = make_side()
    before = read(side)
    side.files.append((1, "/run/docker-of-mine"))
    with pytest.raises(HostError) as refused:
        clear(side, before)
    assert "files: + 1 /run/docker-of-mine" in refused.value.evidence


def test_a_long_list_of_differences_is_cut() -> None:
    side = make_side()
    before = read(side)
    side.files += [(1, f"/tmp/{number}") for number in range(30)]
    with pytest.raises(HostError) as refused:
        clear(side, before)
    assert refused.value.evidence.splitlines()[-1] == "and 20 more"


def test_a_kind_that_one_list_lacks_is_a_difference() -> None:
    assert list(list_differences({"mounts": ["a"]}, {})) == ["mounts: - a"]
    assert list(list_differences({}, {"mounts": ["a"]})) == ["mounts: + a"]


def load_lister() -> dict[str, Any]:
    file = ROLES / "test_host" / "files" / "list_state.py"
    names: dict[str, Any] = {"__name__": "list_state"}
    exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102 - it is our own
    return names


def test_the_hosts_lister_names_processes_by_their_start() -> None:
    listed = list(load_lister()["list_processes"]())
    assert any(line.startswith(f"{os.getpid()} ") for line in listed)
    assert any(line.startswith("1 ") for line in listed)


def test_the_hosts_lister_leaves_the_engines_name_spaces_out() -> None:
    listed = list(load_lister()["list_mounts"]())
    assert any(" / " in line for line in listed)
    assert not any("/run/docker/netns/" in line for line in listed)
