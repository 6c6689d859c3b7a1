"""Reading words: argparse, with guesses for typos and errors of our own kind."""

import argparse
import difflib
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

import hardgate
from hardgate.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that guesses what a mistyped option was meant to be."""

    def __init__(self, name: str, about: str) -> None:
        """Parse the words of `hardgate NAME`."""
        super().__init__(prog=f"hardgate {name}", description=about, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        """Raise, instead of printing and exiting."""
        raise UsageError(
            f"The command is wrong: {message}.", f"See '{self.prog} --help' for what it takes."
        )

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse all words; an unknown one is an error with a guess."""
        values, unknown = self.parse_known_args(words)
        if unknown:
            options = [word for action in self._actions for word in action.option_strings]
            guess = guess_at(unknown[0].partition("=")[0], options)
            raise UsageError(
                f"'{self.prog}' does not take '{unknown[0]}'.",
                guess or f"See '{self.prog} --help' for what it takes.",
            )
        return values


def guess_at(word: str, known: Iterable[str]) -> str:
    """Guess what a mistyped word was meant to be; a sentence, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"Did you mean '{close[0]}'?" if close else ""


def choose(words: Sequence[str], commands: Mapping[str, str]) -> tuple[str, Sequence[str]]:
    """Split off the command's name; --help and --version are answered here."""
    listing = "\n".join(f"  {name:<8} {about}" for name, about in commands.items())
    if not words or words[0] in {"-h", "--help"}:
        print(
            f"usage: hardgate COMMAND [OPTION ...]\n\n{listing}\n\n"
            "'hardgate COMMAND --help' says more."
        )
        if words:
            sys.exit(0)
        raise UsageError("No command was given.", f"Use one of {', '.join(commands)}.")
    if words[0] in {"-V", "--version"}:
        print(f"hardgate {hardgate.__version__}")
        sys.exit(0)
    if words[0] not in commands:
        raise UsageError(
            f"There is no command '{words[0]}'.",
            guess_at(words[0], commands) or f"Use one of {', '.join(commands)}.",
        )
    return words[0], words[1:]
