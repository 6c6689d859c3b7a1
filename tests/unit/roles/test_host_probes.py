"""The module that runs on a host, here run on this one: users, time, output, and who is ended."""

import ast
import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from hardgate.resources import ROLES

MODULE = ROLES / "host_contract" / "library" / "host_probes.py"
OLDEST_PYTHON = (3, 9)
DRIVER = """
import importlib.util, json, sys
spec = importlib.util.spec_from_file_location("host_probes", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.TRAP_SECONDS = 1.0
module.become_subreaper()
told = json.load(sys.stdin)
print(json.dumps(module.observe_host_probes(told["probes"], told["variables"])))
"""
"""In a process of its own: what becomes a reaper here stays one."""

SELF = pwd.getpwuid(os.getuid()).pw_name
is_root = pytest.mark.skipif(os.getuid() != 0, reason="It takes root to become somebody else.")


def probe(script: str, **changes: Any) -> dict[str, Any]:
    """Make a probe of a script."""
    usual = {"name": "it", "id": "run-1", "user": SELF, "timeout": 20.0, "rerun": True}
    return {**usual, "script": script, **changes}


def observe_host_probes(*probes: dict[str, Any], **variables: str) -> list[dict[str, Any]]:
    """Run probes as the module does."""
    ran = subprocess.run(
        [sys.executable, "-c", DRIVER, str(MODULE)],
        input=json.dumps({"probes": probes, "variables": variables}),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        env={**os.environ, "SECRET_OF_THE_CALLER": "abc"},
    )
    return list(json.loads(ran.stdout))


def observe(script: str, **changes: Any) -> dict[str, Any]:
    """Run one, and give its observation."""
    (seen,) = observe_host_probes(probe(script, **changes))
    return seen


def is_gone(pid: str) -> bool:
    deadline = time.monotonic() + 3
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_the_module_is_written_for_the_oldest_python_that_hosts_have() -> None:
    ast.parse(MODULE.read_text(), feature_version=OLDEST_PYTHON)


def test_a_probe_finds_a_clean_environment_and_what_is_its_own() -> None:
    (seen,) = observe_host_probes(probe("env; pwd; umask"), HARDGATE_DISK_MIB="5 {{ x }}")
    lines = seen["execution"]["stdout"].splitlines()
    user = pwd.getpwnam(SELF)
    assert sorted(lines) == sorted(
        [
            f"HOME={user.pw_dir}",
            f"USER={SELF}",
            f"LOGNAME={SELF}",
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LANG=C.UTF-8",
            "PWD=/",
            "HARDGATE_DISK_MIB=5 {{ x }}",
            "MOLECULE_T4_PROBE_ID=run-1",
            "/",
            "0022",
        ]
    )


@is_root
def test_a_probe_is_its_user_with_that_users_groups_alone() -> None:
    seen = observe("id -u; id -G; grep ^CapEff /proc/self/status", user="nobody")
    user = pwd.getpwnam("nobody")
    groups = " ".join(map(str, os.getgrouplist("nobody", user.pw_gid)))
    assert seen["execution"]["stdout"].splitlines() == [
        str(user.pw_uid),
        groups,
        "CapEff:\t0000000000000000",
    ]


def test_a_user_that_the_host_has_not_is_a_problem_and_no_miss() -> None:
    assert observe("exit 0", user="no-such-user") == {
        "name": "it",
        "problem": "This host has no user 'no-such-user'.",
    }


@pytest.mark.parametrize(("script", "status"), [("exit 37", 37), ("kill -9 $$", 137), ("true", 0)])
def test_how_a_probe_ended_is_told_as_a_shell_tells_it(script: str, status: int) -> None:
    assert observe(f"echo x; {script}")["execution"]["exit_status"] == status


def test_what_is_no_text_comes_through_as_well_as_it_can() -> None:
    execution = observe(r"printf '\377\000\033[1m{{ x }}{%% y %%}'; exit 1")["execution"]
    assert execution["stdout"] == "\ufffd\0\x1b[1m{{ x }}{% y %}"


def test_a_silent_failure_is_run_once_more_and_traced() -> None:
    seen = observe("[ 1 = 2 ]")
    assert seen["execution"]["stderr"] == ""
    assert seen["rerun"]["stderr"] == "+ [ 1 = 2 ]\n"
    assert "'sh -x' alone" in seen["rerun"]["problem"]


@pytest.mark.parametrize(
    ("script", "changes"), [("false", {"rerun": False}), ("echo no; false", {}), ("true", {})]
)
def test_nothing_else_is_run_twice(script: str, changes: dict[str, Any]) -> None:
    assert "rerun" not in observe(script, **changes)


def test_a_flood_is_cut_and_not_waited_for() -> None:
    execution = observe("yes | head -c 5000000; yes no | head -c 70000 >&2")["execution"]
    assert (len(execution["stdout"]), len(execution["stderr"])) == (65536, 65536)
    assert execution["truncated"]


def test_all_probes_together_tell_no_more_than_a_connection_carries() -> None:
    told = observe_host_probes(*[probe("yes | head -c 200000")] * 20)
    sizes = [len(one["execution"]["stdout"]) for one in told]
    assert (sizes[0], sizes[-1]) == (65536, 2048)
    assert sum(sizes) < 1024 * 1024 + 20 * 2048


def test_a_probe_over_its_time_is_ended_with_what_left_its_group() -> None:
    seen = observe(
        "trap 'echo cleaned >&2; exit 4' TERM;"
        "setsid sh -c 'echo $$; (setsid sh -c \"echo \\$\\$; exec sleep 97\" &) ; exec sleep 97' &"
        "sleep 97",
        timeout=4.0,  # long enough for two shells to start beside whatever else is at work
    )
    execution = seen["execution"]
    assert execution["timed_out"]
    assert 3.9 < execution["seconds"] < 40
    assert "cleaned" in execution["stderr"]
    pids = execution["stdout"].split()
    assert len(pids) == 2
    assert all(is_gone(pid) for pid in pids)


def test_one_that_ignores_the_signal_is_ended_all_the_same() -> None:
    seen = observe("trap '' TERM; echo $$; while :; do sleep 97; done", timeout=0.5)
    assert seen["execution"]["timed_out"]
    assert is_gone(seen["execution"]["stdout"].strip())


def test_what_a_probe_leaves_behind_is_ended_and_not_waited_for() -> None:
    begun = time.monotonic()
    seen = observe("setsid sleep 97 & echo $!; (setsid sh -c 'exec sleep 97' &)")
    assert time.monotonic() - begun < 60  # it sleeps for 97
    assert seen["execution"]["exit_status"] == 0
    assert is_gone(seen["execution"]["stdout"].strip())


def test_one_that_waits_without_a_word_is_watched_once_more() -> None:
    seen = observe("sleep 97", timeout=0.5)
    assert seen["rerun"]["timed_out"]
    assert "+ sleep 97" in seen["rerun"]["stderr"]
