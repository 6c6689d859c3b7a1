"""`hardgate reap`: what dead runs left, or one run by its id, is removed."""

from collections.abc import Sequence

from hardgate.cli.parser import CommandParser
from hardgate.engine import reaper
from hardgate.engine.client import find_engine


def main(argv: Sequence[str]) -> int:
    """Remove, and say what was removed."""
    parser = CommandParser("reap", "Remove what dead runs left behind, and only that.")
    parser.add_argument("--run", metavar="ID", help="remove this run, dead or kept")
    values = parser.parse_argv(argv)
    client = find_engine().open_client()
    removed = (
        reaper.remove_run_debris(client, values.run) if values.run else reaper.reap_debris(client)
    )
    for removal in removed:
        print(f"Removed {removal}.")
    if not removed:
        print("There was nothing to remove.")
    return 0
