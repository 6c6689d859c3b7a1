"""`hardgate shell`: a shell, or a command, as the agent in the workspace of an image."""

import os
import sys
from collections.abc import Sequence

from hardgate.cli.gate import make_gate_parser, read_gate_request
from hardgate.cli.options import make_console
from hardgate.gate.interactive import open_shell

ABOUT = (
    "Boot an image on a throwaway host as the gate does, and open a shell in it as the agent, or "
    "run the command after '--'. All of it is removed when the shell ends."
)
SHELL = ("sh", "-c", "command -v bash >/dev/null && exec bash || exec sh")


def main(argv: Sequence[str]) -> int:
    """Open the shell; the exit code is the command's own."""
    words, command = split_command_words(argv)
    values = make_gate_parser("shell", ABOUT).parse_argv(words)
    request = read_gate_request(values, os.environ)
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return open_shell(request, command or SHELL, make_console(values), terminal=terminal)


def split_command_words(argv: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Split the options from the command that stands after '--'."""
    if "--" not in argv:
        return argv, ()
    position = list(argv).index("--")
    return argv[:position], argv[position + 1 :]
