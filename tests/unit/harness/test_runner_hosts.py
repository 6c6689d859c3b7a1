"""The runner's test hosts reach this machine by the address of their bridge."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.runner_hosts import read_gateway

SUBNETS: Mapping[str, tuple[list[Mapping[str, str]], str]] = {
    "20.10.24, started once": ([{"Subnet": "172.17.0.0/16"}], "172.17.0.1"),
    "20.10.24, started twice": (
        [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}],
        "172.17.0.1",
    ),
    "an address of its own (--bip)": (
        [{"Subnet": "10.213.0.0/17", "Gateway": "10.213.0.9"}],
        "10.213.0.9",
    ),
    "IPv6 before IPv4": (
        [{"Subnet": "fd00::/64", "Gateway": "fd00::1"}, {"Subnet": "172.17.0.0/16"}],
        "172.17.0.1",
    ),
}


@pytest.mark.parametrize(("config", "address"), SUBNETS.values(), ids=SUBNETS.keys())
def test_the_gateway_is_found_whether_or_not_the_engine_names_it(
    config: list[Mapping[str, str]], address: str
) -> None:
    assert read_gateway(network(config)) == address


def test_a_bridge_without_ipv4_is_an_error() -> None:
    with pytest.raises(ValueError, match="'bridge' has no IPv4 subnet"):
        read_gateway(network([{"Subnet": "fd00::/64"}]))


def network(config: list[Mapping[str, str]]) -> Mapping[str, Any]:
    """Give what an engine answers of its default bridge, with the subnets that matter here."""
    return {
        "Name": "bridge",
        "Scope": "local",
        "Driver": "bridge",
        "IPAM": {"Driver": "default", "Options": None, "Config": config},
    }
