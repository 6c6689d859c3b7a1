"""`hardgate engine`: an engine and a base are there, proven by a container that ran."""

import os
import secrets
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import docker
from docker.errors import APIError, DockerException

from hardgate.ansible.play import Event, play
from hardgate.cli.parser import Parser
from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import Engine, EngineAccessError, connect, find_engine
from hardgate.engine.docker_group import join_group
from hardgate.engine.endpoint import locate
from hardgate.engine.lock import turn
from hardgate.engine.ownership import Owner, Process
from hardgate.engine.proxy import proxy_environment
from hardgate.errors import EngineError, PlaybookError
from hardgate.report.console import Console
from hardgate.resources import ROLES

RECORD = Path("/var/lib/hardgate-engine")
PROOF_SECONDS = 60


def main(words: Sequence[str]) -> int:
    """Find an engine, or install one; or take back what was installed."""
    parser = Parser("engine", "Make sure that a Docker Engine and a base answer here.")
    parser.add_argument("--remove", action="store_true", help="take back what this installed")
    parser.add_argument("--base", type=Path, metavar="FILE", help="a root file system (tar)")
    parser.add_argument("--refresh-base", action="store_true", help="make the base anew")
    values = parser.read(words)
    console = Console(sys.stdout)
    if values.remove:
        return _remove(console)
    if not is_there():
        _install(console)
        join_group(["engine", *words])
    engine = find_engine()
    console.say(f"Engine {engine.version['Version']} answers at {engine.url} ({engine.how}).")
    base = ensure_base(engine, file=values.base, refresh=values.refresh_base, say=console.note)
    console.say(f"The base is '{base}'.")
    with console.step("Prove the engine by running a container"):
        prove(engine, base)
    return 0


def is_there() -> bool:
    """Tell whether there is an engine: one that somebody named, or one at the default socket.

    An engine that was named and does not answer is the caller's mistake, and told as one: no
    other is installed in its place. So is one that this user may not speak to.
    """
    endpoint = locate(os.environ)
    if endpoint.is_named:
        return True
    try:
        connect(endpoint.url).close()
    except EngineAccessError:
        return True
    except EngineError:
        return False
    return True


def prove(engine: Engine, base: str) -> None:
    """Run `true` in a container of the base; EngineError with the engine's words otherwise."""
    client = engine.client()
    owner = Owner(
        run=secrets.token_hex(4),
        process=Process.current(),
        deadline=int(time.time()) + PROOF_SECONDS,
    )
    try:
        status = _run_true(client, base, owner)
    except (DockerException, OSError) as error:
        words = error.explanation if isinstance(error, APIError) else error
        raise EngineError(
            f"The engine at '{engine.url}' answers, and cannot run a container.",
            "Look at its log, and at what it says of itself (docker info).",
            evidence=str(words or error),
        ) from error
    if status != 0:
        raise EngineError(
            f"'true' exited {status} in a container of '{base}'.",
            "Give another base by '--base FILE', of this machine's architecture.",
        )


def _run_true(client: docker.APIClient, base: str, owner: Owner) -> int:
    container = client.create_container(base, ["true"], labels=owner.labels)["Id"]
    try:
        client.start(container)
        return int(client.wait(container, timeout=PROOF_SECONDS)["StatusCode"])
    finally:
        client.remove_container(container, v=True, force=True)


def _install(console: Console) -> None:
    with turn(ROLES / "engine"):
        _play("present", "Install and start a Docker Engine", console)


def _remove(console: Console) -> int:
    if not RECORD.exists():
        console.say("Nothing was installed by 'hardgate engine' here, so nothing is removed.")
        return 0
    with turn(ROLES / "engine"):
        _play("absent", "Remove what 'hardgate engine' installed", console)
    return 0


def _play(state: str, step: str, console: Console) -> None:
    said: list[str] = []
    values = {
        "engine_state": state,
        "engine_record": str(RECORD),
        "engine_environment": proxy_environment(),
    }
    try:
        with console.step(step):
            play("engine.yml", values, on_event=lambda event: said.extend(words_of(event)))
    except PlaybookError as error:
        raise EngineError(error.problem, error.remedy, evidence=error.evidence) from error
    finally:
        for line in said:
            console.say(line)


def words_of(event: Event) -> Sequence[str]:
    """Pick what the role says of its work: the lines of its debug tasks."""
    data = event.get("event_data", {})
    if event.get("event") != "runner_on_ok" or not str(data.get("task_action")).endswith("debug"):
        return ()
    lines = data.get("res", {}).get("msg", ())
    return lines if isinstance(lines, list) else [str(lines)]
