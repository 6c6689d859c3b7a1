"""`hardgate completion`: the script by which a shell completes hardgate's words.

argcomplete asks this very program (https://kislyuk.github.io/argcomplete/): the shell runs it with
`_ARGCOMPLETE` in the environment, and the parser of the command in question prints the words.
"""

import argparse
import os
import shlex
from collections.abc import Sequence

import argcomplete
from argcomplete.shell_integration import shellcode

from hardgate.cli.commands import COMMANDS
from hardgate.cli.parser import CommandParser

SHELLS = ("bash", "zsh", "fish")


def main(argv: Sequence[str]) -> int:
    """Print the script of the shell that was named."""
    parser = CommandParser("completion", "Print the completion script of a shell.")
    parser.add_argument("shell", choices=SHELLS, help="shell to print the script for")
    values = parser.parse_argv(argv)
    print(shellcode(["hardgate"], shell=values.shell))
    return 0


def complete_command_name() -> str | None:
    """Answer a shell that completes the command's name, and exit.

    Returns the name where that is complete already; its own parser answers for what follows. None
    where there is no such command, so that there is nothing to complete.
    """
    line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT") or 0) or None]
    words = _split_words(line)
    if len(words) > 2 or (len(words) == 2 and line.endswith(" ")):  # noqa: PLR2004
        # The parser is told to pass over two words: the program's name, and the command's.
        os.environ["_ARGCOMPLETE"] = "2"
        return words[1] if words[1] in COMMANDS else None
    names = argparse.ArgumentParser(add_help=False)
    names.add_argument("command", choices=tuple(COMMANDS))
    argcomplete.autocomplete(names)
    return None


def _split_words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # a quote that is still open
        return line.split()
