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

from hardgate.diagnosis.evidence.mentions import find_commands, find_matters, find_paths
from hardgate.engine.exec import TROUBLE, words
from hardgate.host.probe import Probe, Setting
from hardgate.host.workspace import CONFIGS, PORT, TOKEN
from hardgate.model.observation import Observation

LOOK_AROUND = "/usr/local/lib/hardgate/look_around.py"
SOCKET = "/var/run/docker.sock"
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LOG_LINES = 20
LOG_CHARACTERS = 4096

Facts = dict[str, Any]


def gather(probe: Probe, setting: Setting, observation: Observation) -> Mapping[str, Any]:
    """Gather what belongs to a miss; trouble is a `problem`, never an exception."""
    try:
        return _gather(probe, setting, observation)
    except TROUBLE as error:
        return {"problem": f"The engine did not tell: {words(error)}"}
    except Exception as error:  # Evidence must not cost a probe its verdict.
        return {"problem": f"They could not be seen: {type(error).__name__}: {error}"}


def _gather(probe: Probe, setting: Setting, observation: Observation) -> Facts:
    texts = texts_of(probe, observation)
    matters = find_matters(texts)
    inspect = setting.client.inspect_container(setting.workspace.id)
    seen: Facts = {"settings": settings_of(inspect)}
    seen |= _look_around(setting, request_of(setting, probe, observation, inspect))
    if "engine_api" in matters:
        seen["engine_api"] = engine_api(setting.client.version())
    if "egress" in matters:
        seen["egress"] = setting.environment.get("MOLECULE_T4_EGRESS_TARGETS", "").split()
    if "log_tail" in matters:
        log = setting.client.logs(setting.workspace.id, tail=LOG_LINES)
        seen["log_tail"] = log_tail(log.decode(errors="replace"))
    return seen


def _look_around(setting: Setting, request: Facts) -> Facts:
    seen = setting.lookout.run(
        "python3", "-I", "-S", "-B", LOOK_AROUND, json.dumps(request), timeout=10
    )
    try:
        return dict(json.loads(seen.stdout))
    except ValueError:
        told = (seen.problem or seen.stderr).strip().splitlines()
        return {"problem": f"The host's side did not tell: {told[-1] if told else 'nothing'}"}


def texts_of(probe: Probe, observation: Observation) -> tuple[str, ...]:
    """Give what tells what a miss is about: the decisive last, the script first."""
    rerun = observation.rerun
    return (
        probe.script,
        rerun.stderr if rerun else "",
        *(failure.target for failure in observation.failures),
        *(one.command for one in observation.commands),
    )


def request_of(
    setting: Setting, probe: Probe, observation: Observation, inspect: Mapping[str, Any]
) -> Facts:
    """Say what `look_around.py` is to look at."""
    texts = texts_of(probe, observation)
    nowhere = [one.target for one in observation.failures if one.call == "execve"]
    started = [one.program for one in observation.commands]
    elsewhere, here = failed_paths(observation, inspect)
    paths = find_paths((*reversed(texts[2:]), *texts[:2]))
    names = (*find_commands(probe.script), *nowhere, *started)
    return {
        "init": inspect["State"]["Pid"],
        "uid": setting.agent_uid,
        "want": sorted(find_matters(texts)),
        "paths": [path for path in paths if path not in elsewhere - here],
        "host_paths": [path for path in paths if path in elsewhere],
        "commands": [name for name in dict.fromkeys(names) if "/" not in name][:24],
        "path": path_of(inspect),
        "image": image_root(inspect, nested=not setting.lookout.root),
        "socket": SOCKET,
        "token": f"{CONFIGS}/{TOKEN}",
        "port": f"{CONFIGS}/{PORT}",
    }


def failed_paths(
    observation: Observation, inspect: Mapping[str, Any]
) -> tuple[frozenset[str], frozenset[str]]:
    """Give the paths that the probe failed at on the host, and those in the workspace.

    Without the host's processes, nsenter finds the workspace's own first one, and stays there.
    """
    on_host = (inspect.get("HostConfig") or {}).get("PidMode") == "host"
    elsewhere = {one.target for one in observation.failures if one.elsewhere and on_host}
    here = {one.target for one in observation.failures if not (one.elsewhere and on_host)}
    return frozenset(elsewhere), frozenset(here)


def path_of(inspect: Mapping[str, Any]) -> list[str]:
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


def settings_of(inspect: Mapping[str, Any]) -> Facts:
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
        "path": path_of(inspect),
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


def engine_api(version: Mapping[str, Any]) -> Facts:
    """Pick what decides whether a client and an engine understand each other."""
    return {
        "version": version.get("Version"),
        "api": version.get("ApiVersion"),
        "min_api": version.get("MinAPIVersion"),
    }


def log_tail(log: str) -> str:
    """Keep the end of a log, whole lines of it: half a secret is not known as one."""
    if len(log) <= LOG_CHARACTERS:
        return log
    return log[-LOG_CHARACTERS:].partition("\n")[2]
