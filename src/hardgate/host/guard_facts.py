"""What each guard sees: gathered on the host's side, judged elsewhere (`hardgate.model.guard`)."""

import secrets
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import docker

from hardgate.engine.exec import execute
from hardgate.errors import HostError
from hardgate.host.observer import Lookout
from hardgate.host.workspace import Workspace, look_at_state
from hardgate.model.guard import HONEST_EXIT_STATUS
from hardgate.model.observation import Execution

SECONDS = 20.0


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a guard looks, and from where."""

    client: docker.APIClient
    lookout: Lookout
    workspace: Workspace
    agent_uid: int
    readiness: Mapping[str, Any]
    mark: str
    """Unique to the workspace; what the guard's own processes are known by."""

    def run_as_agent(self, script: str) -> Execution:
        """Run a line of shell in the workspace, as its agent."""
        return execute(
            self.client,
            self.workspace.id,
            ["sh", "-c", script],
            user=str(self.agent_uid),
            environment={"MOLECULE_T4_PROBE_ID": self.mark},
            timeout=SECONDS,
            end_process=self.lookout.ender(self.mark),
        )


Facts = dict[str, Any]


def gather(name: str, scene: Scene) -> Facts:
    """Gather the facts of one guard. Trouble on the way is the caller's to report."""
    return GATHERERS[name](scene)


def see_settings(scene: Scene) -> Facts:
    """See what the engine says that it started."""
    return {
        "inspect": scene.client.inspect_container(scene.workspace.id),
        "warnings": list(scene.workspace.warnings),
        "cpus": scene.client.info()["NCPU"],
        "volumes": list(scene.workspace.volumes),
    }


def see_readiness(scene: Scene) -> Facts:
    """Hand on what the wait for the workspace saw."""
    return dict(scene.readiness)


def see_continuity(scene: Scene) -> Facts:
    """Compare the container after the probes with the one that was started."""
    return {
        "before": dict(scene.workspace.state) or None,
        "after": look_at_state(scene.client, scene.workspace.id),
    }


def see_workload(scene: Scene) -> Facts:
    """List the workspace's processes as the host's own `ps` shows them to the engine."""
    top = scene.client.top(scene.workspace.id, "-eo pid,ppid,uid,comm")
    processes = [
        {"pid": int(pid), "ppid": int(ppid), "uid": int(uid), "command": command}
        for pid, ppid, uid, command in top["Processes"]
    ]
    return {"init": scene.workspace.state["pid"], "processes": processes}


def see_shell(scene: Scene) -> Facts:
    """Ask the shell for an exit status of no meaning, and for a word it cannot know."""
    nonce = secrets.token_hex(16)
    seen = scene.run_as_agent(f"echo {nonce}; exit {HONEST_EXIT_STATUS}")
    return {"exit_status": seen.exit_status, "nonce": nonce, "answer": seen.stdout.strip()}


def see_pid_namespace(scene: Scene) -> Facts:
    """Read the workspace's namespace and the host's; the lookout is in the latter."""
    namespaces = scene.lookout.pid_namespaces(scene.workspace.state["pid"], "self")
    return {
        "workspace": namespaces[0],
        "host": namespaces[1],
    }


def see_host_writes(scene: Scene) -> Facts:
    """Have the agent write a file through /host, and look for it on the host itself."""
    nonce = secrets.token_hex(16)
    path = f"/tmp/hardgate-{nonce}"  # noqa: S108 - on the test host, and unique
    inside = shlex.quote(f"/host{path}")
    seen = scene.run_as_agent(f"printf %s {nonce} > {inside}")
    found = scene.lookout.take_file(path)
    if seen.problem:
        raise HostError(f"Nobody could ask the workspace to write: {seen.problem}")
    words = (seen.stderr or f"exit status {seen.exit_status}").strip()
    return {
        "claimed": seen.exit_status == 0,
        "said": words,
        "path": path,
        "nonce": nonce,
        "seen": found,
    }


GATHERERS: Mapping[str, Callable[[Scene], Facts]] = {
    "workspace_settings_match_tier": see_settings,
    "workspace_became_ready": see_readiness,
    "workload_runs_as_agent_uid": see_workload,
    "workspace_shell_is_honest": see_shell,
    "pid_namespace_matches_tier": see_pid_namespace,
    "host_writes_are_real": see_host_writes,
    "workspace_kept_running": see_continuity,
}
"""One for each name in `hardgate.model.guard.GUARDS`; a test says so."""
