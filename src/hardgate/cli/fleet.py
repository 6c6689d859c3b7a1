"""`hardgate fleet`: many images on many hosts, by Ansible's own inventory, forks and SSH."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import list_inventory_hosts, read_inventory_groups
from hardgate.cli.comment import add_comment_option, make_summary_publisher
from hardgate.cli.gate import find_tier, read_egress
from hardgate.cli.options import add_verbosity_options, make_console
from hardgate.cli.parser import CommandParser
from hardgate.errors import UsageError
from hardgate.model.contract import load_contract
from hardgate.remote.fleet.image_list import load_image_list
from hardgate.remote.fleet.request import FleetRequest, resolve_images
from hardgate.remote.fleet.verify import run_fleet
from hardgate.remote.source_archive import require_checkout
from hardgate.resources import CONTRACTS
from hardgate.schema.source import read_pin, strip_credentials

ABOUT = (
    "Verify the images of a list on the hosts that run them. Exit codes: 0 all are green by the "
    "fleet's contract, 1 one is red or stale, 2 the command or a file is wrong, 3 nobody could "
    "tell of one."
)


def main(argv: Sequence[str]) -> int:
    """Run the fleet."""
    values = _make_fleet_parser().parse_argv(argv)
    require_checkout()
    console = make_console(values)
    publish = make_summary_publisher(values, "fleet", str(values.images), console)
    return int(run_fleet(replace(read_fleet_request(values), publish_summary=publish), console))


def _make_fleet_parser() -> CommandParser:
    parser = CommandParser("fleet", ABOUT)
    parser.add_argument(
        "-i", "--inventory", type=Path, required=True, metavar="INVENTORY", help="as Ansible's"
    )
    parser.add_argument(
        "--images", type=Path, required=True, metavar="FILE", help="what runs where: docs/fleet.md"
    )
    parser.add_argument(
        "--contract", metavar="FILE", help="the fleet's (default: hardgate's own t4.yaml)"
    )
    parser.add_argument("--contract-sha256", type=read_pin, metavar="HEX", help="pin its bytes")
    parser.add_argument("--host", choices=("nested", "direct"), default="nested")
    parser.add_argument(
        "--egress", action="append", default=[], metavar="URL|beacon", help="for each gate"
    )
    parser.add_argument("--user", default="root", metavar="NAME", help="who runs the gates there")
    parser.add_argument("--forks", type=int, default=5, metavar="N", help="hosts at once")
    parser.add_argument("--out", type=Path, metavar="DIR", help="default: reports/fleet/RUN")
    add_comment_option(parser)
    add_verbosity_options(parser)
    return parser


def read_fleet_request(values: argparse.Namespace) -> FleetRequest:
    """Make a request of the words; every mistake is found here, before any host is touched."""
    origin = values.contract or str(CONTRACTS / "t4.yaml")
    if "://" in origin:
        raise UsageError(
            f"The fleet's contract is '{strip_credentials(origin)}', and its hosts are "
            f"given a file.",
            "Fetch it to a file, and name that.",
        )
    fleet_contract = load_contract(origin, sha256=values.contract_sha256)
    read_egress(values.egress, {})
    listed = load_image_list(values.images)
    inventory = Inventory(path=values.inventory, forks=values.forks)
    hosts = list_inventory_hosts(inventory)
    named = any(entry.hosts for entry in listed.entries)
    return FleetRequest(
        inventory=inventory,
        contract=fleet_contract,
        images=resolve_images(
            listed,
            fleet_contract=fleet_contract,
            fleet_contract_file=Path(origin),
            tier=find_tier(4),
            hosts=hosts,
            groups=read_inventory_groups(inventory) if named else {},
        ),
        hosts=hosts,
        host_kind=values.host,
        user=values.user,
        gate_arguments=tuple(
            argument for target in values.egress for argument in ("--egress", target)
        ),
        out=values.out,
    )
