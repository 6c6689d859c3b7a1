#!/usr/bin/python
"""Runs probes on this host, each as its user, and describes what it saw. Never judges."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_probes
short_description: Run a contract's probes on this host
description:
  - Runs each script by C(sh -c), unchanged, as its user, with that user's groups, in a session of
    its own and in an environment that holds nothing but what is said here.
  - A script that fails without a word is run once more by C(sh -xc), for the report only.
  - When a script has ended, or is over its time, every process that descends from it is ended, also
    one that left its group and its session. What another daemon started for it is not, such as a
    container of the engine's or a unit of systemd's; a script has to bound those itself. On its
    time it gets SIGTERM first, and some seconds for its traps.
  - It takes root, but for scripts of the user that it runs as anyway.
options:
  probes:
    description: The scripts (hardgate.remote.host_probes), in order.
    type: list
    elements: dict
    required: true
  variables:
    description: What every script finds in its environment, beside its own id.
    type: dict
    default: {}
author: hardgate
"""

import ctypes
import http.client
import os
import pwd
import selectors
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MAX_PROBE_OUTPUT_BYTES = 64 * 1024
"""Bytes of each stream of a probe that are kept."""
MAX_TOTAL_BYTES = 1024 * 1024
"""Bytes of all streams of all probes; once they are spent, each stream keeps MIN_KEPT_BYTES."""
MIN_KEPT_BYTES = 2048
TRAP_SECONDS = 5.0
"""For a script's traps, once its time is over."""
KILL_SECONDS = 10.0
DRAIN_SECONDS = 1.0
WATCHED_SECONDS = 10.0
"""How long a script that waited without a word is watched at its second run."""
PAUSE_SECONDS = 0.02
PR_SET_CHILD_SUBREAPER = 36
SOCKET = "/var/run/docker.sock"
TRACED_ALONE = "It was traced by 'sh -x' alone: what it sent to /dev/null is not known."


def become_subreaper() -> None:
    """Get every orphan below this process for a child, whatever session it went to."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "PR_SET_CHILD_SUBREAPER")


class ProcessTree:
    """All that descends from this process."""

    def __init__(self) -> None:
        self.ended: dict[int, int] = {}
        """How those ended that are gone, by pid."""

    def is_alive(self) -> bool:
        """Bury the dead; tell whether anybody is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return True
                self.ended[pid] = status
        except ChildProcessError:
            return False

    def send_signal(self, number: int) -> None:
        """Signal all of them."""
        for pid in find_descendants(os.getpid()):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue

    def kill_all(self) -> None:
        """Kill until nobody is left; who cannot be killed (in the kernel) is left behind."""
        deadline = time.monotonic() + KILL_SECONDS
        while self.is_alive() and time.monotonic() < deadline:
            self.send_signal(signal.SIGKILL)
            time.sleep(PAUSE_SECONDS)


def find_descendants(root: int) -> set[int]:
    """Find the processes below one, by their parents."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        parent = read_parent(folder) if folder.name.isdigit() else 0
        if parent:
            children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    ahead = [root]
    while ahead:
        new = [pid for pid in children.get(ahead.pop(), ()) if pid not in found]
        found.update(new)
        ahead += new
    return found


def read_parent(folder: Path) -> int:
    """Read a process's parent; 0 where it is gone."""
    try:
        return int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


class ProbeOutput:
    """What is written to two pipes, up to a limit."""

    def __init__(self, process: subprocess.Popen[bytes], limit: int) -> None:
        self.kept = {"stdout": bytearray(), "stderr": bytearray()}
        self.truncated = False
        self._limit = limit
        self._selector = selectors.DefaultSelector()
        for name, pipe in (("stdout", process.stdout), ("stderr", process.stderr)):
            self._selector.register(pipe, selectors.EVENT_READ, name)  # type: ignore[arg-type]

    def read_available(self, seconds: float) -> bool:
        """Take in what is there within some time; tell whether more may come."""
        if not self._selector.get_map():
            time.sleep(seconds)
            return False
        for key, _ in self._selector.select(seconds):
            data = os.read(key.fd, 1 << 16)
            kept = self.kept[key.data]
            room = max(0, self._limit - len(kept))
            kept += data[:room]
            self.truncated = self.truncated or len(data) > room
            if not data:
                self._selector.unregister(key.fileobj)
        return bool(self._selector.get_map())

    def drain_pipes(self) -> None:
        """Take in the rest; a stranger may hold a pipe open, and is not waited for."""
        deadline = time.monotonic() + DRAIN_SECONDS
        while time.monotonic() < deadline and self.read_available(PAUSE_SECONDS):
            pass

    def close(self) -> None:
        """Let go."""
        self._selector.close()

    def text(self, name: str) -> str:
        """Give a stream as text."""
        return self.kept[name].decode("utf-8", "replace")


def look_up_user(name: str) -> tuple[pwd.struct_passwd, dict[str, Any]]:
    """Look up a user, and how to become it; raises LookupError, with a sentence."""
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise LookupError(f"This host has no user '{name}'.") from None
    if os.geteuid() == 0:
        groups = os.getgrouplist(name, user.pw_gid)
        return user, {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}
    if os.geteuid() == user.pw_uid:
        return user, {}
    raise LookupError(f"It takes root on this host to run a probe as '{name}'.")


def build_script_environment(
    user: pwd.struct_passwd, probe: dict[str, Any], variables: dict[str, str]
) -> Any:
    """Give all that a script finds in its environment."""
    return {
        "PATH": PATH,
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "LANG": "C.UTF-8",
        **variables,
        "MOLECULE_T4_PROBE_ID": probe["id"],
    }


def run_bounded(
    command: list[str], *, timeout: float, limit: int, **options: Any
) -> dict[str, Any]:
    """Run a command, and all that it starts, to its end or to its time's."""
    begun = time.monotonic()
    tree = ProcessTree()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd="/",
        umask=0o022,
        start_new_session=True,
        **options,
    )
    output = ProbeOutput(process, limit)
    try:
        timed_out = not wait_for_exit(process.pid, tree, output, begun + timeout)
        seconds = time.monotonic() - begun
        if timed_out:
            tree.send_signal(signal.SIGTERM)
            tree.send_signal(signal.SIGCONT)
            wait_for_exit(process.pid, tree, output, time.monotonic() + TRAP_SECONDS)
    finally:
        tree.kill_all()
        output.drain_pipes()
        output.close()
        process.returncode = to_shell_status(tree.ended.get(process.pid))
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()
    ended = process.returncode is not None
    return {
        "exit_status": process.returncode,
        "stdout": output.text("stdout"),
        "stderr": output.text("stderr"),
        "truncated": output.truncated,
        "seconds": round(seconds, 3),
        "timed_out": timed_out,
        "problem": "" if ended or timed_out else "The host did not say how its probe ended.",
    }


def wait_for_exit(pid: int, tree: ProcessTree, output: ProbeOutput, deadline: float) -> bool:
    """Read until a process has ended; tell whether it did in time."""
    while True:
        tree.is_alive()
        if pid in tree.ended:
            return True
        if time.monotonic() > deadline:
            return False
        output.read_available(PAUSE_SECONDS)


def to_shell_status(status: int | None) -> int | None:
    """Say it as a shell does: 128 and more for a signal."""
    if status is None:
        return None
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code


def observe_host_probe(
    probe: dict[str, Any], variables: dict[str, str], spare: int
) -> dict[str, Any]:
    """Run a probe, and a silent failure once more; `spare` is what may be kept of its words."""
    try:
        user, options = look_up_user(probe["user"])
    except LookupError as error:
        return {"name": probe["name"], "problem": str(error)}
    options["env"] = build_script_environment(user, probe, variables)
    options["limit"] = max(MIN_KEPT_BYTES, min(MAX_PROBE_OUTPUT_BYTES, spare))
    timeout = float(probe["timeout"])
    try:
        execution = run_bounded(["sh", "-c", probe["script"]], timeout=timeout, **options)
        silent = not (execution["stdout"] or execution["stderr"] or execution["problem"])
        observation = {"name": probe["name"], "execution": execution}
        if silent and execution["exit_status"] != 0 and probe["rerun"]:
            watched = min(timeout, WATCHED_SECONDS) if execution["timed_out"] else timeout
            rerun = run_bounded(["sh", "-xc", probe["script"]], timeout=watched, **options)
            observation["rerun"] = {**rerun, "problem": rerun["problem"] or TRACED_ALONE}
    except OSError as error:
        return {"name": probe["name"], "problem": f"Its probe could not be started: {error}."}
    return observation


def observe_host_probes(
    probes: list[dict[str, Any]], variables: dict[str, str]
) -> list[dict[str, Any]]:
    """Run them in order, and keep no more of their words than anybody can carry."""
    observations: list[dict[str, Any]] = []
    spare = MAX_TOTAL_BYTES
    for probe in probes:
        observations.append(observe_host_probe(probe, variables, spare))
        for kind in ("execution", "rerun"):
            execution = observations[-1].get(kind) or {}
            spare -= len(execution.get("stdout", "")) + len(execution.get("stderr", ""))
    return observations


def read_engine_version() -> str:
    """Ask the engine itself; empty where none answers."""
    connection = http.client.HTTPConnection("engine", timeout=5)
    try:
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.settimeout(5)
            connection.sock.connect(SOCKET)
            connection.request("GET", "/_ping")
            answer = connection.getresponse()
            return (answer.getheader("Server") or "").partition(" ")[0].rpartition("/")[2]
    except (OSError, http.client.HTTPException):
        return ""


def exit_on_signal(number: int, _frame: object) -> None:
    """Leave by the way that ends what was started."""
    raise SystemExit(128 + number)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "probes": {"type": "list", "elements": "dict", "required": True},
            "variables": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, exit_on_signal)
    become_subreaper()
    module.exit_json(
        changed=False,
        observations=observe_host_probes(module.params["probes"], module.params["variables"]),
        engine=read_engine_version(),
        kernel=os.uname().release,
    )


if __name__ == "__main__":
    main()
