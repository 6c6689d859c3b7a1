"""`hardgate runner`: hosts of an inventory made self-hosted runners that are known to work."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import list_inventory_hosts
from hardgate.cli.comment import add_comment_option, make_summary_publisher
from hardgate.cli.gate import find_tier
from hardgate.cli.options import add_format_option, add_verbosity_options, make_console
from hardgate.cli.parser import CommandParser
from hardgate.cli.prove import add_prove_options, read_prove_request
from hardgate.errors import UsageError
from hardgate.forge.prove import prove_workflow
from hardgate.forge.token import read_token_file
from hardgate.model.contract import Subject, load_contract
from hardgate.model.plan import make_host_plan, make_plan
from hardgate.remote.runner.deprovision import remove_runners
from hardgate.remote.runner.provision import (
    DEFAULT_HOST_FORMATS,
    HOST_RENDERERS,
    provision_runners,
)
from hardgate.remote.runner.request import RunnerRequest
from hardgate.remote.source_archive import require_checkout
from hardgate.resources import CONTRACTS

ABOUT = (
    "Make hosts self-hosted runners, verify each against its contracts, and verify an image on it "
    "under tier 4. Exit codes: 0 all hosts are runners that are known to work, 1 at least one is "
    "not, 2 the command is wrong, 3 at least one could not be verified."
)
HOST_CONTRACTS = ("runner-host.yaml", "runner.yaml")
RUNNER_TOKEN_VARIABLE = "HARDGATE_RUNNER_TOKEN"  # noqa: S105 - the variable's name
REMOVE_TOKEN_VARIABLE = "HARDGATE_REMOVE_TOKEN"  # noqa: S105 - the same
API_TOKEN_VARIABLE = "HARDGATE_API_TOKEN"  # noqa: S105 - the same
SECRET_VARIABLES = {
    "runner_token": RUNNER_TOKEN_VARIABLE,
    "runner_remove_token": REMOVE_TOKEN_VARIABLE,
    "runner_api_token": API_TOKEN_VARIABLE,
}
"""The role's variables that are secrets, and the environment's that may bring them."""


def main(argv: Sequence[str]) -> int:
    """Make runners, or let a forge prove them."""
    values = _make_runner_parser().parse_argv(argv)
    if values.prove:
        return int(prove_workflow(read_prove_request(values, os.environ), make_console(values)))
    request = read_runner_request(values, os.environ)
    if not values.remove:
        require_checkout()
    console = make_console(values)
    publish = make_summary_publisher(values, "runner", str(values.inventory), console)
    request = replace(request, publish_summary=publish)
    return int((remove_runners if values.remove else provision_runners)(request, console))


def _make_runner_parser() -> CommandParser:
    parser = CommandParser("runner", ABOUT)
    parser.add_argument(
        "-i", "--inventory", type=Path, metavar="INVENTORY", help="Ansible inventory of the hosts"
    )
    parser.add_argument(
        "-l",
        "--limit",
        default="",
        metavar="PATTERN",
        help="hosts of the inventory to work on (default: all)",
    )
    parser.add_argument(
        "--forks", type=int, default=5, metavar="N", help="number of hosts at once (default: 5)"
    )
    parser.add_argument(
        "--image",
        default="",
        metavar="REF",
        help="image that is verified on each host (default: hardgate's reference image)",
    )
    parser.add_argument(
        "--egress",
        action="append",
        default=[],
        metavar="URL|beacon",
        help="target that this image must reach, or hardgate's own beacon; may be repeated",
    )
    parser.add_argument(
        "--remove",
        action="store_true",
        help="unregister the hosts, and uninstall all that made them runners",
    )
    add_format_option(parser, ("json", *HOST_RENDERERS), ("json", *DEFAULT_HOST_FORMATS))
    add_prove_options(parser)
    add_comment_option(parser)
    add_verbosity_options(parser)
    return parser


def read_runner_request(values: argparse.Namespace, environ: Mapping[str, str]) -> RunnerRequest:
    """Make a request of the words; every mistake is found here, before any host is touched."""
    if values.inventory is None:
        raise UsageError(
            "No hosts were named.", "Give an inventory by '-i', or a repository by '--prove'."
        )
    inventory = Inventory(path=values.inventory, limit=values.limit, forks=values.forks)
    egress_args = [argument for target in values.egress for argument in ("--egress", target)]
    return RunnerRequest(
        inventory=inventory,
        hosts=list_inventory_hosts(inventory),
        plans=tuple(
            make_host_plan(load_contract(str(CONTRACTS / name), subject=Subject.HOST))
            for name in HOST_CONTRACTS
        ),
        gate_plan=make_plan(load_contract(str(CONTRACTS / "t4.yaml")), find_tier(4)),
        reference=values.image,
        gate_arguments=(*(("--image", values.image) if values.image else ()), *egress_args),
        secrets=read_runner_secrets(values.token_file, environ),
        out=values.out,
        formats=tuple(values.format),
    )


def read_runner_secrets(token_file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Take the tokens from the environment, or a file; what an inventory gives is Ansible's."""
    given = {
        name: environ[variable]
        for name, variable in SECRET_VARIABLES.items()
        if environ.get(variable)
    }
    if token_file is not None:
        given["runner_token"] = read_token_file(token_file)
    return given
