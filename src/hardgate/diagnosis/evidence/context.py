"""The few facts that decide a miss, seen from the host's side and never through the image.

`gather` gives JSON values. `settings`, `agent`, `paths` and `commands` always are there; the others
only where the probe is about them (`mentions`). What could not be seen is null.

- `settings`: what the engine says of the workspace: `privileged`, `pid_mode`, `network_mode`,
  `read_only`, `user` (of the image), `binds`, `tmpfs`, `security_opt`, `cap_add`, `cap_drop`,
  `path` (the image's PATH, a list), `mounts` (each `type`, `source`, `destination`, `rw`).
- `agent`: `uid`, `name` (empty: the image has no such user), `gid`, `groups`, as an exec has them.
- `paths`: by absolute path: `exists`, `type` (file, directory, link, socket, fifo, character,
  block), `uid`, `gid`, `mode` (`0755`), `size` of a file, `empty` of a directory, `link` and `real`
  of a symbolic link, and what the kernel lets the agent do: `readable`, `writable`, `executable`.
  Where it does not exist, `errno`, and `parent`: the nearest folder above that does. `mount`: what
  it is on: `point`, `fstype`, `source`, `root`, `options`, `read_only`. Where that is not the
  workspace's root: `image`, the same of what the image has there, `in_image`, and `masked_by`, the
  mount's point, if the image has it.
- `host_paths`: the same of paths that a probe failed at behind nsenter, as the host has them.
- `commands`: by name: null, or `path`, `real`, `in_path`, `uid`, `mode`, `setuid`, `executable` (by
  the agent), `kind` (program, script, other), `interpreter`.
- `socket`: /var/run/docker.sock, as in `paths`.
- `engine_api`: `version`, `api` and `min_api` of the engine that runs the workspace.
- `namespaces`: `workspace` and `host`, each by kind (pid, mnt, net, uts, ipc, user, cgroup), and
  `shared`: the kinds that are the same.
- `processes`: `init`, the pid of the workspace's first, and its `processes`, each `pid`, `ppid`,
  `uid`, `command`.
- `capabilities`: CapBnd of the workspace (`bounding`) and of the `host`, `no_new_privileges`,
  `seccomp`.
- `listening`: TCP ports in the workspace's network: `address`, `port`, `uid`, and, where its
  process was found, `pid`, `program`, `in_workspace` (it is one of the workspace's).
- `passwd`: as `agent`, and `home`, its record `agent` (`name`, `uid`, `gid`, `home`, `shell`; or
  null) and `others`, who are not the system's own.
- `token`: /configs/.auth_token as in `paths`, and `blank`: it holds nothing. Never its content.
- `port`: what /configs/.platform_port says; null where it is not there.
- `egress`: the targets given.
- `log_tail`: the end of the workspace's log.
- `problem`: why nothing, or not everything, could be seen.
"""

import json
from collections.abc import Mapping
from typing import Any

from hardgate.diagnosis.evidence.mentions import find_named_commands, find_named_paths, find_topics
from hardgate.engine.exec import ENGINE_ERRORS, engine_error_text
from hardgate.host.observer import LOOK_AROUND_COMMAND
from hardgate.host.probe import Probe, ProbeContext
from hardgate.host.workspace import CONFIGS_FOLDER, PORT_FILE, TOKEN_FILE
from hardgate.model.observation import Observation

DOCKER_SOCKET = "/var/run/docker.sock"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_LOG_LINES = 20
MAX_LOG_CHARS = 4096

JsonObject = dict[str, Any]


def collect_surroundings(
    probe: Probe, context: ProbeContext, observation: Observation
) -> Mapping[str, Any]:
    """Gather what belongs to a miss; trouble is a `problem`, never an exception."""
    try:
        return _collect_facts(probe, context, observation)
    except ENGINE_ERRORS as error:
        return {"problem": f"The engine did not tell: {engine_error_text(error)}"}
    except Exception as error:  # Evidence must not cost a probe its verdict.
        return {"problem": f"They could not be seen: {type(error).__name__}: {error}"}


def _collect_facts(probe: Probe, context: ProbeContext, observation: Observation) -> JsonObject:
    texts = evidence_texts(probe, observation)
    matters = find_topics(texts)
    inspect = context.client.inspect_container(context.workspace.id)
    facts: JsonObject = {"settings": workspace_settings(inspect)}
    facts |= _run_collector(context, build_collector_request(context, probe, observation, inspect))
    if "engine_api" in matters:
        facts["engine_api"] = engine_versions(context.client.version())
    if "egress" in matters:
        facts["egress"] = context.environment.get("MOLECULE_T4_EGRESS_TARGETS", "").split()
    if "log_tail" in matters:
        log = context.client.logs(context.workspace.id, tail=MAX_LOG_LINES)
        facts["log_tail"] = cut_log_tail(log.decode(errors="replace"))
    return facts


def _run_collector(context: ProbeContext, request: JsonObject) -> JsonObject:
    result = context.observer.run_on_host(*LOOK_AROUND_COMMAND, json.dumps(request), timeout=10)
    try:
        return dict(json.loads(result.stdout))
    except ValueError:
        error_lines = (result.problem or result.stderr).strip().splitlines()
        return {
            "problem": f"The host's side did not tell: "
            f"{error_lines[-1] if error_lines else 'nothing'}"
        }


def evidence_texts(probe: Probe, observation: Observation) -> tuple[str, ...]:
    """Give what tells what a miss is about: the decisive last, the script first."""
    rerun = observation.rerun
    return (
        probe.script,
        rerun.stderr if rerun else "",
        *(failure.target for failure in observation.failures),
        *(command.command for command in observation.commands),
    )


def build_collector_request(
    context: ProbeContext, probe: Probe, observation: Observation, inspect: Mapping[str, Any]
) -> JsonObject:
    """Say what `look_around.py` is to look at."""
    texts = evidence_texts(probe, observation)
    nowhere = [item.target for item in observation.failures if item.call == "execve"]
    started = [one.program for one in observation.commands]
    elsewhere, here = failed_paths(observation, inspect)
    paths = find_named_paths((*reversed(texts[2:]), *texts[:2]))
    names = (*find_named_commands(probe.script), *nowhere, *started)
    return {
        "init": inspect["State"]["Pid"],
        "uid": context.agent_uid,
        "want": sorted(find_topics(texts)),
        "paths": [path for path in paths if path not in elsewhere - here],
        "host_paths": [path for path in paths if path in elsewhere],
        "commands": [name for name in dict.fromkeys(names) if "/" not in name][:24],
        "path": exec_search_path(inspect),
        "image": image_root(inspect, nested=not context.observer.root),
        "socket": DOCKER_SOCKET,
        "token": f"{CONFIGS_FOLDER}/{TOKEN_FILE}",
        "port": f"{CONFIGS_FOLDER}/{PORT_FILE}",
    }


def failed_paths(
    observation: Observation, inspect: Mapping[str, Any]
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the paths that the probe failed at on the host, and those in the workspace.

    Without the host's processes, nsenter finds the workspace's own first one, and stays there.
    """
    on_host = (inspect.get("HostConfig") or {}).get("PidMode") == "host"
    elsewhere = {
        failure.target for failure in observation.failures if failure.elsewhere and on_host
    }
    here = {one.target for one in observation.failures if not (one.elsewhere and on_host)}
    return frozenset(elsewhere), frozenset(here)


def exec_search_path(inspect: Mapping[str, Any]) -> list[str]:
    """Give the PATH that an exec has."""
    entries = dict(entry.partition("=")[::2] for entry in inspect["Config"].get("Env") or ())
    return [folder for folder in entries.get("PATH", DEFAULT_PATH).split(":") if folder]


def image_root(inspect: Mapping[str, Any], *, nested: bool) -> str:
    """Say where the lookout finds the workspace's root without its mounts; empty where nowhere.

    A direct host's lookout sees the machine's mounts as the machine's first process does.
    """
    driver = inspect.get("GraphDriver") or {}
    merged = (driver.get("Data") or {}).get("MergedDir") or ""
    return merged if nested or not merged else f"/proc/1/root{merged}"


def workspace_settings(inspect: Mapping[str, Any]) -> JsonObject:
    """Pick what decides of what the engine says of the workspace."""
    host = inspect.get("HostConfig") or {}
    return {
        "privileged": bool(host.get("Privileged")),
        "pid_mode": host.get("PidMode") or "",
        "network_mode": host.get("NetworkMode") or "",
        "read_only": bool(host.get("ReadonlyRootfs")),
        "user": inspect["Config"].get("User") or "",
        "binds": list(host.get("Binds") or ()),
        "tmpfs": dict(host.get("Tmpfs") or {}),
        "security_opt": list(host.get("SecurityOpt") or ()),
        "cap_add": list(host.get("CapAdd") or ()),
        "cap_drop": list(host.get("CapDrop") or ()),
        "path": exec_search_path(inspect),
        "mounts": [
            {
                "type": mount.get("Type"),
                "source": mount.get("Source"),
                "destination": mount.get("Destination"),
                "rw": mount.get("RW"),
            }
            for mount in inspect.get("Mounts") or ()
        ],
    }


def engine_versions(version: Mapping[str, Any]) -> JsonObject:
    """Pick what decides whether a client and an engine understand each other."""
    return {
        "version": version.get("Version"),
        "api": version.get("ApiVersion"),
        "min_api": version.get("MinAPIVersion"),
    }


def cut_log_tail(log: str) -> str:
    """Keep the end of a log, whole lines of it: half a secret is not known as one."""
    if len(log) <= MAX_LOG_CHARS:
        return log
    return log[-MAX_LOG_CHARS:].partition("\n")[2]
