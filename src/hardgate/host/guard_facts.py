"""What each guard sees: gathered on the host's side, judged elsewhere (`hardgate.model.guard`)."""

import secrets
import shlex
from collections.abc import Callable, Mapping

from hardgate.errors import HostError
from hardgate.host.guard_context import GatheredFacts, GuardContext
from hardgate.host.witness import WITNESS_COLLECTORS
from hardgate.host.workspace import describe_end, inspect_state
from hardgate.model.guard import HONEST_EXIT_STATUS


def collect_guard_facts(name: str, context: GuardContext) -> GatheredFacts:
    """Gather the facts of one guard. Trouble on the way is the caller's to report."""
    return FACT_COLLECTORS[name](context)


def collect_settings_facts(context: GuardContext) -> GatheredFacts:
    """See what the engine says that it started."""
    inspect = context.client.inspect_container(context.workspace.id)
    # What the caller gives a workspace is not a setting of its tier, and may be a secret.
    config = {name: value for name, value in inspect["Config"].items() if name != "Env"}
    return {
        "inspect": {**inspect, "Config": config},
        "warnings": list(context.workspace.warnings),
        "cpus": context.client.info()["NCPU"],
        "volumes": list(context.workspace.volumes),
    }


def collect_readiness_facts(context: GuardContext) -> GatheredFacts:
    """Hand on what the wait for the workspace saw."""
    return dict(context.readiness)


def collect_continuity_facts(context: GuardContext) -> GatheredFacts:
    """Compare the container after the probes with the one that was started."""
    return {
        "before": dict(context.workspace.state) or None,
        "after": inspect_state(context.client, context.workspace.id),
        "ended": describe_end(context.client, context.workspace.id),
    }


def collect_workload_facts(context: GuardContext) -> GatheredFacts:
    """See who runs what in the workspace, who listens, and whose the token is, from the host."""
    seen = context.look_around(want=("workload", "token"))
    if "workload" not in seen:
        raise HostError(f"The workspace's processes could not be seen: {seen.get('problem')}")
    token = seen.get("token") or {}
    return {**seen["workload"], "token_uid": token.get("uid")}


def collect_shell_facts(context: GuardContext) -> GatheredFacts:
    """Ask the shell for an exit status of no meaning, and for a word it cannot know."""
    nonce = secrets.token_hex(16)
    execution = context.run_as_agent(f"echo {nonce}; exit {HONEST_EXIT_STATUS}")
    return {
        "exit_status": execution.exit_status,
        "nonce": nonce,
        "answer": execution.stdout.strip(),
    }


def collect_pid_namespace_facts(context: GuardContext) -> GatheredFacts:
    """Read the workspace's namespace and the host's; the lookout is in the latter."""
    namespaces = context.observer.read_pid_namespaces(context.workspace.state["pid"], "self")
    return {
        "workspace": namespaces[0],
        "host": namespaces[1],
    }


def collect_host_write_facts(context: GuardContext) -> GatheredFacts:
    """Have the agent write a file through /host, and look for it on the host itself."""
    nonce = secrets.token_hex(16)
    path = f"/tmp/hardgate-{nonce}"  # noqa: S108 - on the test host, and unique
    inside = shlex.quote(f"/host{path}")
    execution = context.run_as_agent(f"printf %s {nonce} > {inside}")
    found = context.observer.read_and_remove_file(path)
    if execution.problem:
        raise HostError(f"Nobody could ask the workspace to write: {execution.problem}")
    message = (
        execution.stderr or execution.stdout or f"exit status {execution.exit_status}"
    ).strip()
    return {
        "claimed": execution.exit_status == 0,
        "said": message,
        "path": path,
        "nonce": nonce,
        "seen": found,
    }


FACT_COLLECTORS: Mapping[str, Callable[[GuardContext], GatheredFacts]] = {
    "workspace_settings_match_tier": collect_settings_facts,
    "workspace_became_ready": collect_readiness_facts,
    "workload_runs_as_agent_uid": collect_workload_facts,
    "workspace_shell_is_honest": collect_shell_facts,
    "pid_namespace_matches_tier": collect_pid_namespace_facts,
    "host_writes_are_real": collect_host_write_facts,
    "workspace_kept_running": collect_continuity_facts,
    **WITNESS_COLLECTORS,
}
"""One for each name in `hardgate.model.guard.GUARDS`; a test says so."""

LIVE_GUARDS = frozenset(FACT_COLLECTORS) - {
    "workspace_settings_match_tier",
    "workspace_became_ready",
    "workspace_kept_running",
}
"""Guards that can only look at a workspace that runs."""
