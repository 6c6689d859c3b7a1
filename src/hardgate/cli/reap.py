"""`hardgate reap`: what dead runs left, or one run by its id, is removed."""

import argparse
from collections.abc import Iterable, Sequence

import docker

from hardgate.cli.parser import CommandParser
from hardgate.engine import reaper
from hardgate.engine.client import find_engine
from hardgate.engine.image_reaper import reap_images
from hardgate.errors import UsageError


def main(argv: Sequence[str]) -> int:
    """Remove, and say what was removed."""
    parser = CommandParser("reap", "Remove what dead runs left behind, and nothing else.")
    parser.add_argument("--run", metavar="ID", help="remove the run with this id, dead or kept")
    parser.add_argument(
        "--images", action="store_true", help="remove old images that the gate built, too"
    )
    parser.add_argument(
        "--older-than",
        type=float,
        default=14,
        metavar="DAYS",
        help="with --images: remove those built more than this many days ago (default: 14)",
    )
    parser.add_argument(
        "--keep-mib",
        type=float,
        metavar="MIB",
        help="with --images: remove the oldest until the rest takes at most this many MiB",
    )
    values = parser.parse_argv(argv)
    if values.images and values.run:
        raise UsageError("Images belong to no run.", "Use '--images' or '--run', not both.")
    client = find_engine().open_client()
    removed = tuple(_remove(client, values))
    for removal in removed:
        print(f"Removed {removal}.")
    if not removed:
        print("There was nothing to remove.")
    return 0


def _remove(client: docker.APIClient, values: argparse.Namespace) -> Iterable[str]:
    if values.images:
        return reap_images(client, older_days=values.older_than, keep_mib=values.keep_mib)
    if values.run:
        return reaper.remove_run_debris(client, values.run)
    return reaper.reap_debris(client)
