"""`hardgate init`: a noxfile and a workflow for somebody's own template."""

from collections.abc import Sequence

from hardgate.cli.parser import CommandParser
from hardgate.pipeline.scaffold.write import write_starters
from hardgate.pipeline.template import FORGE_FOLDERS, Template

FORGE_CHOICES = tuple(forge.lstrip(".") for forge in FORGE_FOLDERS)


def main(argv: Sequence[str]) -> int:
    """Write what is missing, never over an existing file, and say what was done."""
    parser = CommandParser(
        "init", "Write a noxfile and workflows into a template; never over a file."
    )
    parser.add_argument("--context", metavar="DIR", default=".", help="the template (default: .)")
    parser.add_argument(
        "--forge",
        action="append",
        choices=FORGE_CHOICES,
        help="repeatable; default: those that there is a folder for, else github and gitea",
    )
    values = parser.parse_argv(argv)
    root = Template.from_folder(values.context).root
    existing = tuple(name for name in FORGE_CHOICES if (root / f".{name}" / "workflows").is_dir())
    forges = tuple(values.forge or existing or ("github", "gitea"))
    for written in write_starters(root, forges):
        print(f"{written.file}: {written.status}")
    print("Next: 'nox -s validate' (or 'pipx run nox -s validate'), and commit what was written.")
    return 0
