"""The platform's double: it answers a workspace that gets its token by registering.

Never silent: every report of a run that used it says so.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import docker

from hardgate.engine.ownership import Owner
from hardgate.host.sidecar import start_beside
from hardgate.host.test_host import TOOLS

LIFE_SECONDS = 4 * 3600
URL, ID = "PLATFORM_URL", "WORKSPACE_ID"
NOTICE = "The workspace was given hardgate's own platform double to register with, not a platform."


@dataclass(frozen=True, kw_only=True)
class Double:
    """What a workspace is told, and what must not be seen."""

    environment: Mapping[str, str]
    token: str


def open_double(
    client: docker.APIClient, image: str, owner: Owner, given: Mapping[str, str]
) -> Double:
    """Start it; what the caller gave the workspace by `--env` stays."""
    token = secrets.token_hex(24)
    _, address = start_beside(
        client,
        image,
        owner,
        "platform",
        [f"{TOOLS}/serve-platform", str(LIFE_SECONDS)],
        {"PLATFORM_TOKEN": token},
    )
    told = {URL: f"http://{address}:8080", ID: f"hardgate-{owner.run}"}
    return Double(environment=told | dict(given), token=token)
