"""Gitea's and Forgejo's runner: register, daemon, and what else their documentation names."""

import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import job, labels, registration
from .daemon import Daemon
from .flags import Flags, Line, read_line
from .refusal import Refusal
from .settings import Settings, read_settings
from .wire import Unreachable, Wire

PING_SECONDS = 1
SECRET_LENGTH = 40
EVERYWHERE: Flags = {"config": str, "version": bool, "help": bool}
SHORT = {"c": "config", "v": "version", "h": "help"}
REGISTER: Flags = {
    "no-interactive": bool,
    "instance": str,
    "token": str,
    "name": str,
    "labels": str,
}


@dataclass(frozen=True)
class Program:
    """What one of the programs has that another has not."""

    name: str
    version: str
    prefix: str
    """Of the environment variables by which a job knows the forge."""
    commands: Mapping[str, Flags]
    token_variable: str = ""
    ends_when_removed: bool = True


PROGRAMS = {
    program.name: program
    for program in (
        Program(
            name="act_runner",
            version="v0.2.13",
            prefix="GITEA",
            commands={
                "register": {**REGISTER, "ephemeral": bool},
                "daemon": {"once": bool},
                "generate-config": {},
            },
        ),
        Program(
            name="gitea-runner",
            version="v3.3.0",
            prefix="GITEA",
            commands={
                "register": {**REGISTER, "ephemeral": bool, "token-file": str},
                "daemon": {"once": bool, "labels": str},
                "generate-config": {},
            },
            token_variable="GITEA_RUNNER_REGISTRATION_TOKEN",
        ),
        Program(
            name="forgejo-runner",
            version="v12.2.0",
            prefix="FORGEJO",
            commands={
                "register": REGISTER,
                "create-runner-file": {
                    "instance": str,
                    "secret": str,
                    "name": str,
                    "connect": bool,
                },
                "daemon": {},
                "one-job": {},
                "generate-config": {},
            },
            ends_when_removed=False,
        ),
    )
}


@dataclass(frozen=True)
class Called:
    """A program, how it was called, and its configuration."""

    program: Program
    line: Line
    settings: Settings


def main(name: str, arguments: Sequence[str]) -> int:
    """Run the program of a name."""
    program = PROGRAMS[name]
    try:
        return _main(program, arguments)
    except Refusal as refusal:
        print(f"Error: {refusal}", file=sys.stderr)
        return 1


def _main(program: Program, arguments: Sequence[str]) -> int:
    line = read_line(arguments, program.commands, EVERYWHERE, SHORT)
    if "version" in line.switches:
        print(f"{program.name} version {program.version}")
        return 0
    if "help" in line.switches:
        print("Available Commands:", *program.commands, sep="\n  ")
        return 0
    if not line.command:
        raise Refusal("no command was given")
    if line.command == "generate-config":
        print("log:\n  level: info\nrunner:\n  file: .runner\n  capacity: 1\n  labels: []")
        return 0
    # The real ones go on without, by defaults in the working directory: ours insists.
    if not line.words.get("config"):
        raise Refusal("no configuration file was given (--config)")
    settings = read_settings(line.words["config"], program.name)
    # Refused here, where the real ones leave out what they do not understand.
    labels.names(settings.labels, program.name)
    return COMMANDS[line.command](Called(program, line, settings))


# Registering


def _register(called: Called) -> int:
    _log("info", f"Registering runner, arch=amd64, os=linux, version={called.program.version}.")
    told = _told(called) if "no-interactive" in called.line.switches else _asked(called)
    if told is None:
        return 0
    for key in ("instance", "token"):
        if not told[key]:
            raise Refusal(f"{key} is empty")
    wanted = called.settings.labels or tuple(filter(None, told["labels"].split(",")))
    if not wanted:
        raise Refusal("no labels were given, and the default ones are not wanted here")
    names = labels.names(wanted, called.program.name)
    wire = Wire(told["instance"])
    _ping(wire)
    name = told["name"] or socket.gethostname()
    ephemeral = "ephemeral" in called.line.switches
    answer = wire.call(
        "Register",
        {
            "name": name,
            "token": told["token"],
            "version": called.program.version,
            "labels": names,
            "ephemeral": ephemeral,
        },
    )["runner"]
    registration.save(
        called.settings.file,
        {key: answer[key] for key in ("id", "uuid", "name", "token")}
        | {"address": told["instance"], "labels": list(wanted), "ephemeral": ephemeral},
    )
    _log("info", "Runner registered successfully.")
    return 0


def _told(called: Called) -> dict[str, str]:
    words = called.line.words
    told = {key: words.get(key, "") for key in ("instance", "name", "labels", "token")}
    if words.get("token-file"):
        told["token"] = Path(words["token-file"]).read_text()
    elif not told["token"] and called.program.token_variable:
        told["token"] = os.environ.get(called.program.token_variable, "")
    return {key: value.strip() for key, value in told.items()}


def _asked(called: Called) -> dict[str, str] | None:
    """Ask for what is missing, a line each; None where the user wants nothing done."""
    newer = bool(called.program.token_variable)
    told = _told(called) if newer else dict.fromkeys(("instance", "name", "labels", "token"), "")
    if newer and not told["token"]:
        variable = called.program.token_variable
        raise Refusal(f"missing token, token-file argument, or {variable} environment variable")
    if called.settings.file.is_file():
        _log("info", "Runner is already registered, overwrite local config? [y/N]")
        if _line().lower() != "y":
            return None
    for key in ("instance", "token", "name"):
        if not told[key]:
            _log("info", f"Enter the runner's {key}:")
            told[key] = _line()
    if not called.settings.labels and not told["labels"]:
        _log("info", "Enter the runner labels (comma-separated):")
        told["labels"] = _line()
    return told


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise Refusal("EOF")
    return line.strip()


def _ping(wire: Wire) -> None:
    """Wait for the forge, as long as it takes: the real ones do."""
    while True:
        try:
            wire.call("Ping", {"data": "hello"})
        except Unreachable as error:
            _log("error", f"Cannot ping the instance server: {error}")
            time.sleep(PING_SECONDS)
        else:
            return


def _create_runner_file(called: Called) -> int:
    words = called.line.words
    for key in ("instance", "secret"):
        if not words.get(key):
            raise Refusal(f'required flag(s) "{key}" not set')
    secret = words["secret"]
    if len(secret) != SECRET_LENGTH:
        raise Refusal(f"the secret must be exactly 40 characters long, not {len(secret)}")
    raw = secret[:16].encode().hex()
    uuid = "-".join((raw[:8], raw[8:12], raw[12:16], raw[16:20], raw[20:]))
    name = words.get("name") or socket.gethostname()
    told = {"id": 0, "uuid": uuid, "name": name, "token": secret, "address": words["instance"]}
    Wire(words["instance"]).call("Ping", {"data": uuid})
    registration.save(called.settings.file, told | {"labels": None})
    if "connect" in called.line.switches:
        _declare(called, Wire(words["instance"], uuid, secret), called.settings.labels)
    return 0


# Running


def _daemon(called: Called) -> int:
    _log("info", "Starting runner daemon")
    known = registration.load(called.settings.file)
    with registration.held(called.settings.file):
        once = "once" in called.line.switches or bool(known.get("ephemeral"))
        return _work(called, known, once=once)


def _one_job(called: Called) -> int:
    known = registration.load(called.settings.file)
    wire = Wire(known["address"], known["uuid"], known["token"])
    _declare(called, wire, called.settings.labels or tuple(known["labels"] or ()))
    task = wire.call("FetchTask", {"tasksVersion": 0}).get("task")
    if not task:
        raise Refusal("could not fetch task")
    job.run(wire, task, _place(called, known), cancelled=threading.Event())
    return 0


def _work(called: Called, known: dict[str, Any], *, once: bool) -> int:
    settings = called.settings
    overriding = tuple(filter(None, called.line.words.get("labels", "").split(",")))
    wanted = overriding or settings.labels or tuple(known["labels"] or ())
    wire = Wire(known["address"], known["uuid"], known["token"])
    _declare(called, wire, wanted)
    if list(wanted) != known["labels"]:
        registration.save(settings.file, {**known, "labels": list(wanted)})
    Daemon(
        wire,
        settings,
        lambda: _place(called, known),
        once=once,
        gives_up=called.program.ends_when_removed,
    ).run(lambda said: _log("info", f"runner: {known['name']} {said}"))
    return 0


def _declare(called: Called, wire: Wire, wanted: tuple[str, ...]) -> None:
    names = labels.names(wanted, called.program.name)
    try:
        wire.call("Declare", {"version": called.program.version, "labels": names})
    except Refusal as refusal:
        _log("error", f"fail to invoke Declare: {refusal}")
        raise
    _log("info", f"runner: declared successfully, with labels: {names}")


def _place(called: Called, known: dict[str, Any]) -> job.Place:
    """Say where a job runs: it sees the daemon's own environment beneath its own."""
    folder = called.settings.workdir_parent / secrets.token_hex(8) / "hostexecutor"
    prefix, version = called.program.prefix, called.program.version
    environment = {
        **os.environ,
        **called.settings.envs,
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITEA_ACTIONS": "true",
        f"{prefix}_ACTIONS": "true",
        f"{prefix}_ACTIONS_RUNNER_VERSION": version,
        "GITHUB_SERVER_URL": known["address"],
        "GITHUB_WORKSPACE": str(folder),
        "RUNNER_OS": "Linux",
        "RUNNER_ARCH": "X64",
        "RUNNER_TEMP": str(folder.parent / "tmp"),
        "RUNNER_TOOL_CACHE": str(Path.home() / ".cache" / "tool_cache"),
    }
    shell = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail")
    return job.Place(folder, environment, shell)


def _log(level: str, message: str) -> None:
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print(f'time="{moment}" level={level} msg="{message}"', file=sys.stderr, flush=True)


COMMANDS: Mapping[str, Callable[[Called], int]] = {
    "register": _register,
    "create-runner-file": _create_runner_file,
    "daemon": _daemon,
    "one-job": _one_job,
}
