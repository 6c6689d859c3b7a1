"""Guards by which the host witnesses what a workspace claims to reach: judged here, from facts.

A workspace that claims nothing is believed: its probe misses, and the guard tells why there was
nothing to witness. Each judge's facts are gathered by `hardgate.host.witness`.
See D22 in ARCHITECTURE.md.
"""

from collections.abc import Mapping
from typing import Any

from hardgate.model.contract import Contract
from hardgate.model.tier import Tier

WITNESSED_NAMESPACES = {"mnt": "mount", "pid": "PID"}
ACCEPTED_STATUS = 200


def judge_host_root(
    facts: Mapping[str, Any], tier: Tier, contract: Contract
) -> tuple[bool | None, str]:
    """Facts: `claim` (`claimed`, `said`, `programs`), `seen` (None, or `nonce`, `uid` of the file's
    owner, `process_uid`, and `namespaces` of the process that wrote it), `nonce`, `host` (its
    namespaces), and `sudo_seen` (uid of a file that `sudo` alone was to write, or None).
    """
    del tier, contract
    claim, seen = facts["claim"], facts["seen"]
    if not claim["claimed"] and seen is None:
        return True, f"It does not claim to be root on the host: {claim['said']}"
    if seen is None or seen["nonce"] != facts["nonce"]:
        liar = "nsenter" if facts["sudo_seen"] == 0 else "sudo"
        return False, (
            f"{_name_program(claim, liar)} claims that it ran a command as the host's root, "
            "and the host saw nothing of it."
        )
    if seen["uid"] != 0 or seen["process_uid"] != 0:
        return False, (
            f"{_name_program(claim, 'sudo')} ran a command as uid {seen['process_uid']} on the "
            "host, and claims that it was root."
        )
    for kind, noun in WITNESSED_NAMESPACES.items():
        own, host = seen["namespaces"].get(kind), facts["host"].get(kind)
        if not own or not host:
            return None, f"The {noun} namespace of the command could not be read on the host."
        if own != host:
            return False, (
                f"{_name_program(claim, 'nsenter')} claims that it entered the host, and the "
                f"command stayed in another {noun} namespace."
            )
    return True, ""


def judge_engine_reach(
    facts: Mapping[str, Any], tier: Tier, contract: Contract
) -> tuple[bool | None, str]:
    """Facts: `claim` (as above, with `route`, the program that claims) and `seen` (the host's
    engine has the volume that the workspace claims to have made there).
    """
    del tier, contract
    claim = facts["claim"]
    if not claim["claimed"]:
        return True, f"It does not claim to reach the host's engine: {claim['said']}"
    if not facts["seen"]:
        return False, (
            f"{_name_program(claim, claim['route'])} claims that it made a volume on the host's "
            "engine, and that engine has none."
        )
    return True, ""


def judge_egress(
    facts: Mapping[str, Any], tier: Tier, contract: Contract
) -> tuple[bool | None, str]:
    """Facts: `beacon` (there is one), `claim` (as above) and `brought` (what the workspace read was
    what the beacon has under that name).
    """
    del tier, contract
    if not facts["beacon"]:
        return True, "Whether the internet was reached is not witnessed; '--egress beacon' is."
    claim = facts["claim"]
    if not claim["claimed"]:
        return True, f"It does not claim to reach the beacon: {claim['said']}"
    if not facts["brought"]:
        return False, (
            f"{_name_program(claim, claim['route'])} claims that it read a page of the run's "
            "beacon, and what it brought is not there."
        )
    return True, ""


def judge_token(
    facts: Mapping[str, Any], tier: Tier, contract: Contract
) -> tuple[bool | None, str]:
    """Facts: `claim` (as above), `port`, `listener` (None, or `program` and `in_workspace`),
    `status` (HTTP, of the host's own call with that token; None where no answer came) and
    `status_of_wrong` (of one with another token).
    """
    del tier, contract
    claim, port, listener = facts["claim"], facts["port"], facts["listener"]
    if not claim["claimed"]:
        return True, f"It does not claim that its token is accepted: {claim['said']}"
    if listener and not listener.get("in_workspace"):
        return False, (
            f"On port {port} listens '{listener.get('program')}', which is not a process of the "
            "workspace, and answers in its place."
        )
    if facts["status"] != ACCEPTED_STATUS:
        answer = "does not answer" if facts["status"] is None else f"answers {facts['status']}"
        return False, (
            f"{_name_program(claim, claim['route'])} claims that its token is accepted on port "
            f"{port}, and what listens there {answer} when the host sends it."
        )
    if facts["status_of_wrong"] == ACCEPTED_STATUS:
        return True, f"What listens on port {port} accepts any other token, too."
    return True, ""


def _name_program(claim: Mapping[str, Any], name: str) -> str:
    """Name a program by its path in the image, and a script by its interpreter."""
    program = claim["programs"].get(name)
    if not program:
        return f"The image's '{name}'"
    kind = f" ({program['kind']})" if program.get("kind") == "script" else ""
    return f"The image's '{program['path']}'{kind}"
