"""`hardgate init`: the gate's files for somebody's own template, or a whole new template."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.parser import CommandParser
from hardgate.errors import UsageError
from hardgate.pipeline.hardgate_source import HardgateSource, find_source
from hardgate.pipeline.scaffold.write import (
    FileChange,
    apply_change,
    find_kept_requirement,
    make_starter_files,
    make_template_files,
    plan_new_files,
    plan_update,
)
from hardgate.pipeline.template import FORGE_FOLDERS, Template
from hardgate.system.git import find_repository_root

FORGE_CHOICES = tuple(forge.lstrip(".") for forge in FORGE_FOLDERS)


def main(argv: Sequence[str]) -> int:
    """Write what is missing, or update what an earlier init wrote, and print what was done."""
    values = _make_parser().parse_argv(argv)
    source = _choose_source(values)
    if values.new:
        Path(values.context).mkdir(parents=True, exist_ok=True)
    root = Template.from_folder(values.context).root
    existing = tuple(name for name in FORGE_CHOICES if (root / f".{name}" / "workflows").is_dir())
    forges = tuple(values.forge or existing or ("github", "gitea"))
    starters = make_starter_files(forges, source.requirement)
    if values.update:
        changes = list(plan_update(root, starters))
        if not _confirm_update(changes, yes=values.yes):
            return 0
        return _apply_changes(root, changes)
    if values.new:
        _apply_changes(
            Path(values.context), list(plan_new_files(Path(values.context), make_template_files()))
        )
    _apply_changes(root, list(plan_new_files(root, starters)))
    if source.notice:
        print(f"Notice: {source.notice}")
    _print_next_steps(values.context)
    return 0


def _make_parser() -> CommandParser:
    parser = CommandParser(
        "init", "Write a noxfile and workflows into a template. No file of yours is overwritten."
    )
    parser.add_argument(
        "--context", metavar="DIR", default=".", help="folder of the template (default: .)"
    )
    parser.add_argument(
        "--forge",
        action="append",
        choices=FORGE_CHOICES,
        help="forge to write workflows for; may be repeated (default: the forges whose folder "
        "exists, else github and gitea)",
    )
    parser.add_argument(
        "--source",
        metavar="REQUIREMENT",
        help="where the noxfile installs hardgate from (default: the source of this installation)",
    )
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--new",
        action="store_true",
        help="write a whole template too: image, entrypoint, adapter, tests",
    )
    group.add_argument(
        "--update",
        action="store_true",
        help="update the files of an earlier init; the difference is shown first",
    )
    parser.add_argument("--yes", action="store_true", help="with --update: write without asking")
    return parser


def _choose_source(values: argparse.Namespace) -> HardgateSource:
    """Find a source, where one is to be written; an update keeps the noxfile's if it has to."""
    folder = Path(values.context)
    root = find_repository_root(folder) or folder
    if not values.update and not values.source and (root / "noxfile.py").exists():
        return HardgateSource(requirement="")
    if not values.update or values.source:
        return find_source(values.source)
    kept = find_kept_requirement(Template.from_folder(values.context).root)
    try:
        return find_source()
    except UsageError:
        if not kept:
            raise
        return HardgateSource(requirement=kept)


def _confirm_update(changes: Sequence[FileChange], *, yes: bool) -> bool:
    """Show what would change, and ask; without a terminal '--yes' answers."""
    pending = [change for change in changes if change.is_pending]
    for change in pending:
        print(change.format_diff())
    if not pending or yes:
        return True
    if sys.stdin.isatty():
        return input("Write this? [y/N] ").strip().lower() in {"y", "yes"}
    print("Nothing was written. Repeat it with '--yes' to write this.")
    return False


def _apply_changes(root: Path, changes: Sequence[FileChange]) -> int:
    for change in changes:
        if change.is_pending:
            apply_change(root, change)
        print(f"{change.file}: {change.status}")
    return 0


def _print_next_steps(context: str) -> None:
    if find_repository_root(Path(context)) is None:
        print("Next: 'git init', then commit what was written: a result belongs to a commit.")
    print("Next: 'nox -s validate' (or 'pipx run nox -s validate'), and commit what was written.")
