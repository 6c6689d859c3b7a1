"""The words of `hardgate runner --prove URL`."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardgate.command_line import Parser
from hardgate.commands.words import add_loudness, console_of
from hardgate.forge.address import Address
from hardgate.forge.detect import FORGES
from hardgate.forge.token import VARIABLE, read_token
from hardgate.prove import ProveRequest, prove

ABOUT = "Let a forge run the workflow on its own runners, and fetch its answers."


def add_prove_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; `--prove` itself names the repository."""
    group = parser.add_argument_group("a forge's own word")
    group.add_argument(
        "--prove", metavar="URL", help=f"of a repository; the token comes from {VARIABLE}"
    )
    group.add_argument("--forge", choices=sorted(FORGES), default="", help="default: found out")
    group.add_argument("--token-file", type=Path, metavar="FILE", help=f"instead of {VARIABLE}")
    group.add_argument("--workflow", default="gate.yml", metavar="FILE", help="default: gate.yml")
    group.add_argument("--branch", default="", metavar="NAME", help="default: the forge's")
    group.add_argument("--out", type=Path, metavar="DIR", help="default: reports/prove/RUN")
    group.add_argument("--taken-within", type=float, default=600.0, metavar="S")
    group.add_argument("--ended-within", type=float, default=7200.0, metavar="S")


def read_prove(values: argparse.Namespace, environ: Mapping[str, str]) -> ProveRequest:
    """Make a request of the words; a wrong one is found here, and so is a token that is missing."""
    return ProveRequest(
        address=Address.parse(values.prove),
        token=read_token(environ, values.token_file),
        forge=values.forge,
        workflow=values.workflow,
        branch=values.branch,
        out=values.out,
        taken_seconds=values.taken_within,
        seconds=values.ended_within,
    )


def main(words: Sequence[str]) -> int:
    """Prove, by these words alone."""
    parser = Parser("prove", ABOUT)
    add_prove_options(parser)
    add_loudness(parser)
    values = parser.read(words)
    return int(prove(read_prove(values, os.environ), console_of(values)))
