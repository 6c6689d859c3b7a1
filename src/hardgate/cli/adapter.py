"""`hardgate adapter`: the template's own unit tests, counted; none executed is red."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hardgate.cli.options import add_template_options, load_requested_contract, make_session
from hardgate.cli.parser import CommandParser
from hardgate.errors import UsageError
from hardgate.pipeline.adapter_tests import run_adapter_tests
from hardgate.pipeline.check import Check
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
    parser = CommandParser("adapter", "Run the template's own unit tests; none executed is red.")
    add_template_options(parser)
    parser.add_argument(
        "--requirement",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="repeatable; what the tests need (default: the template's requirements files)",
    )
    values = parser.parse_argv(argv)
    template = Template.from_folder(values.context, values.dockerfile)
    requirements = [_find_requirement_file(file, template) for file in values.requirement]
    contract = load_requested_contract(values).sha256
    inquiry = make_session(values, "adapter", template, contract, console, snapshot)

    def run_unit_tests(session: Session, folder: ReportFolder) -> Iterator[Check]:
        with (
            session.console.step("Run the template's unit tests") as step,
            folder.open_log(ADAPTER_LOG, session.console.redactor) as log,
        ):

            def log_line(line: str) -> None:
                log.write(f"{line}\n")
                step.show_progress(line)

            copies = [session.locate_copy(file) for file in requirements]
            yield from run_adapter_tests(session.template, log_line, requirements=copies)

    where = template.relative_to_root(template.context)
    return inquiry.run_checks(
        f"template {where}, its unit tests in an environment of their own", run_unit_tests
    )


def _find_requirement_file(file: Path, template: Template) -> Path:
    """Find a file from here, else from the template; raises UsageError where there is none."""
    for place in (file, template.context / file):
        if place.is_file():
            return place.resolve()
    raise UsageError(
        f"There is no file '{file}'.", "Name a requirements file by '--requirement FILE'."
    )
