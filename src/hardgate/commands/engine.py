"""`hardgate engine`: an engine and a base are there, proven by a container that ran."""

import sys
from collections.abc import Sequence
from pathlib import Path

from docker.errors import APIError

from hardgate.base import ensure_base
from hardgate.command_line import Parser
from hardgate.engine import Engine, find_engine, is_answered
from hardgate.errors import EngineError, PlaybookError
from hardgate.playbook import play
from hardgate.report.console import Console


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
    if not is_answered():
        _install(console)
    engine = find_engine()
    console.say(f"Engine {engine.version['Version']} answers at {engine.url} ({engine.how}).")
    base = ensure_base(engine, file=values.base, refresh=values.refresh_base, say=console.note)
    with console.step("Prove the engine by running a container"):
        prove(engine, base)
    return 0


def prove(engine: Engine, base: str) -> None:
    """Run `true` in a container of the base; EngineError with the engine's words otherwise."""
    client = engine.client()
    container = client.create_container(base, ["true"])["Id"]
    try:
        client.start(container)
        status = client.wait(container)["StatusCode"]
    except APIError as error:
        raise EngineError(
            f"The engine at '{engine.url}' answers, and cannot run a container.",
            "Look at its log.",
            evidence=str(error.explanation or error),
        ) from error
    finally:
        client.remove_container(container, force=True)
    if status != 0:
        raise EngineError(f"'true' exited {status} in a container of '{base}'.", "Is it a base?")


def _install(console: Console) -> None:
    with console.step("Install and start a Docker Engine"):
        _play("present")


def _remove(console: Console) -> int:
    record = Path("/var/lib/hardgate/engine.json")
    if not record.is_file():
        console.say("Nothing was installed by 'hardgate engine' here, so nothing is removed.")
        return 0
    with console.step("Remove the engine that 'hardgate engine' installed"):
        _play("absent")
    return 0


def _play(state: str) -> None:
    try:
        play("engine.yml", {"engine_state": state})
    except PlaybookError as error:
        raise EngineError(error.problem, error.remedy, evidence=error.evidence) from error
