"""`hardgate runner`: hosts of an inventory made self-hosted runners that are known to work."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardgate.ansible.inventory import Inventory
from hardgate.ansible.play import hosts_of
from hardgate.cli.gate import tier_of
from hardgate.cli.options import add_loudness, console_of
from hardgate.cli.parser import Parser
from hardgate.cli.prove import add_prove_options, read_prove
from hardgate.errors import UsageError
from hardgate.forge.prove import prove
from hardgate.forge.token import read_secret
from hardgate.model.contract import Subject, load_contract
from hardgate.model.plan import make_host_plan, make_plan
from hardgate.remote.runner.deprovision import dismiss
from hardgate.remote.runner.provision import enrol
from hardgate.remote.runner.request import RunnerRequest
from hardgate.resources import CONTRACTS

ABOUT = (
    "Make hosts self-hosted runners, hold each to its contracts, and verify an image under tier 4 "
    "on it. Exit codes: 0 all hosts are runners that are known to work, 1 one was seen not to be, "
    "2 the command is wrong, 3 nobody could tell of one."
)
HOST_CONTRACTS = ("runner-host.yaml", "runner.yaml")
TOKEN = "HARDGATE_RUNNER_TOKEN"  # noqa: S105 - the variable's name
REMOVE_TOKEN = "HARDGATE_REMOVE_TOKEN"  # noqa: S105 - the same
API_TOKEN = "HARDGATE_API_TOKEN"  # noqa: S105 - the same
SECRETS = {
    "runner_token": TOKEN,
    "runner_remove_token": REMOVE_TOKEN,
    "runner_api_token": API_TOKEN,
}
"""The role's variables that are secrets, and the environment's that may bring them."""


def main(words: Sequence[str]) -> int:
    """Make runners, or let a forge prove them."""
    values = _parser().read(words)
    if values.prove:
        return int(prove(read_prove(values, os.environ), console_of(values)))
    request = read_request(values, os.environ)
    return int((dismiss if values.remove else enrol)(request, console_of(values)))


def _parser() -> Parser:
    parser = Parser("runner", ABOUT)
    parser.add_argument("-i", "--inventory", type=Path, metavar="INVENTORY", help="as Ansible's")
    parser.add_argument("-l", "--limit", default="", metavar="PATTERN", help="only these hosts")
    parser.add_argument("--forks", type=int, default=5, metavar="N", help="hosts at once")
    parser.add_argument(
        "--image", default="", metavar="REF", help="verify this there, not hardgate's own image"
    )
    parser.add_argument(
        "--egress", action="append", default=[], metavar="URL|beacon", help="for that gate"
    )
    parser.add_argument("--remove", action="store_true", help="make them runners no longer")
    add_prove_options(parser)
    add_loudness(parser)
    return parser


def read_request(values: argparse.Namespace, environ: Mapping[str, str]) -> RunnerRequest:
    """Make a request of the words; every mistake is found here, before any host is touched."""
    if values.inventory is None:
        raise UsageError(
            "No hosts were named.", "Give an inventory by '-i', or a repository by '--prove'."
        )
    inventory = Inventory(path=values.inventory, limit=values.limit, forks=values.forks)
    words = [word for target in values.egress for word in ("--egress", target)]
    return RunnerRequest(
        inventory=inventory,
        hosts=hosts_of(inventory),
        plans=tuple(
            make_host_plan(load_contract(str(CONTRACTS / name), subject=Subject.HOST))
            for name in HOST_CONTRACTS
        ),
        gate_plan=make_plan(load_contract(str(CONTRACTS / "t4.yaml")), tier_of(4)),
        reference=values.image,
        words=(*(("--image", values.image) if values.image else ()), *words),
        secrets=read_secrets(values.token_file, environ),
        out=values.out,
    )


def read_secrets(token_file: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Take the tokens from the environment, or a file; what an inventory gives is Ansible's."""
    given = {name: environ[variable] for name, variable in SECRETS.items() if environ.get(variable)}
    if token_file is not None:
        given["runner_token"] = read_secret(token_file)
    return given
