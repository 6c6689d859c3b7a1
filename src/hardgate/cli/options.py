"""Words that several commands take, and what is read from them. No command itself."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from hardgate.cli.comment import add_comment_option, make_summary_publisher
from hardgate.model.contract import Contract, Subject, load_contract
from hardgate.model.run import Source
from hardgate.pipeline.content import measure_source
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import REPORTS_FOLDER
from hardgate.pipeline.snapshot import Snapshot, take_snapshot
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.report.formats import DEFAULT_FORMATS, FORMATS
from hardgate.resources import CONTRACTS
from hardgate.schema.source import read_pin

MAX_SECONDS = 4 * 3600
"""The longest time that an option takes, in seconds."""


def add_contract_options(parser: argparse._ActionsContainer) -> None:
    """Add what names a contract; a pin that is none, or empty, ends the command at once."""
    parser.add_argument(
        "--contract",
        metavar="FILE|URL",
        help="contract to verify by (default: hardgate's own t4.yaml)",
    )
    parser.add_argument(
        "--contract-sha256",
        type=read_pin,
        metavar="HEX",
        help="refuse a contract with another SHA-256; a URL needs it",
    )


def load_requested_contract(
    values: argparse.Namespace, subject: Subject | None = Subject.WORKSPACE
) -> Contract:
    """Load the contract that applies."""
    origin = values.contract or str(CONTRACTS / "t4.yaml")
    return load_contract(origin, sha256=values.contract_sha256, subject=subject)


def add_template_options(parser: argparse.ArgumentParser) -> None:
    """Add what every session of a template is told."""
    group = parser.add_argument_group("the template")
    group.add_argument(
        "--context", metavar="DIR", default=".", help="folder of the template (default: .)"
    )
    group.add_argument(
        "--dockerfile",
        metavar="FILE",
        help="the template's Dockerfile (default: Dockerfile in the context)",
    )
    add_contract_options(group)
    run = parser.add_argument_group("the run")
    run.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the reports (default: reports/SESSION/RUN)",
    )
    add_comment_option(run)
    add_verbosity_options(run)


def add_format_option(
    parser: argparse._ActionsContainer,
    choices: Sequence[str] = tuple(FORMATS),
    default: Sequence[str] = DEFAULT_FORMATS,
) -> None:
    """Add which reports are written."""
    parser.add_argument(
        "--format",
        action="append",
        default=[],
        choices=tuple(choices),
        help=f"report to write; may be repeated (default: {', '.join(default)})",
    )


def add_verbosity_options(parser: argparse._ActionsContainer) -> None:
    """Add how much is told on the terminal."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "-q", "--quiet", action="store_true", help="print only misses and the last line"
    )
    group.add_argument(
        "-v", "--verbose", action="store_true", help="print everything that was observed"
    )


def make_console(values: argparse.Namespace) -> Console:
    """Give the terminal, as loud as was asked for."""
    return Console(sys.stdout, verbosity=1 if values.verbose else -1 if values.quiet else 0)


def make_session(
    values: argparse.Namespace,
    session: str,
    template: Template,
    contract: str,
    console: Console | None = None,
    snapshot: Snapshot | None = None,
) -> Session:
    """Make a session that looks at a template; `contract` is the sha256 of the one that applies.

    `snapshot` is the template's, where the caller has one already.
    """
    console = console or make_console(values)
    subject = template.relative_to_root(template.context)
    return Session(
        session=session,
        root=template.root,
        contract=contract,
        out=values.out,
        console=console,
        open_snapshot=make_snapshot_opener(template, snapshot, values.out),
        publish_summary=make_summary_publisher(values, session, str(subject), console),
    )


def make_source_reader(template: Template, *outputs: Path | None) -> Callable[[], Source]:
    """Give what measures a template's content, without what this command writes there."""
    folders = _list_outputs(outputs)
    return lambda: measure_source(template, folders)


def make_snapshot_opener(
    template: Template, taken: Snapshot | None, *outputs: Path | None, build_alone: bool = False
) -> Callable[[], AbstractContextManager[Snapshot]]:
    """Give what opens a template's snapshot, without what this command writes there.

    One that was taken already stays open: whoever took it ends it. With `build_alone` one that is
    taken holds what a build reads.
    """
    folders = _list_outputs(outputs)

    def open_snapshot() -> AbstractContextManager[Snapshot]:
        if taken:
            return nullcontext(taken)
        return take_snapshot(template, folders, build_alone=build_alone)

    return open_snapshot


def _list_outputs(outputs: Iterable[Path | None]) -> list[Path]:
    return [folder.resolve() for folder in (REPORTS_FOLDER, *outputs) if folder is not None]


def parse_seconds(text: str) -> float:
    """Read a time of up to an hour."""
    return _parse_time(text, 3600)


def parse_long_time(text: str) -> float:
    """Read a time of up to four hours, after which no run of ours lives on."""
    return _parse_time(text, MAX_SECONDS)


def _parse_time(text: str, longest: int) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds <= longest:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of seconds up to {longest}")
    return seconds
