"""ansible-playbook that loads itself first, and waits for its variables: a program.

python -m hardgate.ansible.waiting_playbook FIFO PLUGINS ARGUMENT…

FIFO: whoever started it writes a line there once the variables are written; where it is closed
without one, the play is not wanted. PLUGINS: files of action plugins, separated by colons, each
executed once so that all that it imports is there before the first task.
"""

import os
import runpy
import sys
from pathlib import Path

from ansible.cli.playbook import main


def run(fifo: str, plugins: str, arguments: list[str]) -> None:
    """Load, wait, and do what ansible-playbook does with these arguments."""
    for plugin in plugins.split(os.pathsep):
        runpy.run_path(plugin)
    with Path(fifo).open() as lines:
        wanted = lines.readline()
    if wanted:
        main(["ansible-playbook", *arguments])


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3:])
