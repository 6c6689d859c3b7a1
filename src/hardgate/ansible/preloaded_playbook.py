"""ansible-playbook with our action plugins' modules loaded before it begins: a program.

python -m hardgate.ansible.preloaded_playbook PLUGINS ARGUMENT…

PLUGINS: files of action plugins, separated by colons, or nothing. Each is executed once, so that
all that it imports is there before the first task.
"""

import os
import runpy
import sys

from ansible.cli.playbook import main


def preload_plugins(files: str) -> None:
    """Execute each file, and forget what it defines: Ansible loads it again in its own way."""
    for file in filter(None, files.split(os.pathsep)):
        runpy.run_path(file)


if __name__ == "__main__":
    preload_plugins(sys.argv[1])
    main(["ansible-playbook", *sys.argv[2:]])
