"""Guards that witness: what each makes of a claim, and of what the host saw."""

from typing import Any

import pytest

from hardgate.model.contract import Contract
from hardgate.model.guard import GUARDS, GuardResult
from hardgate.model.tier import load_tiers
from hardgate.resources import CONTRACTS

TIERS = load_tiers(CONTRACTS / "tiers.yaml")
CONTRACT = Contract(origin="x", sha256="0" * 64, version=1, agent_uid=1000, capabilities=())
BY_NAME = {guard.name: guard for guard in GUARDS}
WITNESSES = ("host_root_is_real", "engine_reach_is_real", "egress_is_real", "token_is_accepted")


def ask(name: str, facts: dict[str, Any]) -> GuardResult:
    return BY_NAME[name].judge(facts, TIERS[4], CONTRACT)


def claim(*, claimed: bool = True, route: str = "curl", **programs: Any) -> dict[str, Any]:
    return {"claimed": claimed, "said": "no such file.", "programs": programs, "route": route}


def script(path: str) -> dict[str, Any]:
    return {"path": path, "kind": "script", "interpreter": "/bin/sh"}


HOST = {"mnt": "1", "pid": "2"}
SEEN = {"nonce": "n", "uid": 0, "process_uid": 0, "namespaces": HOST}


@pytest.mark.parametrize(
    ("claimed", "seen", "sudo_seen", "held", "reason"),
    [
        (True, SEEN, None, True, ""),
        # The shell's status may be swallowed: what the host sees counts.
        (False, SEEN, None, True, ""),
        (False, None, None, True, "does not claim to be root on the host: no such file."),
        (True, None, 0, False, "'/usr/bin/nsenter' (script) claims"),
        (True, None, None, False, "'/usr/bin/sudo' (script) claims"),
        (True, None, 1000, False, "'/usr/bin/sudo' (script) claims"),
        (True, SEEN | {"nonce": "m"}, 0, False, "the host saw nothing of it."),
        (True, SEEN | {"uid": 1000}, None, False, "and claims that it was root."),
        (True, SEEN | {"process_uid": 1000}, None, False, "ran a command as uid 1000 on the host"),
        (True, SEEN | {"process_uid": None}, None, False, "ran a command as uid None"),
        (True, SEEN | {"namespaces": HOST | {"mnt": "9"}}, None, False, "another mount namespace."),
        (True, SEEN | {"namespaces": HOST | {"pid": "9"}}, None, False, "another PID namespace."),
        (True, SEEN | {"namespaces": HOST | {"pid": ""}}, None, None, "could not be read"),
    ],
)
def test_root_on_the_host_is_seen_there(
    claimed: bool, seen: Any, sudo_seen: int | None, held: bool | None, reason: str
) -> None:
    programs: dict[str, Any] = {name: script(f"/usr/bin/{name}") for name in ("sudo", "nsenter")}
    facts = {
        "claim": claim(claimed=claimed, **programs),
        "seen": seen,
        "nonce": "n",
        "host": HOST,
        "sudo_seen": sudo_seen,
    }
    answer = ask("host_root_is_real", facts)
    assert answer[0] is held
    assert reason in answer[1]


@pytest.mark.parametrize(
    ("claimed", "seen", "held", "reason"),
    [
        (True, True, True, ""),
        (False, False, True, "does not claim to reach the host's engine: no such file."),
        (True, False, False, "The image's '/usr/bin/docker' (script) claims that it made a volume"),
    ],
)
def test_an_engine_that_is_reached_has_what_was_made_there(
    claimed: bool, seen: bool, held: bool, reason: str
) -> None:
    told = claim(claimed=claimed, route="docker", docker=script("/usr/bin/docker"))
    answer = ask("engine_reach_is_real", {"claim": told, "seen": seen})
    assert answer[0] is held
    assert reason in answer[1]


@pytest.mark.parametrize(
    ("facts", "held", "reason"),
    [
        ({"beacon": False}, True, "'--egress beacon' is."),
        ({"beacon": True, "claim": claim(), "brought": True}, True, ""),
        ({"beacon": True, "claim": claim(), "brought": False}, False, "The image's 'curl' claims"),
        (
            {"beacon": True, "claim": claim(claimed=False), "brought": False},
            True,
            "does not claim to reach the beacon",
        ),
    ],
)
def test_what_is_read_of_the_beacon_stands_there(
    facts: dict[str, Any], held: bool, reason: str
) -> None:
    answer = ask("egress_is_real", facts)
    assert answer[0] is held
    assert reason in answer[1]


OWN = {"port": 8080, "program": "python3", "in_workspace": True}


@pytest.mark.parametrize(
    ("claimed", "listener", "status", "wrong", "held", "reason"),
    [
        (True, OWN, 200, 401, True, ""),
        (True, None, 200, 401, True, ""),
        (True, OWN, 200, 200, True, "accepts any other token, too."),
        (True, OWN, 401, 401, False, "answers 401 when the host sends it."),
        (True, OWN, None, None, False, "does not answer when the host sends it."),
        (True, OWN | {"in_workspace": False}, 200, 401, False, "is not a process of the workspace"),
        (False, None, None, None, True, "does not claim that its token is accepted"),
    ],
)
def test_a_token_is_accepted_from_the_host_too(
    claimed: bool,
    listener: Any,
    status: int | None,
    wrong: int | None,
    held: bool,
    reason: str,
) -> None:
    facts = {
        "claim": claim(claimed=claimed),
        "port": 8080,
        "listener": listener,
        "status": status,
        "status_of_wrong": wrong,
    }
    answer = ask("token_is_accepted", facts)
    assert answer[0] is held
    assert reason in answer[1]


@pytest.mark.parametrize("name", WITNESSES)
def test_only_a_tier_that_gets_the_host_is_witnessed(name: str) -> None:
    assert [number for number, tier in TIERS.items() if BY_NAME[name].applies_to(tier)] == [4]
