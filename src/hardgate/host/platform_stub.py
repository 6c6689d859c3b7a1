"""The platform's double: it answers a workspace that gets its token by registering.

Never silent: every report of a run that used it says so.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import docker

from hardgate.host.sidecar import start_sidecar
from hardgate.host.test_host import TOOLS_FOLDER
from hardgate.system.ownership import Owner

STUB_LIFE_SECONDS = 4 * 3600
URL_VARIABLE, ID_VARIABLE = "PLATFORM_URL", "WORKSPACE_ID"
STUB_ROLE, SECOND_STUB_ROLE = "platform", "platform-second"
"""Each check on a host has a platform, and a token, of its own."""
STUB_NOTICE = (
    "The workspace was given hardgate's own platform double to register with, not a platform."
)


@dataclass(frozen=True, kw_only=True)
class PlatformStub:
    """What a workspace is told, and what must not be seen."""

    environment: Mapping[str, str]
    token: str


def start_platform_stub(
    client: docker.APIClient,
    image: str,
    owner: Owner,
    given: Mapping[str, str],
    role: str = STUB_ROLE,
) -> PlatformStub:
    """Start it; what the caller gave the workspace by `--env` stays."""
    token = secrets.token_hex(24)
    address = start_sidecar(
        client,
        image,
        owner,
        role,
        [f"{TOOLS_FOLDER}/serve-platform", str(STUB_LIFE_SECONDS)],
        environment={"PLATFORM_TOKEN": token},
    )
    variables = {URL_VARIABLE: f"http://{address}:8080", ID_VARIABLE: f"hardgate-{owner.run}"}
    return PlatformStub(environment=variables | dict(given), token=token)
