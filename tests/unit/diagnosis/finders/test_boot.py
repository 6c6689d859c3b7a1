"""Why a workspace ended: recorded ends of real containers, and lines that real programs print."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hardgate.diagnosis.analysis.failed_probe import FailedProbe
from hardgate.diagnosis.analysis.rules import load_rules
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.diagnosis.reason import find_reason
from hardgate.diagnosis.root_cause import group_root_causes
from hardgate.model.observation import Observation
from hardgate.model.verdict import Outcome, Reason, judge_plan
from tests.unit import runs

RECORDED: Mapping[str, Any] = json.loads(
    (Path(__file__).parents[2] / "recorded" / "boot_ends.json").read_text(encoding="utf-8")
)
"""Containers that were really started and ended, as `describe_end` saw them (Debian trixie)."""

PRINTED = {
    "set: Illegal option -o pipefail": "boot_pipefail",
    "/boot.sh: 3: Bad substitution": "boot_pipefail",
    "/boot.sh: line 2: set: pipefail\r: invalid option name": "boot_crlf",
    "standard_init_linux.go:228: exec user process caused: exec format error": "boot_architecture",
    "exec /boot.sh: no such file or directory": "boot_interpreter_missing",
    'error: failed switching to "coder": unable to find user coder: no matching entries in passwd '
    "file": "boot_user_unknown",
    "su-exec: getpwnam(coder): Success": "boot_user_unknown",
    "chown: unknown user/group coder:coder": "boot_user_unknown",
    'error: failed switching to "agent": operation not permitted': "boot_drop_refused",
    "su-exec: setgroups(1000): Operation not permitted": "boot_drop_refused",
    "sudo: a password is required": "boot_sudo",
    'sudo: The "no new privileges" flag is set, which prevents sudo from running as root.': (
        "boot_sudo"
    ),
    "Error: Cannot find module '/app/server.js'": "boot_module_missing",
    "Error: Could not find or load main class org.example.Main": "boot_module_missing",
    "/app/server: error while loading shared libraries: libssl.so.1.1: cannot open shared object "
    "file: No such file or directory": "boot_library_missing",
    "/app/server: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by "
    "/app/server)": "boot_library_missing",
    "Error loading shared library libstdc++.so.6: No such file or directory (needed by /x)": (
        "boot_library_missing"
    ),
    "Error: listen EADDRINUSE: address already in use 0.0.0.0:8080": "boot_port_taken",
    "listen tcp :8080: bind: address already in use": "boot_port_taken",
    "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)": "boot_port_forbidden",
    "Error: listen EACCES: permission denied 0.0.0.0:80": "boot_port_forbidden",
    "Error: EROFS: read-only file system, mkdir '/app/data'": "boot_read_only",
    "Error: EACCES: permission denied, open '/configs/.auth_token'": "boot_path_denied",
    "Error: ENOENT: no such file or directory, open '/app/config.json'": "boot_file_missing",
    "Error: Unable to access jarfile /app/app.jar": "boot_file_missing",
    "[FATAL tini (7)] exec /app/run failed: No such file or directory": "boot_command_missing",
    "Error: getaddrinfo ENOTFOUND platform.example": "boot_name_not_resolved",
    "dial tcp: lookup db on 127.0.0.11:53: no such host": "boot_name_not_resolved",
    "Error: connect ECONNREFUSED 127.0.0.1:5432": "boot_connection_refused",
    'nginx: [emerg] unknown directive "servr" in /etc/nginx/nginx.conf:3': "boot_server_config",
    "yaml.scanner.ScannerError: mapping values are not allowed here": "boot_server_config",
    "FATAL ERROR: Reached heap limit - JavaScript heap out of memory": "boot_limits",
    "RuntimeError: can't start new thread": "boot_limits",
    "panic: runtime error: invalid memory address or nil pointer dereference": "boot_exception",
    'Exception in thread "main" java.lang.IllegalStateException: no port': "boot_exception",
    "thread 'main' panicked at src/main.rs:3:5: no port": "boot_exception",
    "s6-overlay-suexec: fatal: can only run as pid 1": "boot_not_process_1",
    "DATABASE_URL environment variable is required": "boot_variable_unset",
}
"""Lines as programs print them that are not in the recorded image."""


def explain(ended: Mapping[str, Any], *, ready: bool = False) -> Reason:
    observation = Observation(
        name="workspace_became_ready",
        facts={"ready": ready, "missing": "The workspace ended.", "ended": dict(ended)},
    )
    reason = find_reason(FailedProbe(observation=observation))
    assert reason is not None
    return reason


def end(*log: str, status: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "exit_status": status,
        "oom_killed": False,
        "error": "",
        "log": list(log),
        "command": ["/boot.sh"],
        "entrypoint": "#!/bin/sh",
        **more,
    }


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_end_is_explained(name: str) -> None:
    case = RECORDED[name]

    reason = explain(case["ended"])

    assert reason.cause == case["cause"], case["ended"]
    assert reason.remedy
    assert "{" not in reason.sentence + reason.remedy


@pytest.mark.parametrize("line", PRINTED)
def test_a_line_that_a_program_prints_at_its_end_is_explained(line: str) -> None:
    assert explain(end("starting", line)).cause == PRINTED[line]


def test_there_are_at_least_thirty_causes_and_each_has_a_case() -> None:
    causes = {rule.id for rule in load_rules().values() if rule.boot}
    tried = {case["cause"] for case in RECORDED.values()} | set(PRINTED.values())

    assert len(causes) >= 30
    assert causes == tried


def test_the_last_ten_lines_of_the_log_are_the_evidence() -> None:
    reason = explain(end(*(f"line {number}" for number in range(15)), status=7))

    assert reason.quotes == tuple(f"line {number}" for number in range(5, 15))
    assert "exit status 7" in reason.sentence
    assert "line 14" in reason.sentence


def test_a_first_line_that_ends_in_a_carriage_return_tells_more_than_the_log() -> None:
    ended = end("exec /boot.sh: no such file or directory", entrypoint="#!/bin/sh\r")

    assert explain(ended).cause == "boot_crlf"


def test_a_missing_interpreter_is_named() -> None:
    ended = end("exec /boot.sh: no such file or directory", entrypoint="#!/usr/bin/fish")

    assert "'/usr/bin/fish'" in explain(ended).sentence


def test_the_guards_of_one_death_are_one_cause_and_the_rest_has_no_remedy() -> None:
    ended = end("KeyError: 'MODEL_API_KEY'")
    before = {
        "id": "x",
        "started_at": "1",
        "restart_count": 0,
        "running": True,
        "exit_status": 0,
        "oom_killed": False,
    }
    after = {**before, "running": False, "exit_status": 1}
    observations = [
        Observation(
            name="workspace_became_ready",
            facts={"ready": False, "missing": "The workspace ended.", "ended": ended},
        ),
        Observation(
            name="workspace_kept_running",
            facts={"before": before, "after": after, "ended": ended},
        ),
        *(
            Observation(name=name, problem="The workspace had ended, or ended meanwhile.")
            for name in (*runs.NAMES, "workload_runs_as_agent_uid", "workspace_shell_is_honest")
        ),
    ]

    verdicts = attach_diagnoses(runs.PLAN, judge_plan(runs.PLAN, observations), observations)

    (cause,) = group_root_causes(verdicts)
    assert [verdict.name for verdict in cause.verdicts] == [
        "workspace_became_ready",
        "workspace_kept_running",
    ]
    assert "MODEL_API_KEY" in cause.sentence
    unknown = [verdict for verdict in verdicts if verdict.observation.problem]
    assert {verdict.outcome for verdict in unknown} == {Outcome.ERROR}
    assert {verdict.remedy for verdict in unknown} == {""}
