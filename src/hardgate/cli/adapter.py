"""`hardgate adapter`: the template's own unit tests, counted; none executed is red."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from hardgate.cli.build import (
    BUILD_SETTINGS,
    add_build_settings,
    build_on_engine,
    read_build_request,
    refuse_build_options,
)
from hardgate.cli.options import (
    add_template_options,
    load_requested_contract,
    make_console,
    make_session,
)
from hardgate.cli.parser import CommandParser
from hardgate.cli.secret_inputs import redactor_of_command_line
from hardgate.engine.client import find_engine
from hardgate.engine.image import find_image, hold_image
from hardgate.errors import UsageError
from hardgate.model.contract import Contract
from hardgate.pipeline.adapter_tests import run_adapter_tests
from hardgate.pipeline.check import Check
from hardgate.pipeline.image_tests import run_image_tests
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import SessionResult
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder

ADAPTER_LOG = "adapter.log"


def main(argv: Sequence[str]) -> int:
    """Run them, and leave an answer."""
    return run_adapter_session(argv).exit_code


def run_adapter_session(
    argv: Sequence[str], console: Console | None = None, snapshot: Snapshot | None = None
) -> SessionResult:
    """Run them, leave an answer, and give it."""
    values = _make_adapter_parser().parse_argv(argv)
    _refuse_contradictions(values)
    template = Template.from_folder(values.context, values.dockerfile)
    requirements = [_find_requirement_file(file, template) for file in values.requirement]
    contract = load_requested_contract(values)
    if console is None:
        console = make_console(values)
        console.redactor = redactor_of_command_line(argv, os.environ)
    inquiry = make_session(values, "adapter", template, contract.sha256, console, snapshot)

    def run_unit_tests(session: Session, folder: ReportFolder) -> Iterator[Check]:
        with folder.open_log(ADAPTER_LOG, session.console.redactor) as log:

            def log_line(line: str) -> None:
                log.write(f"{line}\n")

            if values.in_image:
                yield from _test_in_image(session, values, contract, log_line)
            else:
                copies = [session.locate_copy(file) for file in requirements]
                yield from _test_on_this_machine(session, copies, log_line)

    where = template.relative_to_root(template.context)
    place = "its own image" if values.in_image else "an environment of their own"
    return inquiry.run_checks(f"template {where}, its unit tests in {place}", run_unit_tests)


def _make_adapter_parser() -> CommandParser:
    parser = CommandParser("adapter", "Run the template's own unit tests; none executed is red.")
    add_template_options(parser)
    parser.add_argument(
        "--requirement",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="requirements file of the tests; may be repeated (default: the template's own files)",
    )
    group = parser.add_argument_group("the image")
    group.add_argument(
        "--in-image",
        action="store_true",
        help="run them in the built image, as the agent, without a network",
    )
    group.add_argument(
        "--image",
        metavar="REF",
        help="with --in-image: run them in this image instead of building one",
    )
    add_build_settings(group)
    return parser


def _refuse_contradictions(values: argparse.Namespace) -> None:
    building = (*BUILD_SETTINGS, "base", "refresh_base")
    if not values.in_image and (values.image or any(getattr(values, name) for name in building)):
        raise UsageError("Only tests in the image need one.", "Add '--in-image'.")
    if values.in_image and values.requirement:
        raise UsageError(
            "In the image the tests have what the image has.",
            "Leave '--requirement' out, or '--in-image'.",
        )
    refuse_build_options(values, building)


def _test_on_this_machine(
    session: Session, requirements: Sequence[Path], write: Callable[[str], None]
) -> Iterator[Check]:
    with session.console.step("Run the template's unit tests") as step:
        log_line = step.show_lines_of(write)
        yield from run_adapter_tests(session.template, log_line, requirements=requirements)


def _test_in_image(
    session: Session, values: argparse.Namespace, contract: Contract, write: Callable[[str], None]
) -> Iterator[Check]:
    """Build the image from the copy that is looked at, and run the tests in it."""
    engine, template = find_engine(), session.template
    with ExitStack() as held:
        if values.image:
            image = find_image(engine.open_client(), values.image)
        else:
            request = replace(
                read_build_request(values),
                context=template.context,
                dockerfile=template.dockerfile,
                copied_from=template.own_context,
                source_commit="",
            )
            held.enter_context(hold_image(engine, request))
            image = build_on_engine(engine, request, values, session.console, write)
        with session.console.step("Run the template's unit tests in the image"):
            yield from run_image_tests(template, engine, image.digest, contract.agent_uid, write)


def _find_requirement_file(file: Path, template: Template) -> Path:
    """Find a file from here, else from the template; raises UsageError where there is none."""
    for place in (file, template.context / file):
        if place.is_file():
            return place.resolve()
    raise UsageError(
        f"There is no file '{file}'.", "Name a requirements file by '--requirement FILE'."
    )
