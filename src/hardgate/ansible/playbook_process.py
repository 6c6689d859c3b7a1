"""Starts ansible-playbook for one play: the one module that knows ansible-runner.

It is loaded before all else that a gate needs, and imports little.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible_runner.interface import init_runner
from ansible_runner.utils import get_callback_dir

from hardgate.ansible.environment import build_ansible_environment
from hardgate.ansible.inventory import Inventory
from hardgate.resources import PLAYBOOKS
from hardgate.system.process import end_processes_of
from hardgate.system.temporary_folder import temporary_folder

ANSIBLE_SETTINGS = "[defaults]\ninternal_poll_interval = 0.005\n"
"""Ansible looks for a task's end a thousand times a second; that has no variable of its own:
https://docs.ansible.com/ansible/latest/reference_appendices/config.html#default-internal-poll-interval
"""

TAG_OF_ARGUMENT_CHECKS = "always"
"""No task of ours has it:
https://docs.ansible.com/ansible/latest/playbook_guide/playbooks_reuse_roles.html#role-argument-validation
"""

_RUNNER_SETTINGS = {
    # How long a signal or a deadline may go unnoticed; the runner looks up this often.
    "pexpect_timeout": 0.2,
    # The events are handed over as they come, and nothing is to be left on the disk.
    "suppress_output_file": True,
}

RawEventHandler = Callable[[dict[str, Any]], bool]
"""Takes in an event as ansible-runner gives it. False: the runner need not write it down."""


def make_runner(
    playbook: str,
    folder: Path,
    *,
    handle_event: RawEventHandler,
    is_over: Callable[[], bool],
    inventory: Inventory | None = None,
    checks_arguments: bool = True,
) -> Any:
    """Make what runs `playbook`, a file's name in our playbooks or a path, by its `run()`.

    `folder` holds the play's variables. `is_over` is asked several times a second: True ends it.
    Without `checks_arguments` Ansible does not hold them against the roles' argument specs, which
    takes 25 ms for each role.
    """
    runner = init_runner(
        private_data_dir=str(folder),
        playbook=str(PLAYBOOKS / playbook),
        **_make_inventory_settings(inventory),
        settings=_RUNNER_SETTINGS,
        skip_tags=None if checks_arguments else TAG_OF_ARGUMENT_CHECKS,
        quiet=True,
        event_handler=handle_event,
        cancel_callback=is_over,
    )
    runner.config.env = build_ansible_environment(
        os.environ,
        folder,
        callback={**runner.config.env, "ANSIBLE_CALLBACK_PLUGINS": get_callback_dir()},
        elsewhere=inventory is not None,
    )
    return runner


def run_to_end(runner: Any, folder: Path) -> int:
    """Run a play; one that did not end well leaves no process. Gives Ansible's exit status.

    Ansible ends its workers, but one that it has just forked does not hear of it, and none does
    where Ansible itself was killed.
    """
    runner.run()
    if runner.status != "successful":
        end_processes_of(folder)
    return int(runner.rc)


@contextlib.contextmanager
def make_play_folder(directory: Path | None = None) -> Iterator[Path]:
    """Make a folder that only this user can look into, and remove it with all it holds.

    `directory` is a run's own; without one it lies in a temporary folder that `reap` knows.
    """
    with contextlib.ExitStack() as cleanup:
        parent = directory or cleanup.enter_context(temporary_folder())
        # A short name: ssh puts a socket of 57 characters into it, and a path may have 107 in all.
        folder = Path(tempfile.mkdtemp(prefix="play-", dir=parent)).resolve()
        cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / "env").mkdir(mode=0o700)
        write_private_file(folder / "env" / "ansible.cfg", ANSIBLE_SETTINGS)
        yield folder


def write_extra_vars(folder: Path, extra_vars: Mapping[str, Any]) -> None:
    """Write the play's variables to where Ansible reads them."""
    write_private_file(folder / "env" / "extravars", json.dumps(dict(extra_vars)))


def write_private_file(path: Path, text: str) -> None:
    """Write a file that only this user can read."""
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _make_inventory_settings(inventory: Inventory | None) -> dict[str, Any]:
    """Say to ansible-runner where a play is to run."""
    if inventory is None:
        return {"inventory": _make_local_inventory()}
    settings = {"inventory": str(inventory.path.resolve()), "forks": inventory.forks}
    return settings | ({"limit": inventory.limit} if inventory.limit else {})


def _make_local_inventory() -> dict[str, Any]:
    """Name this machine alone, as data: a line of text would break at a space in a path."""
    return {
        "all": {
            "hosts": {
                "localhost": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": sys.executable,
                }
            }
        }
    }
