"""Which of the programs this is: its name says."""

import sys
from pathlib import Path

from . import act, listener


def main() -> int:
    """Be the program of this file's name, whatever version or platform it names beside."""
    file = Path(sys.argv[0]).resolve()
    if file.name == "Runner.Listener":
        return listener.main(file.parent.parent, sys.argv[1:])
    if file.name == "Runner.Worker":
        return listener.work(sys.argv[1:])
    for name in act.PROGRAMS:
        if file.name.startswith(name):
            return act.main(name, sys.argv[1:])
    print(f"The stand-in has no program of the name '{file.name}'.", file=sys.stderr)
    return 1
