"""`hardgate reap`: what dead runs left, or one run by its id, is removed."""

from collections.abc import Sequence

from hardgate.cli.parser import Parser
from hardgate.engine import reaper
from hardgate.engine.client import find_engine


def main(words: Sequence[str]) -> int:
    """Remove, and say what was removed."""
    parser = Parser("reap", "Remove what dead runs left behind, and only that.")
    parser.add_argument("--run", metavar="ID", help="remove this run, dead or kept")
    values = parser.read(words)
    client = find_engine().client()
    removed = reaper.remove_run(client, values.run) if values.run else reaper.reap(client)
    for thing in removed:
        print(f"Removed {thing}.")
    if not removed:
        print("There was nothing to remove.")
    return 0
