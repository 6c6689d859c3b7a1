"""`hardgate init`: a noxfile and a workflow for somebody's own template."""

from collections.abc import Sequence

from hardgate.cli.parser import Parser
from hardgate.pipeline.scaffold.write import write_starters
from hardgate.pipeline.template import FORGES, Template

CHOICES = tuple(forge.lstrip(".") for forge in FORGES)


def main(words: Sequence[str]) -> int:
    """Write what is missing, never over an existing file, and say what was done."""
    parser = Parser("init", "Write a noxfile and workflows into a template; never over a file.")
    parser.add_argument("--context", metavar="DIR", default=".", help="the template (default: .)")
    parser.add_argument(
        "--forge",
        action="append",
        choices=CHOICES,
        help="repeatable; default: those that there is a folder for, else github and gitea",
    )
    values = parser.read(words)
    root = Template.find(values.context).root
    there = tuple(name for name in CHOICES if (root / f".{name}" / "workflows").is_dir())
    forges = tuple(values.forge or there or ("github", "gitea"))
    for written in write_starters(root, forges):
        print(f"{written.file}: {written.told}")
    print("Next: 'nox -s validate' (or 'pipx run nox -s validate'), and commit what was written.")
    return 0
