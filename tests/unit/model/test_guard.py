"""Guards: what each makes of the facts."""

import json
from pathlib import Path
from typing import Any

import pytest

from hardgate.model.contract import Contract
from hardgate.model.guard import GUARDS, GuardResult
from hardgate.model.tier import load_tiers
from hardgate.resources import CONTRACTS

TIERS = load_tiers(CONTRACTS / "tiers.yaml")
CONTRACT = Contract(origin="x", sha256="0" * 64, version=1, agent_uid=1000, capabilities=())
BY_NAME = {guard.name: guard for guard in GUARDS}
RECORDED = Path(__file__).parents[1] / "recorded"


def ask(name: str, facts: dict[str, Any], tier: int = 4) -> GuardResult:
    return BY_NAME[name].judge(facts, TIERS[tier], CONTRACT)


def settings(*warnings: str, volumes: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    inspect = json.loads((RECORDED / "engine_26_tier_4.json").read_text(encoding="utf-8"))
    inspect["HostConfig"] |= changes
    return {"inspect": inspect, "warnings": list(warnings), "cpus": 2, "volumes": list(volumes)}


DISCARDED = (
    "Your kernel does not support memory limit capabilities or the cgroup is not mounted. "
    "Limitation discarded."
)
WITHOUT_SWAP = (
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
    "Memory limited without swap."
)


@pytest.mark.parametrize(
    ("facts", "held", "reason"),
    [
        (settings(), True, ""),
        (settings(volumes=("/configs", "/workspace")), True, ""),
        (settings(volumes=("/agent-home",)), False, "lacks the volume at '/agent-home'"),
        (settings(PidMode=""), False, "PidMode is ''"),
        (settings(Memory=0), False, "Memory (bytes) is unlimited"),
        (settings(DISCARDED, Memory=0), None, "discarded a setting: Your kernel"),
        (settings(DISCARDED), None, "discarded a setting"),
        (settings(DISCARDED, Memory=0, PidMode=""), False, "PidMode is ''"),
        (settings(WITHOUT_SWAP), True, "Memory limited without swap."),
        (settings(WITHOUT_SWAP, Memory=0), False, "Memory (bytes) is unlimited"),
        (settings(WITHOUT_SWAP, DISCARDED, Memory=0), None, "Limitation discarded."),
    ],
)
def test_settings_are_the_tiers_or_the_engine_could_not_keep_them(
    facts: dict[str, Any], held: bool | None, reason: str
) -> None:
    answer = ask("workspace_settings_match_tier", facts)
    assert answer[0] is held
    assert reason in answer[1]


def test_settings_are_judged_without_a_word_on_further_volumes() -> None:
    facts = settings()
    del facts["volumes"]
    assert ask("workspace_settings_match_tier", facts) == (True, "")


@pytest.mark.parametrize(
    ("facts", "answer"),
    [
        ({"ready": True, "seconds": 1.0, "missing": ""}, (True, "")),
        ({"ready": True, "seconds": 1.0, "missing": "stale words"}, (True, "")),
        ({"ready": False, "seconds": 9, "missing": "No token."}, (False, "No token.")),
    ],
)
def test_a_workspace_is_ready_or_something_is_missing(
    facts: dict[str, Any], answer: GuardResult
) -> None:
    assert ask("workspace_became_ready", facts) == answer


STATE = {
    "id": "a",
    "started_at": "t",
    "restart_count": 0,
    "running": True,
    "exit_status": 0,
    "oom_killed": False,
}


def ended(status: int, **changes: Any) -> dict[str, Any]:
    return {**STATE, "running": False, "exit_status": status, **changes}


@pytest.mark.parametrize(
    ("after", "held", "reason"),
    [
        (STATE, True, ""),
        (None, None, "removed by somebody else"),
        (ended(0), False, "ended by itself, with exit status 0."),
        (ended(1), False, "ended by itself, with exit status 1."),
        (ended(128), False, "ended by itself, with exit status 128."),
        (ended(137), None, "ended by SIGKILL; nobody saw by whom."),
        (ended(143), None, "ended by SIGTERM; nobody saw by whom."),
        (ended(130), None, "ended by SIGINT; nobody saw by whom."),
        (ended(139), False, "ended by itself, with exit status 139."),  # SIGSEGV
        (ended(134), False, "ended by itself, with exit status 134."),  # SIGABRT
        (ended(255), False, "ended by itself, with exit status 255."),  # exit -1
        (ended(137, oom_killed=True), False, "killed for lack of memory."),
        ({**STATE, "oom_killed": True}, True, "A process in it was killed for lack of memory."),
        ({**STATE, "id": "b"}, False, "is another container since"),
        ({**STATE, "started_at": "u"}, False, "was started anew since"),
        ({**STATE, "restart_count": 1}, False, "was restarted since"),
    ],
)
def test_a_workspace_keeps_running_or_ends_by_itself_or_nobody_can_tell(
    after: dict[str, Any] | None, held: bool | None, reason: str
) -> None:
    answer = ask("workspace_kept_running", {"before": STATE, "after": after})
    assert answer[0] is held
    assert reason in answer[1]


def test_nobody_can_tell_what_a_workspace_did_that_was_never_seen() -> None:
    assert ask("workspace_kept_running", {"before": None, "after": STATE})[0] is None


def process(pid: int, ppid: int, uid: int, command: str) -> dict[str, Any]:
    return {"pid": pid, "ppid": ppid, "uid": uid, "command": command}


ROOT_CHILD = process(12, 10, 0, "cron")


@pytest.mark.parametrize(
    ("processes", "held", "reason"),
    [
        ([process(10, 1, 1000, "python3")], True, ""),
        ([process(10, 1, 0, "python3")], False, "'python3' runs as uid 0, not 1000"),
        ([process(10, 1, 1001, "python3")], False, "'python3' runs as uid 1001, not 1000"),
        ([process(10, 1, 0, "tini"), process(11, 10, 1000, "node")], True, ""),
        ([process(10, 1, 1000, "tini"), process(11, 10, 1000, "node")], True, ""),
        ([process(10, 1, 0, "dumb-init"), process(11, 10, 0, "node")], False, "'node' runs as"),
        ([process(10, 1, 0, "tini"), process(11, 10, 1000, "node"), ROOT_CHILD], False, "'cron'"),
        ([process(10, 1, 0, "tini")], False, "has started no workload"),
        ([process(10, 1, 0, "sh"), process(11, 10, 1000, "node")], False, "'sh' runs as uid 0"),
        (
            # What the workload starts is its own affair: here by sudo, on purpose.
            [process(10, 1, 1000, "node"), process(11, 10, 0, "sudo")],
            True,
            "",
        ),
        (
            [
                process(10, 1, 0, "s6-svscan"),
                process(11, 10, 0, "s6-supervise"),
                process(12, 11, 1000, "node"),
                process(13, 10, 0, "s6-supervise"),
                process(14, 13, 0, "s6-linux-init-s"),
            ],
            True,
            "",
        ),
        (
            [
                process(10, 1, 0, "s6-svscan"),
                process(11, 10, 0, "s6-supervise"),
                process(12, 11, 0, "node"),
            ],
            False,
            "'node' runs as uid 0",
        ),
        (
            [
                process(10, 1, 0, "tini"),
                process(11, 10, 1000, "node"),
                process(12, 10, 0, "sh <defunct>"),
            ],
            True,
            "",
        ),
        ([process(99, 1, 1000, "other")], None, "is not among the processes"),
        ([], None, "is not among the processes"),
    ],
)
def test_the_workload_is_the_agents_or_somebody_elses(
    processes: list[dict[str, Any]], held: bool | None, reason: str
) -> None:
    answer = ask("workload_runs_as_agent_uid", {"init": 10, "processes": processes})
    assert answer[0] is held
    assert reason in answer[1]


def newer(process: dict[str, Any], *ports: int, is_init: bool | None = False) -> dict[str, Any]:
    return {**process, "is_init": is_init, "listening": list(ports)}


MAIN = newer(process(10, 1, 1000, "python3"), 8080)


@pytest.mark.parametrize(
    ("processes", "token_uid", "held", "reason"),
    [
        ([MAIN], 1000, True, ""),
        ([MAIN], None, True, ""),
        ([MAIN], 0, False, "the token belongs to uid 0, not 1000"),
        (
            [MAIN, newer(process(11, 10, 0, "sshd"), 22)],
            1000,
            False,
            "'sshd' listens on port 22 as uid 0",
        ),
        ([MAIN, newer(process(11, 10, 0, "cron"))], 1000, True, "As root run, too: 'cron'."),
        # Orphans go to the machine's own init where the PID namespace is the host's.
        ([MAIN, newer(process(11, 1, 0, "cron"))], 1000, True, "As root run, too: 'cron'."),
        ([MAIN, newer(process(11, 1, 1000, "node"), 9000)], 1000, True, ""),
        # A process may call itself by any name: its executable tells.
        (
            [newer(process(10, 1, 0, "tini"), 8080), newer(process(11, 10, 1000, "sleep"))],
            1000,
            False,
            "'tini' runs as uid 0, not 1000",
        ),
        (
            [
                newer(process(10, 1, 0, "renamed"), is_init=True),
                newer(process(11, 10, 1000, "node"), 8080),
            ],
            1000,
            True,
            "",
        ),
        (
            [
                newer(process(10, 1, 0, "tini"), is_init=None),
                newer(process(11, 10, 1000, "node"), 8080),
            ],
            1000,
            True,
            "",
        ),
    ],
)
def test_whoever_listens_and_owns_the_token_is_the_agent(
    processes: list[dict[str, Any]], token_uid: int | None, held: bool, reason: str
) -> None:
    facts = {"init": 10, "processes": processes, "token_uid": token_uid}
    answer = ask("workload_runs_as_agent_uid", facts)
    assert answer[0] is held
    assert reason in answer[1]
    assert answer[1] or not reason


@pytest.mark.parametrize(
    ("exit_status", "answer", "held"),
    [
        (37, "n", True),
        (37, "", False),
        (37, "m", False),
        (0, "n", False),
        (127, "", False),
        (None, "n", None),
    ],
)
def test_a_shell_is_honest_in_its_status_and_its_words(
    exit_status: int | None, answer: str, held: bool | None
) -> None:
    facts = {"exit_status": exit_status, "nonce": "n", "answer": answer}
    assert ask("workspace_shell_is_honest", facts)[0] is held


@pytest.mark.parametrize(
    ("workspace", "host", "tier", "held"),
    [
        ("1", "1", 4, True),
        ("2", "1", 4, False),
        ("2", "1", 2, True),
        ("1", "1", 2, False),
        ("", "1", 4, None),
        ("1", "", 4, None),
        ("", "", 2, None),
    ],
)
def test_the_pid_namespace_is_the_hosts_where_the_tier_says_so(
    workspace: str, host: str, tier: int, held: bool | None
) -> None:
    facts = {"workspace": workspace, "host": host}
    assert ask("pid_namespace_matches_tier", facts, tier)[0] is held


@pytest.mark.parametrize(
    ("claimed", "seen", "held", "reason"),
    [
        (True, "n", True, ""),
        (True, None, False, "the host has no such file"),
        (True, "m", False, "the host has no such file"),
        (False, None, False, "could not write to the host's disk: denied"),
        (False, "n", False, "could not write to the host's disk: denied"),
    ],
)
def test_what_is_written_to_the_host_is_on_the_host(
    claimed: bool, seen: str | None, held: bool, reason: str
) -> None:
    facts = {"claimed": claimed, "said": "denied", "path": "/tmp/f", "nonce": "n", "seen": seen}
    answer = ask("host_writes_are_real", facts)
    assert answer[0] is held
    assert reason in answer[1]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_every_guard_says_what_must_hold_and_what_to_do(guard: Any) -> None:
    assert guard.description.endswith(".")
    assert guard.hint.endswith((".", "?"))
