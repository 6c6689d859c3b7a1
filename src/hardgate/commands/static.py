"""`hardgate static`: what can be told of a template without running any of its code."""

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from hardgate.command_line import Parser
from hardgate.content import CONTRACTS
from hardgate.contract import Contract, load_contract
from hardgate.errors import ContractError
from hardgate.pipeline.inquiry import Inquiry
from hardgate.pipeline.point import Point
from hardgate.pipeline.static.examine import Examination
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.report.folder import Folder
from hardgate.tier import load_tiers


def add_template_options(parser: argparse.ArgumentParser) -> None:
    """Add what every session of a template is told."""
    group = parser.add_argument_group("the template")
    group.add_argument("--context", metavar="DIR", default=".", help="default: .")
    group.add_argument("--dockerfile", metavar="FILE", help="default: Dockerfile in the context")
    group.add_argument("--contract", metavar="FILE|URL", help="default: hardgate's own")
    group.add_argument("--contract-sha256", default="", metavar="HEX", help="pin its bytes")
    run = parser.add_argument_group("the run")
    run.add_argument("--out", type=Path, metavar="DIR", help="default: reports/SESSION/RUN")
    loudness = run.add_mutually_exclusive_group()
    loudness.add_argument("-q", "--quiet", action="store_true", help="misses and the last line")
    loudness.add_argument("-v", "--verbose", action="store_true", help="all that was seen")


def loudness(values: argparse.Namespace) -> int:
    """Give the console's verbosity."""
    return 1 if values.verbose else -1 if values.quiet else 0


def contract_of(values: argparse.Namespace) -> Contract:
    """Load the contract that applies."""
    origin = values.contract or str(CONTRACTS / "t4.yaml")
    return load_contract(origin, sha256=values.contract_sha256)


def main(words: Sequence[str]) -> int:
    """Look, and leave an answer."""
    parser = Parser("static", "Look at a template without running any of its code.")
    add_template_options(parser)
    values = parser.read(words)
    template = Template.find(values.context, values.dockerfile)
    contract, problem = None, None
    try:
        contract = contract_of(values)
        load_tiers(CONTRACTS / "tiers.yaml")
    except ContractError as error:
        problem = error
    inquiry = Inquiry(
        session="static",
        root=template.root,
        contract=contract.sha256 if contract else "",
        out=values.out,
        console=Console(sys.stdout, verbosity=loudness(values)),
    )

    def look(_inquiry: Inquiry, _folder: Folder) -> Iterable[Point]:
        examination = Examination(template=template, contract=contract, contract_problem=problem)
        return examination.points()

    where = template.name_of(template.context)
    return int(inquiry.run(f"template {where}, no code of it is run", look))
