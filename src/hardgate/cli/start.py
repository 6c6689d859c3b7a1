"""Where a command starts: Ansible first, which takes longest to load, where a gate is asked for."""

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from hardgate.ansible.ahead import start_ahead
from hardgate.errors import ExitCode
from hardgate.resources import ROLES
from hardgate.system.quick_exit import leave_process

PLAYBOOKS = {"gate": "gate.yml", "runtime": "runtime.yml"}
"""By the command that plays one for certain, once its words are understood."""
ROLES_OF_GATES = ("test_host", "workspace", "contract_probe")
FIRST_STEP_OF_GATES = "hardgate.host.creation:take_first_step"
WORDS_OF_OTHER_ERRANDS = frozenset({"-h", "--help", "--watch"})
"""With one of them no play follows, or many do."""


def main() -> int:
    """Carry out the command in this process's words; gives its exit code."""
    try:
        return _start_command(sys.argv[1:])
    except KeyboardInterrupt:  # of a command that listens for no signal, or does not yet
        code = int(ExitCode.INTERRUPTED)
        print(f"hardgate: interrupted\nhardgate: exit {code}", file=sys.stderr)
        return code


def _start_command(argv: Sequence[str]) -> int:
    with contextlib.ExitStack() as ahead:
        playbook = find_certain_playbook(argv)
        if playbook is not None and "_ARGCOMPLETE" not in os.environ:
            plugins = [ROLES / name / "action_plugins" / f"{name}.py" for name in ROLES_OF_GATES]
            ahead.enter_context(start_ahead(playbook, plugins, FIRST_STEP_OF_GATES))
        return int(import_module("hardgate.cli.main").main())


def find_certain_playbook(argv: Sequence[str]) -> str | None:
    """Name the playbook that these words will play; None where none is certain."""
    if not argv or WORDS_OF_OTHER_ERRANDS.intersection(argv):
        return None
    return PLAYBOOKS.get(argv[0])


def start_process() -> NoReturn:
    """Be the command's whole process."""
    leave_process(main())
