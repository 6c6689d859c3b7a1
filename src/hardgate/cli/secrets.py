"""`hardgate secrets`: credential-shaped strings in what a change adds, and in our own reports."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hardgate.cli.options import add_template_options, load_requested_contract, make_session
from hardgate.cli.parser import CommandParser
from hardgate.model.verdict import Outcome
from hardgate.pipeline.changed_files import (
    ChangedFile,
    UnreadFile,
    read_changed_files,
    read_tree_file,
)
from hardgate.pipeline.check import Check
from hardgate.pipeline.git_change import Change, find_change, list_file_changes
from hardgate.pipeline.secret_search import Credential, SecretSearch
from hardgate.pipeline.session import Session
from hardgate.pipeline.session_result import REPORTS_FOLDER, SessionResult
from hardgate.pipeline.snapshot import Snapshot
from hardgate.pipeline.template import Template, walk_files
from hardgate.report.console import Console
from hardgate.report.folder import ReportFolder
from hardgate.system.git import Repository, open_repository
from hardgate.system.temporary_folder import temporary_folder
from hardgate.text.plain import one_line

REMEDY = (
    "Revoke it first, for it is known; then take it out of the commit as well, and read it from "
    "the environment."
)
LEAKED = "Hardgate's own reports hold it: please report which shape the redactor missed."
MAX_LISTED = 500
"""Findings that are listed; all are counted."""
MAX_NAMED = 5
"""Files of a kind that a notice names; all are counted."""


def main(argv: Sequence[str]) -> int:
    """Look, and leave an answer; the value itself is in none of it."""
    return run_secrets_session(argv).exit_code


def run_secrets_session(
    argv: Sequence[str], console: Console | None = None, snapshot: Snapshot | None = None
) -> SessionResult:
    """Look, leave an answer, and give it."""
    parser = CommandParser(
        "secrets", "Search the lines that a change adds, and hardgate's reports, for credentials."
    )
    parser.add_argument(
        "--base",
        default="",
        metavar="REF",
        help="commit or branch that the change is compared with (default: the main branch)",
    )
    add_template_options(parser)
    values = parser.parse_argv(argv)
    template = Template.from_folder(values.context, values.dockerfile)
    contract = load_requested_contract(values).sha256
    session = make_session(values, "secrets", template, contract, console, snapshot)

    def inspect(session: Session, _folder: ReportFolder) -> Iterable[Check]:
        copy = session.template.root
        with open_repository(template.root) as opened, temporary_folder() as folder:
            # Commits are the repository's own; what is not committed is read of the copy.
            repository = opened and replace(opened, copy=copy)
            yield _search_added(session, repository, values.base, folder)
            yield _search_reports(session, template.root, folder)

    return session.run_checks("what the change adds", inspect)


def _search_added(
    session: Session, repository: Repository | None, base: str, folder: Path
) -> Check:
    if repository is None:
        name, change = "whole-tree", Change(description="all files, for there is no git here")
        files = _read_folder(session.template.root, walk_files(session.template.root))
    else:
        name, change = "added-lines", find_change(repository, base, os.environ)
        changes = list_file_changes(repository, change, folder)
        files = read_changed_files(repository, changes, folder)
    if change.excluded:
        session.console.print_line(f"Looking at {change.description}.")
    else:
        session.add_notice(f"Looked at {change.description}.")
    return _search(session, name, files, REMEDY, folder)


def _search_reports(session: Session, root: Path, folder: Path) -> Check:
    return _search(session, "own-reports", _read_reports(root), LEAKED, folder)


def _read_reports(root: Path) -> Iterator[ChangedFile | UnreadFile]:
    for folder in dict.fromkeys((root / REPORTS_FOLDER, REPORTS_FOLDER.resolve())):
        if folder.is_dir():
            yield from _read_folder(folder, sorted(folder.rglob("*")))


def _read_folder(folder: Path, files: Iterable[Path]) -> Iterator[ChangedFile | UnreadFile]:
    for file in files:
        if file.is_file() and not file.is_symlink():
            read = read_tree_file(folder, str(file.relative_to(folder)))
            if read is not None:
                yield read


def _search(
    session: Session,
    name: str,
    files: Iterable[ChangedFile | UnreadFile],
    remedy: str,
    folder: Path,
) -> Check:
    search = SecretSearch(folder=folder / name)
    search.search(files)
    for sentence in describe_unread(search.unread):
        session.add_notice(sentence)
    return _make_point(name, search.credentials, remedy)


def describe_unread(unread: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each reason why files were not looked into."""
    by_reason: dict[str, list[str]] = {}
    for path, reason in unread.items():
        by_reason.setdefault(reason, []).append(path)
    for reason, paths in by_reason.items():
        more = f" and {len(paths) - MAX_NAMED} more" if len(paths) > MAX_NAMED else ""
        named = ", ".join(f"'{one_line(path)}'" for path in paths[:MAX_NAMED])
        yield f"Not looked into ({reason}): {named}{more}."


def _make_point(name: str, found: Sequence[Credential], remedy: str) -> Check:
    if not found:
        return Check(name=name, group="secrets", outcome=Outcome.PASS)
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    listed = [f"{one.place}: {one.rule}: {one.kind}" for one in found[:MAX_LISTED]]
    if len(found) > MAX_LISTED:
        listed.append(f"and {len(found) - MAX_LISTED} more")
    return Check(
        name=name,
        group="secrets",
        outcome=Outcome.FAIL,
        reason=f"{first.place}: this looks like a credential: {first.kind}{more}.",
        remedy=remedy,
        evidence="\n".join(listed),
    )
