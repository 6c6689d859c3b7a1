"""The words of `hardgate runner --prove URL`. No command itself."""

import argparse
from collections.abc import Mapping
from pathlib import Path

from hardgate.forge.detect import FORGE_OPENERS
from hardgate.forge.prove import ProveRequest
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.forge.token import TOKEN_VARIABLE, read_forge_token


def add_prove_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; `--prove` itself names the repository."""
    group = parser.add_argument_group("proof by a forge")
    group.add_argument(
        "--prove",
        metavar="URL",
        help="run the workflow of the repository at this URL, and check what it did "
        f"(the token is read from {TOKEN_VARIABLE})",
    )
    group.add_argument(
        "--forge",
        choices=sorted(FORGE_OPENERS),
        default="",
        help="kind of forge (default: found by asking the URL)",
    )
    group.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help=f"file to read the token from instead of {TOKEN_VARIABLE}",
    )
    group.add_argument(
        "--workflow", default="gate.yml", metavar="FILE", help="workflow to run (default: gate.yml)"
    )
    group.add_argument(
        "--branch",
        default="",
        metavar="NAME",
        help="branch to run it on (default: the repository's own default)",
    )
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the reports (default: reports/prove/RUN)",
    )
    group.add_argument(
        "--taken-within",
        type=float,
        default=600.0,
        metavar="S",
        help="seconds until a runner must have taken the job (default: 600)",
    )
    group.add_argument(
        "--ended-within",
        type=float,
        default=7200.0,
        metavar="S",
        help="seconds until the run must have ended (default: 7200)",
    )


def read_prove_request(values: argparse.Namespace, environ: Mapping[str, str]) -> ProveRequest:
    """Make a request of the words; a wrong one is found here, and so is a token that is missing."""
    return ProveRequest(
        address=RepositoryAddress.from_url(values.prove),
        token=read_forge_token(environ, values.token_file),
        forge=values.forge,
        workflow=values.workflow,
        branch=values.branch,
        out=values.out,
        taken_seconds=values.taken_within,
        seconds=values.ended_within,
    )
