"""Parses command lines: argparse, with guesses for typos and errors of our own kind."""

import argparse
import difflib
import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import NoReturn

import hardgate
from hardgate.cli.commands import COMMANDS, format_command_list
from hardgate.errors import UsageError


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that guesses what a mistyped option was meant to be."""

    def __init__(self, name: str, about: str) -> None:
        """Parse the arguments of `hardgate NAME`; `about` is one paragraph of its help."""
        command = COMMANDS.get(name.split(maxsplit=1)[0])
        super().__init__(
            prog=f"hardgate {name}",
            description=about,
            epilog=f"example: {command.example}" if command else None,
            allow_abbrev=False,
        )

    def error(self, message: str) -> NoReturn:
        """Raise, instead of printing and exiting."""
        raise UsageError(
            f"The command is wrong: {message}.", f"See '{self.prog} --help' for what it takes."
        )

    def parse_argv(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all arguments; an unknown one is an error with a guess."""
        if "_ARGCOMPLETE" in os.environ:
            import_module("argcomplete").autocomplete(self)
        values, unknown = self.parse_known_args(argv)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            guess = suggest_argument(unknown[0].partition("=")[0], options)
            raise UsageError(
                f"'{self.prog}' does not take '{unknown[0]}'.",
                guess or f"See '{self.prog} --help' for what it takes.",
            )
        return values


def suggest_argument(argument: str, known: Iterable[str]) -> str:
    """Guess what a mistyped word was meant to be; a sentence, or nothing."""
    close = difflib.get_close_matches(argument, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""


def split_command(argv: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Split off the command's name; --help and --version are answered here."""
    if not argv or argv[0] in {"-h", "--help"}:
        print(
            f"usage: hardgate COMMAND [OPTION ...]\n\n{format_command_list()}\n\n"
            "'hardgate COMMAND --help' lists a command's options, with an example."
        )
        if argv:
            sys.exit(0)
        raise UsageError("No command was given.", f"Use one of {', '.join(COMMANDS)}.")
    if argv[0] in {"-V", "--version"}:
        print(f"hardgate {hardgate.__version__}")
        sys.exit(0)
    if argv[0] not in COMMANDS:
        raise UsageError(
            f"There is no command '{argv[0]}'.",
            suggest_argument(argv[0], COMMANDS) or f"Use one of {', '.join(COMMANDS)}.",
        )
    return argv[0], argv[1:]
