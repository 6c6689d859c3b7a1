"""`hardgate build`: the image as the gate builds it, and its digest."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.options import parse_long_time
from hardgate.cli.parser import CommandParser
from hardgate.cli.secret_inputs import redactor_of_command_line
from hardgate.engine import image
from hardgate.engine.base_image import ensure_base
from hardgate.engine.build_request import BUILD_SECONDS, BuildRequest, make_build_request
from hardgate.engine.build_run import WriteLine
from hardgate.engine.client import Engine, find_engine
from hardgate.engine.settled_build import settle_build
from hardgate.errors import UsageError
from hardgate.model.run import Image
from hardgate.report.console import Console

BUILD_SETTINGS = ("build_arg", "secret", "target", "build_platform")
"""Options that only a build takes, beside its context and Dockerfile."""


def refuse_build_options(values: argparse.Namespace, names: Sequence[str]) -> None:
    """Raise where an image is named and one of these options asks for a build."""
    if values.image and any(getattr(values, name) for name in names):
        raise UsageError("'--image' builds nothing.", "Leave the options of the build out.")


def add_build_options(parser: argparse.ArgumentParser, *, base: str = "--base") -> None:
    """Add what a build is told."""
    group = parser.add_argument_group("the image")
    group.add_argument("--context", metavar="DIR", help="folder to build from (default: .)")
    group.add_argument(
        "--dockerfile",
        metavar="FILE",
        help="Dockerfile to build (default: Dockerfile in the context)",
    )
    add_build_settings(group, base=base)


def add_build_settings(group: argparse._ActionsContainer, *, base: str = "--base") -> None:
    """Add what a build is told beside its context and Dockerfile."""
    group.add_argument(
        "--build-arg",
        action="append",
        default=[],
        metavar="K=V",
        help="argument of the Dockerfile, where K alone takes its value from the environment; "
        "may be repeated",
    )
    group.add_argument(
        "--secret",
        action="append",
        default=[],
        metavar="SPEC",
        help="secret for the build, written as for 'docker build'; may be repeated",
    )
    group.add_argument("--target", metavar="STAGE", help="stage to build (default: the last)")
    group.add_argument(
        "--build-platform",
        metavar="OS/ARCH",
        help="platform to build for (default: the engine's own)",
    )
    group.add_argument(
        "--build-timeout",
        type=parse_long_time,
        default=BUILD_SECONDS,
        metavar="S",
        help="seconds after which the build is ended (default: %(default)g)",
    )
    group.add_argument(
        base,
        dest="base",
        type=Path,
        metavar="FILE",
        help="root file system (tar) to make BASE_IMAGE from",
    )
    group.add_argument(
        "--refresh-base",
        action="store_true",
        help="make hardgate's own base again even if one is cached",
    )


def read_build_request(values: argparse.Namespace) -> BuildRequest:
    """Make a request of the options; see `make_build_request` for the errors."""
    return make_build_request(
        values.context or ".",
        values.dockerfile,
        values.build_arg,
        values.secret,
        os.environ,
        target=values.target,
        platform=values.build_platform,
        seconds=values.build_timeout,
    )


def main(argv: Sequence[str]) -> int:
    """Build, and print the digest on standard output."""
    parser = CommandParser("build", "Build an image as the gate does, and print its digest.")
    add_build_options(parser)
    values = parser.parse_argv(argv)
    request = read_build_request(values)
    console = Console(sys.stderr, redactor=redactor_of_command_line(argv, os.environ))
    engine = find_engine()
    with image.hold_image(engine, request):
        built = build_on_engine(engine, request, values, console)
    print(built.digest)
    return 0


def build_on_engine(
    engine: Engine,
    request: BuildRequest,
    values: argparse.Namespace,
    console: Console,
    write: WriteLine | None = None,
) -> Image:
    """Build as the gate does, with hardgate's base where the Dockerfile's is not to be had.

    `write` is given each line of the build's log.
    """
    build = settle_build(
        engine,
        request,
        base_given=values.base is not None,
        provide_base=lambda: ensure_base(
            engine,
            file=values.base,
            refresh=values.refresh_base,
            report_progress=console.print_notice,
        ),
        note=console.print_notice,
    )
    with console.step("Build the image") as step:
        write_line = step.show_lines_of(write) if write else step.show_progress
        return image.build_for_engine(engine, build.request, way=build.way, write=write_line)
