"""A fleet in parts: one inventory and one list, of which each part takes some hosts."""

from pathlib import Path

import pytest
import yaml

from hardgate.cli.fleet import _make_fleet_parser, limit_images, main, read_fleet_request
from hardgate.errors import UsageError
from tests.unit import fleets

HOSTS = {"alpha": None, "beta": None, "gamma": None}


def test_an_image_keeps_the_hosts_that_are_left_and_goes_where_there_is_none() -> None:
    images = (
        fleets.image("a:1", hosts=["alpha", "beta"]),
        fleets.image("b:1", hosts=["beta"]),
        fleets.image("c:1", hosts=["alpha", "gamma"]),
    )
    limited = limit_images(images, ["alpha", "gamma"], "x")
    assert [(image.reference, image.hosts) for image in limited] == [
        ("a:1", ("alpha",)),
        ("c:1", ("alpha", "gamma")),
    ]


def test_a_part_without_an_image_is_refused() -> None:
    with pytest.raises(UsageError, match="No image of the list is for a host that '--limit b' le"):
        limit_images([fleets.image("a:1", hosts=["alpha"])], ["beta"], "b")


def test_a_part_may_leave_out_hosts_and_groups_that_the_list_names(tmp_path: Path) -> None:
    inventory = {"all": {"hosts": HOSTS, "children": {"far": {"hosts": {"gamma": None}}}}}
    images = [
        {"reference": "everywhere:1"},
        {"reference": "named:1", "hosts": ["alpha", "far"]},
        {"reference": "elsewhere:1", "hosts": ["beta"]},
    ]
    (tmp_path / "inventory.yml").write_text(yaml.safe_dump(inventory))
    (tmp_path / "images.yaml").write_text(yaml.safe_dump({"version": 1, "images": images}))
    words = ["-i", str(tmp_path / "inventory.yml"), "--images", str(tmp_path / "images.yaml")]
    request = read_fleet_request(_make_fleet_parser().parse_argv([*words, "--limit", "far"]))
    assert request.inventory.limit == "far"
    assert request.hosts == ("gamma",)
    assert {image.reference: image.hosts for image in request.images} == {
        "everywhere:1": ("gamma",),
        "named:1": ("gamma",),
    }


def test_what_is_merged_is_not_limited(tmp_path: Path) -> None:
    words = ["--images", str(tmp_path), "--merge", str(tmp_path), "--limit", "far"]
    with pytest.raises(UsageError, match="'--merge' verifies nothing"):
        main(words)
