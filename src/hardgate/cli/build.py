"""`hardgate build`: the image as the gate builds it, and its digest."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.parser import CommandParser
from hardgate.engine import image
from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import find_engine
from hardgate.report.console import Console


def add_build_options(parser: argparse.ArgumentParser, *, base: str = "--base") -> None:
    """Add what a build is told."""
    group = parser.add_argument_group("the image")
    group.add_argument("--context", metavar="DIR", help="build context (default: .)")
    group.add_argument("--dockerfile", metavar="FILE", help="default: Dockerfile in the context")
    group.add_argument(
        "--build-arg",
        action="append",
        default=[],
        metavar="K=V",
        help="repeatable; K alone takes its value from the environment",
    )
    group.add_argument(
        "--secret", action="append", default=[], metavar="SPEC", help="as buildx takes it"
    )
    group.add_argument(
        base,
        dest="base",
        type=Path,
        metavar="FILE",
        help="a root file system (tar) to build BASE_IMAGE from",
    )
    group.add_argument(
        "--refresh-base", action="store_true", help="make the base anew, though one is cached"
    )


def read_build_request(values: argparse.Namespace) -> image.BuildRequest:
    """Make a request of the options; see `image.make_request` for the errors."""
    return image.make_build_request(
        values.context or ".",
        values.dockerfile,
        values.build_arg,
        values.secret,
        os.environ,
    )


def main(argv: Sequence[str]) -> int:
    """Build, and print the digest on standard output."""
    parser = CommandParser("build", "Build an image as the gate would, and print its digest.")
    add_build_options(parser)
    values = parser.parse_argv(argv)
    request = read_build_request(values)
    console = Console(sys.stderr)
    engine = find_engine()
    base = ""
    if request.wants_base():
        base = ensure_base(
            engine,
            file=values.base,
            refresh=values.refresh_base,
            report_progress=console.print_notice,
        )
    with image.hold_image(engine, request), console.step("Build the image") as step:
        buildx = image.has_buildx(request.environment)
        built = image.build_for_engine(
            engine, request, base, buildx=buildx, write=step.show_progress
        )
    print(built.digest)
    return 0
