"""The run's own HTTPS beacon, outside the test host: reached where there is no internet.

Asked for by `--egress beacon`, and never silent: a verdict that rests on it says so.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import docker

from hardgate.host.sidecar import name_sidecar, start_sidecar
from hardgate.host.test_host import TOOLS_FOLDER
from hardgate.system.ownership import Owner

if TYPE_CHECKING:
    import trustme

BEACON_LIFE_SECONDS = 4 * 3600
"""Ends it where nobody does."""
BEACON_ROLE = "beacon"
BEACON_FOLDER = "/run/beacon"
"""What is put there is served under its name."""
BEACON_PAGE = "stats"
"""What `openssl s_server -WWW` answers by itself."""
BEACON_NOTICE = "Egress was looked at by the run's own beacon, not the internet."


@dataclass(frozen=True, kw_only=True)
class BeaconAuthority:
    """By whom the beacon is to be believed; it is there before the beacon has an address."""

    authority: "trustme.CA"
    bundle: str
    """Certificates in PEM: this authority's, and the gate's machine's."""


def make_authority() -> BeaconAuthority:
    """Make the beacon's own authority."""
    # Loaded here: cryptography is slow to load, and each play loads this module for its constants.
    import trustme  # noqa: PLC0415

    authority = trustme.CA()
    bundle = _read_ca_bundle() + authority.cert_pem.bytes().decode()
    return BeaconAuthority(authority=authority, bundle=bundle)


def start_beacon(
    client: docker.APIClient, image: str, owner: Owner, authority: BeaconAuthority
) -> str:
    """Start the beacon on the caller's engine, and give its URL; it goes with the run."""

    def make_certificate(address: str) -> bytes:
        certificate = authority.authority.issue_cert(address)
        pems = (certificate.private_key_pem, *certificate.cert_chain_pems)
        return b"".join(pem.bytes() for pem in pems)

    command = [f"{TOOLS_FOLDER}/serve-beacon", str(BEACON_LIFE_SECONDS)]
    address = start_sidecar(client, image, owner, BEACON_ROLE, command, make_input=make_certificate)
    return f"https://{address}/{BEACON_PAGE}"


def remove_beacon(client: docker.APIClient, owner: Owner) -> None:
    """Remove a run's beacon before the rest of the run."""
    client.remove_container(name_sidecar(owner, BEACON_ROLE), v=True, force=True)


def _read_ca_bundle() -> str:
    """Give what this machine itself believes, so that other targets still can be reached."""
    for path in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"):
        if Path(path).is_file():
            return Path(path).read_text()
    return ""
