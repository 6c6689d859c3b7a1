"""ansible-playbook with our action plugins' modules loaded before it begins: a program.

python -m hardgate.ansible.preloaded_playbook FIRST_STEP PLUGINS VARIABLES ARGUMENT…

FIRST_STEP is a function of ours, as `module:name`. It is called with the play's variables in a
worker, as Ansible forks one for a task, as soon as they are in the file VARIABLES (a playbook that
imports another one, as JSON). Ansible comes to a task half a second later. The task finds the step
taken, also where it failed; where the worker died, it takes the step itself.

PLUGINS: files of action plugins, separated by colons, or nothing. Each is executed once, so that
all that it imports is there before the first task.
"""

import gc
import json
import os
import runpy
import sys
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from hardgate.system.quick_exit import leave_process

PAUSE_SECONDS = 0.005


def begin_first_step(name: str, variables: Path) -> None:
    """Fork a worker that takes the step when the variables are there."""
    module, _, function = name.partition(":")
    take_first_step = getattr(import_module(module), function)
    parent = os.getpid()
    try:
        child = os.fork()
    except OSError:  # no memory for it: the task takes the step
        return
    if child:
        return
    try:
        _let_go_of_terminal()
        while not variables.exists():
            if os.getppid() != parent or not variables.parent.exists():
                return
            time.sleep(PAUSE_SECONDS)
        [play] = json.loads(variables.read_text(encoding="utf-8"))
        take_first_step(unmark(play["vars"]))
    finally:
        # The task says what is wrong.
        os._exit(0)


def unmark(value: Any) -> Any:
    """Give what `mark_unsafe` was given."""
    if isinstance(value, Mapping):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: unmark(item) for key, item in value.items()}
    return [unmark(item) for item in value] if isinstance(value, list) else value


def preload_plugins(files: str) -> None:
    """Execute each file, and forget what it defines: Ansible loads it again in its own way."""
    for file in filter(None, files.split(os.pathsep)):
        runpy.run_path(file)


def play(arguments: list[str]) -> int:
    """Run ansible-playbook; give its exit status."""
    try:
        import_module("ansible.cli.playbook").main(["ansible-playbook", *arguments])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


def _let_go_of_terminal() -> None:
    """Whoever plays hears of Ansible's end when nobody holds its terminal any more."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)


if __name__ == "__main__":
    # What is loaded stays: to look for garbage among it takes a tenth of the time.
    gc.disable()
    if sys.argv[1]:
        begin_first_step(sys.argv[1], Path(sys.argv[3]))
    import_module("ansible.cli.playbook")
    preload_plugins(sys.argv[2])
    gc.freeze()
    gc.enable()
    leave_process(play(sys.argv[4:]))
