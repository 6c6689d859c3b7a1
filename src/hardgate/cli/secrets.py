"""`hardgate secrets`: credential-shaped strings in what a change adds, and in our own reports."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from hardgate.cli.options import add_template_options, contract_of, inquiry_of
from hardgate.cli.parser import Parser
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Point
from hardgate.pipeline.git_change import Added, Change, added_lines, find_change, git, lines_of
from hardgate.pipeline.kingfisher import Credential, find_in_lines
from hardgate.pipeline.session import Inquiry
from hardgate.pipeline.session_result import REPORTS
from hardgate.pipeline.template import Template, files_in
from hardgate.report.folder import Folder

REMEDY = (
    "Revoke it first, for it is known; then take it out of the commit as well, and read it from "
    "the environment."
)
LEAKED = "Hardgate's own reports hold it: please report which shape the redactor missed."


def main(words: Sequence[str]) -> int:
    """Look, and leave an answer; the value itself is in none of it."""
    parser = Parser("secrets", "Look for credentials in added lines, and in hardgate's reports.")
    parser.add_argument("--base", default="", metavar="REF", help="default: the main branch")
    add_template_options(parser)
    values = parser.read(words)
    template = Template.find(values.context, values.dockerfile)
    change = find_change(template.root, values.base, os.environ)
    inquiry = inquiry_of(values, "secrets", template.root, contract_of(values).sha256)

    def look(inquiry: Inquiry, _folder: Folder) -> Iterable[Point]:
        if not change.base:
            inquiry.notice(f"Looked at {change.told}.")
        return _points(template.root, change)

    return int(inquiry.run(change.told, look))


def _points(root: Path, change: Change) -> Iterator[Point]:
    lines = list(added_lines(root, change.base) if change.base else _whole_tree(root))
    yield _point("added-lines" if change.base else "whole-tree", find_in_lines(lines), REMEDY)
    yield _point("own-reports", find_in_lines(_reports(root)), LEAKED)


def _whole_tree(root: Path) -> Iterator[Added]:
    listed = git(root, "ls-files", "-z", "-c", "-o", "--exclude-standard")
    if listed is None:
        names = [str(file.relative_to(root)) for file in files_in(root)]
    else:
        names = [name for name in listed.split("\0") if name]
    for name in dict.fromkeys(names):
        yield from lines_of(root, name)


def _reports(root: Path) -> Iterator[Added]:
    for folder in dict.fromkeys((root / REPORTS, REPORTS.resolve())):
        for file in sorted(folder.rglob("*")) if folder.is_dir() else ():
            yield from lines_of(folder, str(file.relative_to(folder)))


def _point(name: str, found: Sequence[Credential], remedy: str) -> Point:
    if not found:
        return Point(name=name, group="secrets", outcome=Outcome.PASS)
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return Point(
        name=name,
        group="secrets",
        outcome=Outcome.FAIL,
        reason=f"{first.place}: this looks like a credential: {first.kind}{more}.",
        remedy=remedy,
        evidence="\n".join(f"{one.place}: {one.rule}: {one.kind}" for one in found),
    )
