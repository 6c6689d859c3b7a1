"""GitHub's runner: Runner.Listener (configure, remove, run) and the Runner.Worker of a job."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import job
from .flags import Flags, Line, read_line
from .refusal import Refusal
from .wire import Unregistered, Wire, ask

VERSION = "2.328.0"
INPUT = "ACTIONS_RUNNER_INPUT_"
EVERYWHERE: Flags = {"help": bool, "version": bool, "commit": bool}
COMMANDS: Mapping[str, Flags] = {
    "configure": {
        "unattended": bool,
        "ephemeral": bool,
        "replace": bool,
        "disableupdate": bool,
        "no-default-labels": bool,
        "url": str,
        "token": str,
        "name": str,
        "labels": str,
        "runnergroup": str,
        "work": str,
    },
    "remove": {"token": str, "local": bool},
    "run": {"once": bool, "startuptype": str},
}
SHORT: Mapping[str, str] = {}
OWN_LABELS = ("self-hosted", "Linux", "X64")
REPOSITORY = re.compile(r"https?://[^/]+/[^/]+(/[^/]+)?/?")
POLL_SECONDS = 0.5
FILES = (".runner", ".credentials", ".credentials_rsaparams")


def main(root: Path, arguments: Sequence[str]) -> int:
    """Run the listener that is installed in a folder."""
    try:
        return _main(root, arguments)
    except Refusal as refusal:
        print(f"An error occurred: {refusal}", file=sys.stderr)
        return 1


def _main(root: Path, arguments: Sequence[str]) -> int:
    line = _with_inputs(read_line(arguments, COMMANDS, EVERYWHERE, SHORT))
    if "version" in line.switches:
        print(VERSION)
        return 0
    if "help" in line.switches or not line.command:
        print("Commands: ./config.sh, ./config.sh remove, ./run.sh")
        return 0
    return {"configure": _configure, "remove": _remove, "run": _run}[line.command](root, line)


def _with_inputs(line: Line) -> Line:
    """Take what the environment tells; jobs never see it."""
    words, switches = dict(line.words), set(line.switches)
    kinds = COMMANDS.get(line.command, {})
    for name in [name for name in os.environ if name.upper().startswith(INPUT)]:
        value, key = os.environ.pop(name).strip(), name[len(INPUT) :].lower()
        if kinds.get(key) is str and value:
            words.setdefault(key, value)
        elif kinds.get(key) is bool and value.lower() in {"true", "1"}:
            switches.add(key)
    return Line(line.command, words, frozenset(switches))


def _configure(root: Path, line: Line) -> int:
    if (root / ".runner").exists():
        raise Refusal(
            "Cannot configure the runner because it is already configured. To reconfigure the"
            " runner, run 'config.cmd remove' or './config.sh remove' first."
        )
    url, token = _wanted(line, "url"), _wanted(line, "token")
    if not REPOSITORY.fullmatch(url):
        raise Refusal(f"Invalid configuration provided for url: '{url}'")
    labels = list(filter(None, line.words.get("labels", "").split(",")))
    if any(label != label.strip() or ":" in label for label in labels):
        raise Refusal("Invalid configuration provided for labels.")
    name = line.words.get("name") or socket.gethostname()
    own = [] if "no-default-labels" in line.switches else list(OWN_LABELS)
    tenant = _exchange(url, token, "register")
    agent = ask(
        f"{_site(url)}/_apis/distributedtask/pools/1/agents",
        {
            "name": name,
            "labels": own + labels,
            "ephemeral": "ephemeral" in line.switches,
            "version": VERSION,
            "replace": "replace" in line.switches,
        },
        {"Authorization": f"Bearer {tenant}"},
    )
    settings = {
        "agentId": agent["id"],
        "agentName": name,
        "poolId": 1,
        "poolName": line.words.get("runnergroup", "Default"),
        "disableUpdate": "disableupdate" in line.switches,
        "ephemeral": "ephemeral" in line.switches,
        "serverUrl": _site(url),
        "gitHubUrl": url,
        "workFolder": line.words.get("work", "_work"),
    }
    (root / ".runner").write_text(json.dumps(settings))
    (root / ".credentials").write_text(
        json.dumps({"scheme": "OAuth", "data": {"clientId": agent["uuid"]}})
    )
    (root / ".credentials_rsaparams").write_text(json.dumps({"d": agent["token"]}))
    (root / ".credentials_rsaparams").chmod(0o600)
    print("√ Runner successfully added\n√ Settings Saved.")
    return 0


def _remove(root: Path, line: Line) -> int:
    if "local" not in line.switches:
        settings = _load(root, ".runner")
        tenant = _exchange(settings["gitHubUrl"], _wanted(line, "token"), "remove")
        place = f"{settings['serverUrl']}/_apis/distributedtask/pools/1/agents/"
        ask(
            f"{place}{settings['agentId']}",
            {},
            {"Authorization": f"Bearer {tenant}"},
            method="DELETE",
        )
        print("√ Runner removed successfully")
    _forget(root)
    return 0


def _run(root: Path, line: Line) -> int:
    if not (root / ".runner").exists():
        raise Refusal("Runner is not configured.")
    settings, credentials = _load(root, ".runner"), _load(root, ".credentials")
    token = _load(root, ".credentials_rsaparams")["d"]
    wire = Wire(settings["serverUrl"], credentials["data"]["clientId"], token)
    once = settings["ephemeral"] or "once" in line.switches
    stopping, cancelled = threading.Event(), threading.Event()

    def stop(*_: Any) -> None:
        print("Exiting...", flush=True)
        stopping.set()
        # There is no draining: a running job is cancelled.
        cancelled.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print("\n√ Connected to GitHub\n\nListening for Jobs", flush=True)
    try:
        while task := job.poll(wire, POLL_SECONDS, stopping, gives_up=True):
            _in_thread(wire, task, _place(root, settings), cancelled)
            if once:
                break
    except Unregistered as error:
        raise Refusal("The runner registration has been deleted from the server.") from error
    if settings["ephemeral"] and not stopping.is_set():
        _forget(root)
    return 0


def _in_thread(
    wire: Wire, task: Mapping[str, Any], place: job.Place, cancelled: threading.Event
) -> None:
    """Run a job beside the main thread, which has the signals."""
    worker = threading.Thread(
        target=job.run, args=(wire, task, place), kwargs={"cancelled": cancelled}
    )
    worker.start()
    while worker.is_alive():
        worker.join(0.1)


def work(arguments: Sequence[str]) -> int:
    """Be the process that runs a job: somebody who waits for it to end looks for its name."""
    shell = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
    return subprocess.run([*shell, arguments[-1]], check=False).returncode


def _place(root: Path, settings: Mapping[str, Any]) -> job.Place:
    repository = urlsplit(str(settings["gitHubUrl"])).path.strip("/").rpartition("/")[2]
    folder = root / str(settings["workFolder"]) / repository / repository
    told = dict(
        line.split("=", 1) for line in (root / ".env").read_text().splitlines() if "=" in line
    )
    environment = {
        **os.environ,
        **told,
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": str(settings["serverUrl"]),
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_NAME": str(settings["agentName"]),
        "RUNNER_OS": "Linux",
        "RUNNER_ARCH": "X64",
        "RUNNER_TEMP": str(root / str(settings["workFolder"]) / "_temp"),
    }
    return job.Place(folder, environment, (str(root / "bin" / "Runner.Worker"), "spawnclient"))


def _wanted(line: Line, key: str) -> str:
    if not line.words.get(key):
        raise Refusal(
            f"Invalid configuration provided for {key}. Terminating unattended configuration."
        )
    return line.words[key]


def _exchange(url: str, token: str, event: str) -> str:
    told = {"url": url, "runner_event": event}
    place = f"{_site(url)}/api/v3/actions/runner-registration"
    return str(ask(place, told, {"Authorization": f"RemoteAuth {token}"})["token"])


def _site(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _load(root: Path, name: str) -> dict[str, Any]:
    try:
        read: dict[str, Any] = json.loads((root / name).read_text())
    except OSError as error:
        raise Refusal(f"Could not find file '{root / name}'.") from error
    return read


def _forget(root: Path) -> None:
    for name in FILES:
        (root / name).unlink(missing_ok=True)
