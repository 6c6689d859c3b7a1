"""`hardgate fleet`: many images on many hosts, by Ansible's own inventory, forks and SSH."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import list_inventory_hosts, read_inventory_groups
from hardgate.cli.comment import add_comment_option, make_summary_publisher
from hardgate.cli.gate import find_tier, read_egress
from hardgate.cli.options import add_format_option, add_verbosity_options, make_console
from hardgate.cli.parser import CommandParser
from hardgate.errors import UsageError
from hardgate.model.contract import Contract, load_contract
from hardgate.remote.fleet.folder import FLEET_RENDERERS
from hardgate.remote.fleet.image_list import ImageList, load_image_list
from hardgate.remote.fleet.merge import (
    list_image_hosts,
    list_part_hosts,
    read_fleet_part,
    require_distinct_parts,
)
from hardgate.remote.fleet.merged_run import MergeRequest, merge_fleet
from hardgate.remote.fleet.request import FleetImage, FleetRequest, resolve_images
from hardgate.remote.fleet.verify import run_fleet
from hardgate.remote.source_archive import require_checkout
from hardgate.resources import CONTRACTS
from hardgate.schema.source import read_pin, strip_credentials

ABOUT = (
    "Verify the images of a list on the hosts that run them. Exit codes: 0 all are green by the "
    "fleet's contract, 1 at least one is red or stale, 2 the command or a file is wrong, 3 at "
    "least one could not be verified."
)


def main(argv: Sequence[str]) -> int:
    """Run the fleet."""
    values = _make_fleet_parser().parse_argv(argv)
    console = make_console(values)
    publish = make_summary_publisher(values, "fleet", str(values.images), console)
    if values.merge:
        if values.limit:
            raise UsageError(
                "'--limit' picks hosts to verify, and '--merge' verifies nothing.",
                "Leave '--limit' out.",
            )
        merged = replace(read_merge_request(values), publish_summary=publish)
        return int(merge_fleet(merged, console))
    if values.inventory is None:
        raise UsageError(
            "A fleet needs an inventory.",
            "Name one with '-i', or the runs to merge with '--merge'.",
        )
    require_checkout()
    return int(run_fleet(replace(read_fleet_request(values), publish_summary=publish), console))


def _make_fleet_parser() -> CommandParser:
    parser = CommandParser("fleet", ABOUT)
    parser.add_argument(
        "-i",
        "--inventory",
        type=Path,
        metavar="INVENTORY",
        help="Ansible inventory of the hosts (required unless --merge is given)",
    )
    parser.add_argument(
        "--images",
        type=Path,
        required=True,
        metavar="FILE",
        help="list of images and the hosts that run them (see docs/fleet.md)",
    )
    parser.add_argument(
        "--contract",
        metavar="FILE",
        help="contract that all images are held to (default: hardgate's own t4.yaml)",
    )
    parser.add_argument(
        "--contract-sha256",
        type=read_pin,
        metavar="HEX",
        help="refuse a contract with another SHA-256",
    )
    parser.add_argument(
        "--host",
        choices=("nested", "direct"),
        default="nested",
        help="test host of each gate: a throwaway one in a container (default), or the host itself",
    )
    parser.add_argument(
        "--egress",
        action="append",
        default=[],
        metavar="URL|beacon",
        help="target that images must reach, or hardgate's own beacon; may be repeated",
    )
    parser.add_argument(
        "--user",
        default="root",
        metavar="NAME",
        help="user who runs the gates on the hosts (default: root)",
    )
    parser.add_argument(
        "--forks", type=int, default=5, metavar="N", help="number of hosts at once (default: 5)"
    )
    parser.add_argument(
        "--limit",
        default="",
        metavar="PATTERN",
        help="only these hosts of the inventory and their images, as one part of many",
    )
    parser.add_argument(
        "--merge",
        type=Path,
        nargs="+",
        default=[],
        metavar="DIR",
        help="verify nothing, and report these runs' folders as one run",
    )
    add_format_option(parser, ("json", *FLEET_RENDERERS), ("json", *FLEET_RENDERERS))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the reports (default: reports/fleet/RUN)",
    )
    add_comment_option(parser)
    add_verbosity_options(parser)
    return parser


def _load_fleet_contract(values: argparse.Namespace) -> Contract:
    """Read the fleet's contract, which has to be a file."""
    origin = values.contract or str(CONTRACTS / "t4.yaml")
    if "://" in origin:
        raise UsageError(
            f"The fleet's contract is '{strip_credentials(origin)}', and its hosts are "
            f"given a file.",
            "Fetch it to a file, and name that.",
        )
    return load_contract(origin, sha256=values.contract_sha256)


def _resolve_for_fleet(
    listed: ImageList, contract: Contract, hosts: Sequence[str], inventory: Inventory | None
) -> tuple[FleetImage, ...]:
    """Say where each image is; without an inventory, no name is that of a group of hosts."""
    return resolve_images(
        listed,
        fleet_contract=contract,
        fleet_contract_file=Path(contract.origin),
        tier=find_tier(4),
        hosts=hosts,
        groups=read_inventory_groups(inventory) if inventory else {},
    )


def read_merge_request(values: argparse.Namespace) -> MergeRequest:
    """Read the runs to merge, and by what they count now."""
    contract = _load_fleet_contract(values)
    listed = load_image_list(values.images)
    parts = tuple(map(read_fleet_part, values.merge))
    require_distinct_parts(parts)
    inventory = None if values.inventory is None else Inventory(path=values.inventory)
    if inventory is None:
        hosts, listed = list_part_hosts(parts), place_images(listed, list_image_hosts(parts))
    else:
        hosts = list_inventory_hosts(inventory)
    return MergeRequest(
        parts=parts,
        contract=contract,
        images=_resolve_for_fleet(listed, contract, hosts, inventory),
        hosts=hosts,
        is_complete=inventory is not None,
        out=values.out,
        formats=tuple(values.format),
    )


def place_images(listed: ImageList, image_hosts: Mapping[str, Sequence[str]]) -> ImageList:
    """Put each image where the merged runs have it: without an inventory, groups say nothing."""
    for entry in listed.entries:
        if entry.reference not in image_hosts:
            raise UsageError(
                f"None of the merged runs has the image '{entry.reference}'.",
                "Merge the run that verified it, or take it off the list.",
            )
    entries = [
        replace(entry, hosts=tuple(image_hosts[entry.reference])) for entry in listed.entries
    ]
    return replace(listed, entries=tuple(entries))


def limit_images(
    images: Sequence[FleetImage], hosts: Sequence[str], pattern: str
) -> tuple[FleetImage, ...]:
    """Keep what is for these hosts; raises UsageError where that is nothing."""
    kept = (
        replace(image, hosts=tuple(host for host in image.hosts if host in hosts))
        for image in images
    )
    limited = tuple(image for image in kept if image.hosts)
    if not limited:
        raise UsageError(
            f"No image of the list is for a host that '--limit {pattern}' leaves.",
            "Name other hosts, or leave this part out.",
        )
    return limited


def read_fleet_request(values: argparse.Namespace) -> FleetRequest:
    """Make a request of the words; every mistake is found here, before any host is touched."""
    contract = _load_fleet_contract(values)
    read_egress(values.egress, {})
    listed = load_image_list(values.images)
    inventory = Inventory(path=values.inventory, forks=values.forks)
    hosts = list_inventory_hosts(inventory)
    named = any(entry.hosts for entry in listed.entries)
    images = _resolve_for_fleet(listed, contract, hosts, inventory if named else None)
    if values.limit:
        inventory = replace(inventory, limit=values.limit)
        hosts = list_inventory_hosts(inventory)
        images = limit_images(images, hosts, values.limit)
    return FleetRequest(
        inventory=inventory,
        contract=contract,
        images=images,
        hosts=hosts,
        host_kind=values.host,
        user=values.user,
        gate_arguments=tuple(
            argument for target in values.egress for argument in ("--egress", target)
        ),
        out=values.out,
        formats=tuple(values.format),
    )
