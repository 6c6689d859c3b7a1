"""What is removed as debris, of an engine that is a table and refuses like a real one."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, cast

import docker
import pytest
import requests
from docker.errors import APIError, NotFound

from hardgate.engine.reaper import read_engine_clock, reap_debris, remove_run_debris
from hardgate.system.ownership import Owner, ProcessIdentity

ME = ProcessIdentity.of_current_process()
HOUR = 3600


def make_owner(run: str, *, ended: bool = True, boot: str = ME.boot) -> Owner:
    process = replace(ME, boot=boot, pid=4194000 if ended else ME.pid)
    return Owner(run=run, process=process, deadline=int(time.time()) + HOUR)


def refuse(status: int) -> APIError:
    response = requests.Response()
    response.status_code = status
    return (NotFound if status == 404 else APIError)("refused", response)


@dataclass(kw_only=True)
class EngineTable:
    """An engine's containers, volumes and networks by name, and the removals that it refuses."""

    things: dict[str, Mapping[str, str]] = field(default_factory=dict)
    """Labels by name; the name's first word is the kind."""
    image_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Of each container's image, by the container's name; none where the image is gone."""
    refusals: Mapping[str, int] = field(default_factory=dict)
    now: float = field(default_factory=time.time)

    def info(self) -> dict[str, str]:
        """Tell the time as Go writes it, to the nanosecond."""
        written = datetime.fromtimestamp(self.now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        return {"SystemTime": f"{written}.123456789Z"}

    def _list(self, kind: str) -> list[tuple[str, Mapping[str, str]]]:
        return [(name, labels) for name, labels in self.things.items() if name.startswith(kind)]

    def containers(self, **_: object) -> list[dict[str, Any]]:
        """List containers as the API does."""
        return [
            {"Id": name, "ImageID": name, "Names": [f"/{name}"], "Labels": labels}
            for name, labels in self._list("container")
        ]

    def volumes(self, **_: object) -> dict[str, Any]:
        """List volumes as the API does."""
        return {"Volumes": [{"Name": name, "Labels": of} for name, of in self._list("volume")]}

    def networks(self, **_: object) -> list[dict[str, Any]]:
        """List networks as the API does."""
        return [{"Id": name, "Name": name, "Labels": of} for name, of in self._list("network")]

    def inspect_image(self, image: str) -> dict[str, Any]:
        """Give an image's labels."""
        if image not in self.image_labels:
            raise refuse(404)
        return {"Config": {"Labels": self.image_labels[image]}}

    def remove(self, name: str, **_: object) -> None:
        """Remove it, or refuse."""
        if name in self.refusals:
            raise refuse(self.refusals[name])
        del self.things[name]

    remove_container = remove_volume = remove_network = remove

    @property
    def client(self) -> docker.APIClient:
        """Pass for the SDK's."""
        return cast("docker.APIClient", self)


def test_a_dead_runs_things_go_and_a_live_runs_stay() -> None:
    dead, live = make_owner("dead").labels, make_owner("live", ended=False).labels
    engine = EngineTable(
        things={
            "container dead": dead, "volume dead": dead, "network dead": dead,
            "container live": live, "volume live": live, "network live": live,
        }
    )  # fmt: skip
    engine.image_labels = {"container dead": {}, "container live": {}}
    removed = reap_debris(engine.client)
    assert set(engine.things) == {"container live", "volume live", "network live"}
    assert [line.split()[0] for line in removed[:3]] == ["container", "volume", "network"]


@pytest.mark.parametrize("status", [404, 409, 500])
@pytest.mark.parametrize("kind", ["container", "volume", "network"])
@pytest.mark.fault(
    fault="A dead run's container, volume or network is in use",
    injected="an engine that answers 404, 409 and 500 to the removal",
    verdict="as without it",
    exit_code="as without it",
    left="what is in use, until the next reaping",
)
def test_what_an_engine_refuses_to_remove_stops_no_gate(kind: str, status: int) -> None:
    dead = make_owner("dead").labels
    engine = EngineTable(
        things={f"{kind} in use dead": dead, "volume dead": dead},
        image_labels={"container in use dead": {}},
        refusals={f"{kind} in use dead": status},
    )
    assert "volume volume dead of run dead" in reap_debris(engine.client)
    assert set(engine.things) == {f"{kind} in use dead"}


def test_a_run_that_cannot_remove_its_own_says_so() -> None:
    mine = make_owner("mine", ended=False).labels
    engine = EngineTable(things={"volume mine": mine}, refusals={"volume mine": 500})
    with pytest.raises(APIError):
        remove_run_debris(engine.client, "mine")


@pytest.mark.parametrize("status", [404, 409])
def test_a_volume_that_is_in_use_keeps_a_run_from_nothing_else(status: int) -> None:
    mine = make_owner("mine", ended=False).labels
    engine = EngineTable(things={"volume a": mine, "volume b": mine}, refusals={"volume a": status})
    assert remove_run_debris(engine.client, "mine") == ("volume volume b of run mine",)


@pytest.mark.fault(
    fault="Another user's container has labels like ours",
    injected="an image that carries a dead run's labels",
    verdict="as without it",
    exit_code="as without it",
    left="that container",
)
def test_a_container_that_has_the_labels_of_its_image_is_somebody_elses() -> None:
    dead = make_owner("dead").labels
    engine = EngineTable(
        things={"container somebody's": dead}, image_labels={"container somebody's": dead}
    )
    assert reap_debris(engine.client) == ()
    assert remove_run_debris(engine.client, "dead") == ()


@pytest.mark.parametrize(
    ("name", "stays"), [("container x-dead-workspace", False), ("container y", True)]
)
def test_where_the_image_is_gone_the_runs_name_tells(name: str, stays: bool) -> None:
    engine = EngineTable(things={name: make_owner("dead").labels})
    reap_debris(engine.client)
    assert bool(engine.things) is stays


def test_a_container_of_an_image_of_another_run_is_its_own_runs() -> None:
    engine = EngineTable(
        things={"container of dead": make_owner("dead").labels},
        image_labels={"container of dead": make_owner("other", boot="b").labels},
    )
    assert len(reap_debris(engine.client)) == 1


@pytest.mark.parametrize("wrong", ["engine", "machine"])
@pytest.mark.fault(
    fault="One of two machines on an engine, or the engine, has a clock that is ahead",
    injected="a clock of nine hours later for one of them",
    verdict="as without it",
    exit_code="as without it",
    left="all that live runs own",
)
def test_one_clock_that_is_ahead_takes_no_other_machines_run(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    theirs = make_owner("theirs", boot="another machine").labels
    ahead = time.time() + 9 * HOUR
    engine = EngineTable(things={"volume theirs": theirs}, now=time.time())
    if wrong == "engine":
        engine.now = ahead
    else:
        monkeypatch.setattr(time, "time", lambda: ahead)
    assert reap_debris(engine.client) == ()
    engine.now = ahead
    monkeypatch.setattr(time, "time", lambda: ahead)
    assert reap_debris(engine.client) == ("volume volume theirs of run theirs",)


@pytest.mark.parametrize(
    "written",
    ["2026-11-27T22:00:00.123456789Z", "2026-11-27T23:00:00.1+01:00", "2026-11-27T22:00:00Z"],
)
def test_an_engines_clock_is_read_as_engines_write_it(written: str) -> None:
    class Client:
        def info(self) -> dict[str, str]:
            return {"SystemTime": written}

    told = read_engine_clock(cast("docker.APIClient", Client()))
    assert told == datetime(2026, 11, 27, 22, tzinfo=UTC).timestamp()
