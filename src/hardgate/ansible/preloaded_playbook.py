"""ansible-playbook with our action plugins' modules loaded before it begins: a program.

python -m hardgate.ansible.preloaded_playbook PLUGINS VARIABLES ARGUMENT…

PLUGINS: files of action plugins, separated by colons, or nothing. Each is executed once, so that
all that it imports is there before the first task. A plugin may have a function `take_first_step`:
it is called in a worker, as Ansible forks one for a task, as soon as the play's variables are in the
file VARIABLES (a playbook that imports another one, as JSON), which is long before Ansible comes to
the task. That task finds the step taken; where the worker failed, it takes the step itself.
"""

import json
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ansible.cli.playbook import main

FirstStep = Callable[[Mapping[str, Any]], None]
PAUSE_SECONDS = 0.005


def preload_plugins(files: str) -> Iterator[FirstStep]:
    """Execute each file, and keep nothing but first steps: Ansible loads it again in its own way."""
    for file in filter(None, files.split(os.pathsep)):
        first_step = runpy.run_path(file).get("take_first_step")
        if first_step is not None:
            yield first_step


def begin_first_step(take_first_step: FirstStep, variables: Path) -> None:
    """Fork a worker that takes the step when the variables are there."""
    parent = os.getpid()
    if os.fork():
        return
    try:
        _keep_quiet()
        while not variables.exists():
            if os.getppid() != parent or not variables.parent.exists():
                return
            time.sleep(PAUSE_SECONDS)
        [play] = json.loads(variables.read_text(encoding="utf-8"))
        take_first_step(unmark(play["vars"]))
    finally:
        # The task says what is wrong, if it is still wrong then.
        os._exit(0)


def unmark(value: Any) -> Any:
    """Give what `mark_unsafe` was given."""
    if isinstance(value, Mapping):
        if value.keys() == {"__ansible_unsafe"}:
            return value["__ansible_unsafe"]
        return {key: unmark(item) for key, item in value.items()}
    return [unmark(item) for item in value] if isinstance(value, list) else value


def _keep_quiet() -> None:
    """Let go of the terminal: Ansible's end is told by that of all who hold it."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(nothing, descriptor)


if __name__ == "__main__":
    for step in preload_plugins(sys.argv[1]):
        begin_first_step(step, Path(sys.argv[2]))
    main(["ansible-playbook", *sys.argv[3:]])
