"""What the play of a fleet is given."""

from dataclasses import replace
from pathlib import Path

from hardgate.remote.fleet.verify import make_fleet_variables
from tests.unit import fleets
from tests.unit.remote.test_events import REQUEST


def test_each_host_is_given_its_own_images_in_the_lists_order() -> None:
    images = (
        fleets.image("a:1", hosts=["alpha", "beta"]),
        fleets.image("b:1", hosts=["beta"]),
        fleets.image("c:1", hosts=["alpha"]),
    )
    request = replace(REQUEST, images=images, hosts=("alpha", "beta", "gamma"))
    values = dict(make_fleet_variables(request, Path("source.tar"), Path("reports")))
    found = {
        host: [(image["number"], image["reference"]) for image in of_host]
        for host, of_host in values["fleet_images"].items()
    }
    assert found == {"alpha": [(0, "a:1"), (2, "c:1")], "beta": [(0, "a:1"), (1, "b:1")]}
    assert set(values["fleet_folders"]) == {"alpha", "beta", "gamma"}
