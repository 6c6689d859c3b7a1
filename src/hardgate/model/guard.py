"""What the gate looks at itself, from outside the workspace.

A guard is planned, observed and judged like a probe, so that none is a side channel. What is seen
arrives as facts (JSON values, gathered by `hardgate.host.guard_facts`); here they are only judged.
A judge answers True (held), False (the image did it) or None (nobody could tell), and one line of
reason.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.model.contract import Contract
from hardgate.model.tier import Tier
from hardgate.model.witness import (
    judge_egress,
    judge_engine_reach,
    judge_host_root,
    judge_token,
)

GuardFacts = Mapping[str, Any]
GuardResult = tuple[bool | None, str]

KNOWN_INITS = frozenset(
    {
        "tini",
        "tini-static",
        "docker-init",
        "dumb-init",
        "s6-svscan",
        "s6-supervise",
        "s6-fdholderd",
        "s6-ipcserverd",
        "s6-linux-init-s",  # s6-linux-init-shutdownd: the kernel keeps 15 characters
    }
)
"""Programs that may stay root, because all they do is start, hand on and reap.

By these names only where the executable could not be looked at (see `_is_init`).
"""

EXTERNAL_SIGNALS = {1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 9: "SIGKILL", 15: "SIGTERM"}
"""Those that somebody sends. A program brings all others (SIGSEGV, SIGABRT …) upon itself."""

HARMLESS_WARNINGS = ("Memory limited without swap", "requested image's platform")
"""What an engine says beside a setting that it keeps."""

NO_SHELL = 'exec: "sh": executable file not found'
"""What an engine answers in a program's place."""

HONEST_EXIT_STATUS = 37
"""What `workspace_shell_is_honest` asks the shell to exit with: no shell's own status."""


def _applies_always(tier: Tier) -> bool:
    del tier
    return True


@dataclass(frozen=True, kw_only=True)
class Guard:
    """One look from outside."""

    name: str
    description: str
    """What must hold, and why it is looked at."""
    hint: str
    judge: Callable[[GuardFacts, Tier, Contract], GuardResult]
    applies_to: Callable[[Tier], bool] = _applies_always
    late: bool = False
    """It ends the workspace, so a play of its own looks, after all others."""


def judge_settings(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `inspect` (the engine's answer), `warnings` (of its create answer), `cpus` (its own)
    and `volumes` (paths of all fresh volumes that were asked for).

    A discarded limit explains a limit that differs, and nothing else.
    """
    del contract
    inspect, cpus = facts["inspect"], facts["cpus"]
    differences = tier.list_differences(inspect, cpus=cpus, extra_volumes=facts.get("volumes", ()))
    discarded = [
        warning
        for warning in facts["warnings"]
        if not any(harmless in warning for harmless in HARMLESS_WARNINGS)
    ]
    limits = tier.limit_differences(inspect, cpus=cpus) if discarded else ()
    if set(differences) - set(limits):
        return False, " ".join(differences)
    if discarded:
        return None, f"The engine discarded a setting: {' '.join(discarded)}"
    return True, " ".join(facts["warnings"])


def judge_readiness(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `ready` (bool), `seconds` (waited), `missing` (a sentence on what did not come)."""
    del tier, contract
    return bool(facts["ready"]), "" if facts["ready"] else str(facts["missing"])


def judge_continuity(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `before` and `after`, each None (gone) or id, started_at, restart_count, running,
    exit_status and oom_killed.
    """
    del tier, contract
    before, after = facts["before"], facts["after"]
    if before is None or after is None:
        return None, "The workspace was removed by somebody else while the gate looked at it."
    if not after["running"]:
        return _judge_stop(after)
    for key, change in (
        ("id", "is another container"),
        ("started_at", "was started anew"),
        ("restart_count", "was restarted"),
    ):
        if before[key] != after[key]:
            return False, f"The workspace {change} since the gate started it."
    # The engine sets it for any process of the container, and the workspace lives on.
    return True, "A process in it was killed for lack of memory." if after["oom_killed"] else ""


def _judge_stop(state: Mapping[str, Any]) -> GuardResult:
    if state["oom_killed"]:
        return False, "The workspace was killed for lack of memory."
    status = state["exit_status"]
    signal = EXTERNAL_SIGNALS.get(status - 128)
    if signal:
        return None, f"The workspace was ended by {signal}; nobody saw by whom."
    return False, f"The workspace ended by itself, with exit status {status}."


def judge_workload(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `init` (pid), `processes` (pid, ppid, uid, command, and, of newer gates, `is_init` by
    the executable and `listening`, the ports), as the host sees them, and `token_uid`.

    The main process, whoever listens and whoever owns the token have to be the agent. Others may
    be root's, and are told.
    """
    del tier
    processes, uid = facts["processes"], contract.agent_uid
    if not any(process["pid"] == facts["init"] for process in processes):
        return None, "The workspace's init is not among the processes that the host sees."
    workload = list(find_workload(processes, facts["init"]))
    if not workload:
        return False, "The workspace's init has started no workload."
    misses = list(_find_workload_misses(workload, facts, uid))
    if misses:
        return False, ", ".join(misses)
    known = {process["pid"] for process in workload}
    others = [
        f"'{process['command']}'"
        for process in processes
        if process["uid"] == 0 and process["pid"] not in known and not _is_init(process)
    ]
    return True, f"As root run, too: {', '.join(dict.fromkeys(others))}." if others else ""


def _find_workload_misses(
    workload: list[dict[str, Any]], facts: GuardFacts, uid: int | None
) -> Iterator[str]:
    for process in workload:
        if process["uid"] != uid:
            yield f"'{process['command']}' runs as uid {process['uid']}, not {uid}"
    known = {process["pid"] for process in workload}
    for process in facts["processes"]:
        ports = process.get("listening")
        if ports and process["uid"] != uid and process["pid"] not in known:
            listed = ", ".join(map(str, ports))
            yield f"'{process['command']}' listens on port {listed} as uid {process['uid']}"
    token_uid = facts.get("token_uid")
    if token_uid is not None and token_uid != uid:
        yield f"the token belongs to uid {token_uid}, not {uid}"


def find_workload(processes: list[dict[str, Any]], init: int) -> Iterator[dict[str, Any]]:
    """Yield init, or what a known init started in its place."""
    for process in processes:
        if process["pid"] != init or process["command"].endswith("<defunct>"):
            continue
        if not _is_init(process):
            yield process
            continue
        for child in processes:
            if child["ppid"] == init:
                yield from find_workload(processes, child["pid"])


def _is_init(process: Mapping[str, Any]) -> bool:
    """Tell a known init by its executable: a process may call itself by any name."""
    known = process.get("is_init")
    return process["command"] in KNOWN_INITS if known is None else bool(known)


def judge_shell(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `exit_status` (of `exit 37`), `nonce` (sent) and `answer` (what came back)."""
    del tier, contract
    if facts["exit_status"] is None:
        return None, "The engine did not say how the shell ended."
    if NO_SHELL in str(facts["answer"]):
        return False, "The image has no 'sh', which every probe is run by."
    if facts["exit_status"] != HONEST_EXIT_STATUS:
        return False, (
            f"The image's 'sh' was told to exit {HONEST_EXIT_STATUS}, and exited "
            f"{facts['exit_status']}: no exit status of a probe can be believed."
        )
    if facts["answer"] != facts["nonce"]:
        return False, "The image's 'sh' did not print what it was told to print."
    return True, ""


def judge_host_writes(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `claimed` (the workspace says that it wrote), `said` (its words), `path` (on the
    host), `nonce` (what it was told to write) and `seen` (what the host has there, or None).
    """
    del tier, contract
    if not facts["claimed"]:
        return False, f"The workspace could not write to the host's disk: {facts['said']}"
    if facts["seen"] != facts["nonce"]:
        return False, (
            f"The workspace says that it wrote '{facts['path']}' on the host, "
            "and the host has no such file."
        )
    return True, ""


def judge_pid_namespace(facts: GuardFacts, tier: Tier, contract: Contract) -> GuardResult:
    """Facts: `workspace` and `host`, the PID namespaces' inode numbers as the host sees them."""
    del contract
    if not facts["workspace"] or not facts["host"]:
        return None, "The PID namespaces could not be read on the host's side."
    if tier.pid_host and facts["workspace"] != facts["host"]:
        return False, "The workspace has a PID namespace of its own, not the host's."
    if not tier.pid_host and facts["workspace"] == facts["host"]:
        return False, f"The workspace is in the host's PID namespace; tier {tier.number} is not."
    return True, ""


def _binds(tier: Tier, source: str) -> bool:
    return any(bound == source for bound, _ in tier.binds)


GUARDS: tuple[Guard, ...] = (
    Guard(
        name="workspace_settings_match_tier",
        description="The engine runs the workspace under exactly the settings of its tier.",
        hint="Compare contracts/tiers.yaml with what the engine can do (docker info).",
        judge=judge_settings,
    ),
    Guard(
        name="workspace_became_ready",
        description=(
            "The workspace's own entrypoint brings it up before the deadline. Ready means: its "
            "HEALTHCHECK passes; without one, the token is in /configs/.auth_token and something "
            "listens on the port that /configs/.platform_port names (8080 without that file). "
            "Where no probe asks for the token, it only has to run."
        ),
        hint="Read workspace.log; a slow start wants --ready-timeout.",
        judge=judge_readiness,
    ),
    Guard(
        name="workload_runs_as_agent_uid",
        description="What the entrypoint left running belongs to the agent, seen from the host.",
        hint="End the entrypoint with 'exec setpriv' or 'exec gosu', and root is gone for good.",
        judge=judge_workload,
    ),
    Guard(
        name="workspace_shell_is_honest",
        description="The image's 'sh' passes exit statuses and output on unchanged.",
        hint="Look at what /bin/sh is in the image, and at ENV and BASH_ENV.",
        judge=judge_shell,
    ),
    Guard(
        name="pid_namespace_matches_tier",
        description="The workspace's PID namespace is the host's where the tier says so.",
        hint="Without pid=host, probes that enter PID 1 enter the workspace's own, and pass.",
        judge=judge_pid_namespace,
    ),
    Guard(
        name="host_writes_are_real",
        description="What the workspace claims to have written to the host, the host has.",
        hint="Is /host the host's disk, or a folder in the image?",
        judge=judge_host_writes,
        applies_to=lambda tier: _binds(tier, "/"),
    ),
    Guard(
        name="host_root_is_real",
        description="Who claims to be the host's root is: the host sees the process and its file.",
        hint=(
            "Without pid=host nsenter enters the workspace itself; with it, look at what 'sudo' "
            "and 'nsenter' are in the image."
        ),
        judge=judge_host_root,
        applies_to=lambda tier: _binds(tier, "/") and tier.pid_host,
    ),
    Guard(
        name="engine_reach_is_real",
        description="The engine that the workspace claims to reach is the host's own.",
        hint="Look at what 'docker' is in the image, and at what DOCKER_HOST names.",
        judge=judge_engine_reach,
        applies_to=lambda tier: _binds(tier, "/var/run/docker.sock"),
    ),
    Guard(
        name="egress_is_real",
        description="What the workspace claims to have read from the run's beacon stands there.",
        hint="Look at what 'curl' is in the image, and at its proxies.",
        judge=judge_egress,
        applies_to=lambda tier: _binds(tier, "/"),
    ),
    Guard(
        name="token_is_accepted",
        description="The workspace's own process accepts its token when the host sends it, too.",
        hint="Look at what 'curl' is in the image, and at who listens on the port.",
        judge=judge_token,
        applies_to=lambda tier: _binds(tier, "/"),
    ),
    Guard(
        name="workspace_kept_running",
        description="It is the same container from the first probe to the last, never restarted.",
        hint="Read workspace.log for what ended it.",
        judge=judge_continuity,
    ),
)
"""In the order of the report."""
