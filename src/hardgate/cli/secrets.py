"""`hardgate secrets`: credential-shaped strings in what a change adds, and in our own reports."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hardgate.cli.options import add_template_options, load_requested_contract, make_session
from hardgate.cli.parser import CommandParser
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Added, Change, added_lines, find_change, git, lines_of
from hardgate.pipeline.kingfisher import Credential, find_in_lines
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import REPORTS_FOLDER
from hardgate.pipeline.template import Template, walk_files
from hardgate.report.folder import ReportFolder

REMEDY = (
    "Revoke it first, for it is known; then take it out of the commit as well, and read it from "
    "the environment."
)
LEAKED = "Hardgate's own reports hold it: please report which shape the redactor missed."


def main(words: Sequence[str]) -> int:
    """Look, and leave an answer; the value itself is in none of it."""
    parser = CommandParser(
        "secrets", "Look for credentials in added lines, and in hardgate's reports."
    )
    parser.add_argument("--base", default="", metavar="REF", help="default: the main branch")
    add_template_options(parser)
    values = parser.parse_argv(words)
    template = Template.from_folder(values.context, values.dockerfile)
    change = find_change(template.root, values.base, os.environ)
    inquiry = make_session(values, "secrets", template.root, load_requested_contract(values).sha256)

    def look(inquiry: Session, _folder: ReportFolder) -> Iterable[Check]:
        if not change.base:
            inquiry.add_notice(f"Looked at {change.told}.")
        return _points(template.root, change)

    return int(inquiry.run_checks(change.told, look))


def _points(root: Path, change: Change) -> Iterator[Check]:
    lines = list(added_lines(root, change.base) if change.base else _whole_tree(root))
    yield _point("added-lines" if change.base else "whole-tree", find_in_lines(lines), REMEDY)
    yield _point("own-reports", find_in_lines(_reports(root)), LEAKED)


def _whole_tree(root: Path) -> Iterator[Added]:
    listed = git(root, "ls-files", "-z", "-c", "-o", "--exclude-standard")
    if listed is None:
        names = [str(file.relative_to(root)) for file in walk_files(root)]
    else:
        names = [name for name in listed.split("\0") if name]
    for name in dict.fromkeys(names):
        yield from lines_of(root, name)


def _reports(root: Path) -> Iterator[Added]:
    for folder in dict.fromkeys((root / REPORTS_FOLDER, REPORTS_FOLDER.resolve())):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            yield from lines_of(folder, str(file.relative_to(folder)))


def _point(name: str, found: Sequence[Credential], remedy: str) -> Check:
    if not found:
        return Check(name=name, group="secrets", outcome=Outcome.PASS)
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Check(
        name=name,
        group="secrets",
        outcome=Outcome.FAIL,
        reason=f"{first.place}: this looks like a credential: {first.kind}{more}.",
        remedy=remedy,
        evidence="\n".join(f"{one.place}: {one.rule}: {one.kind}" for one in found),
    )
