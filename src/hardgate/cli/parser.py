"""Reading words: argparse, with guesses for typos and errors of our own kind."""

import argparse
import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import hardgate
from hardgate.errors import UsageError


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser that guesses what a mistyped option was meant to be."""

    def __init__(self, name: str, about: str) -> None:
        """Parse the words of `hardgate NAME`."""
        super().__init__(prog=f"hardgate {name}", description=about, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise, instead of printing and exiting."""
        raise UsageError(
            f"The command is wrong: {message}.", f"See '{self.prog} --help' for what it takes."
        )

    def parse_argv(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse all words; an unknown one is an error with a guess."""
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


def split_command(argv: Sequence[str], commands: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Split off the command's name; --help and --version are answered here."""
    listing = "\n".join(f"  {name:<8} {about}" for name, about in commands.items())
    if not argv or argv[0] in {"-h", "--help"}:
        print(
            f"usage: hardgate COMMAND [OPTION ...]\n\n{listing}\n\n"
            "'hardgate COMMAND --help' says more."
        )
        if argv:
            sys.exit(0)
        raise UsageError("No command was given.", f"Use one of {', '.join(commands)}.")
    if argv[0] in {"-V", "--version"}:
        print(f"hardgate {hardgate.__version__}")
        sys.exit(0)
    if argv[0] not in commands:
        raise UsageError(
            f"There is no command '{argv[0]}'.",
            suggest_argument(argv[0], commands) or f"Use one of {', '.join(commands)}.",
        )
    return argv[0], argv[1:]
