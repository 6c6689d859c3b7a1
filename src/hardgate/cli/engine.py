"""`hardgate engine`: an engine and a base are there, proven by a container that ran."""

import os
import secrets
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import docker
from docker.errors import APIError, DockerException

from hardgate.ansible.events import PlayEvent, TaskOk
from hardgate.ansible.play import run_playbook
from hardgate.cli.parser import CommandParser
from hardgate.engine.base_bootstrap import begin_bootstrap
from hardgate.engine.base_image import ensure_base
from hardgate.engine.client import Engine, EngineAccessError, connect_engine, find_engine
from hardgate.engine.docker_group import join_engine_group
from hardgate.engine.endpoint import locate_endpoint
from hardgate.engine.lock import hold_folder_lock
from hardgate.engine.proxy import read_proxy_environment
from hardgate.errors import EngineError, PlaybookError
from hardgate.report.console import Console
from hardgate.resources import ROLES
from hardgate.system.ownership import Owner, ProcessIdentity

INSTALL_RECORD = Path("/var/lib/hardgate-engine")
PROOF_SECONDS = 60


def main(argv: Sequence[str]) -> int:
    """Find an engine, or install one; or take back what was installed."""
    parser = CommandParser(
        "engine", "Install a Docker Engine where none answers, and prepare the base image."
    )
    parser.add_argument(
        "--remove", action="store_true", help="uninstall everything that this command installed"
    )
    parser.add_argument(
        "--base",
        type=Path,
        metavar="FILE",
        help="root file system (tar) to make the base image from",
    )
    parser.add_argument(
        "--refresh-base",
        action="store_true",
        help="make hardgate's own base again even if one is cached",
    )
    values = parser.parse_argv(argv)
    console = Console(sys.stdout)
    if values.remove:
        return _remove_engine(console)
    is_missing = not has_engine()
    # Of a user who joins the engine's group another process goes on, and would not have it.
    is_early = is_missing and values.base is None and os.geteuid() == 0
    with begin_bootstrap() if is_early else nullcontext() as early_root:
        if is_missing:
            _install_engine(console)
            join_engine_group(["engine", *argv])
        engine = find_engine()
        console.print_text(
            f"Engine {engine.version['Version']} answers at {engine.url} ({engine.found_by})."
        )
        base = ensure_base(
            engine,
            file=values.base,
            refresh=values.refresh_base,
            early_root=early_root,
            report_progress=console.print_notice,
        )
    console.print_text(f"The base is '{base}'.")
    with console.step("Prove the engine by running a container"):
        prove_engine(engine, base)
    return 0


def has_engine() -> bool:
    """Tell whether there is an engine: one that somebody named, or one at the default socket.

    An engine that was named and does not answer is the caller's mistake, and told as one: no
    other is installed in its place. So is one that this user may not speak to.
    """
    endpoint = locate_endpoint(os.environ)
    if endpoint.is_named:
        return True
    try:
        connect_engine(endpoint.url).close()
    except EngineAccessError:
        return True
    except EngineError:
        return False
    return True


def prove_engine(engine: Engine, base: str) -> None:
    """Run `true` in a container of the base; EngineError with the engine's words otherwise."""
    client = engine.open_client()
    owner = Owner(
        run=secrets.token_hex(4),
        process=ProcessIdentity.of_current_process(),
        deadline=int(time.time()) + PROOF_SECONDS,
    )
    try:
        status = _run_true(client, base, owner)
    except (DockerException, OSError) as error:
        explanation = error.explanation if isinstance(error, APIError) else error
        raise EngineError(
            f"The engine at '{engine.url}' answers, and cannot run a container.",
            "Look at its log, and at what it says of itself (docker info).",
            evidence=str(explanation or error),
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


def _install_engine(console: Console) -> None:
    with hold_folder_lock(ROLES / "engine"):
        _play_engine_role("present", "Install and start a Docker Engine", console)


def _remove_engine(console: Console) -> int:
    if not INSTALL_RECORD.exists():
        console.print_text(
            "Nothing was installed by 'hardgate engine' here, so nothing is removed."
        )
        return 0
    with hold_folder_lock(ROLES / "engine"):
        _play_engine_role("absent", "Remove what 'hardgate engine' installed", console)
    return 0


def _play_engine_role(state: str, step: str, console: Console) -> None:
    messages: list[str] = []
    values = {
        "engine_state": state,
        "engine_record": str(INSTALL_RECORD),
        "engine_environment": read_proxy_environment(),
    }
    try:
        with console.step(step):
            run_playbook(
                "engine.yml",
                values,
                on_event=lambda event: messages.extend(read_notices(event)),
            )
    except PlaybookError as error:
        raise EngineError(error.problem, error.remedy, evidence=error.evidence) from error
    finally:
        for line in messages:
            console.print_text(line)


def read_notices(event: PlayEvent) -> Sequence[str]:
    """Pick what the role reports of its work."""
    return event.messages if isinstance(event, TaskOk) else ()
