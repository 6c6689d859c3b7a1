"""The command line: arguments in, an exit code out. Prints and exits; everything else raises."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from hardgate.cli.early_end import (
    SESSION_COMMANDS,
    make_interruption_error,
    report_early_end,
)
from hardgate.cli.parser import split_command
from hardgate.cli.secret_inputs import redactor_of_command_line
from hardgate.engine.docker_group import join_engine_group
from hardgate.errors import HardgateError, explain_crash
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.terminal_summary import quote_output
from hardgate.system.interruption import Interrupted, raise_on_signals
from hardgate.text.bounded import bound_lines
from hardgate.text.plain import one_line

MAX_EVIDENCE_LINES = 60


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; print an error in two sentences, with its evidence."""
    argv = sys.argv[1:] if argv is None else argv
    if "_ARGCOMPLETE" in os.environ:
        return _complete_words()
    redactor = Redactor()
    try:
        redactor = redactor_of_command_line(argv, os.environ)
        name, rest = split_command(argv)
        join_engine_group(argv)
        return _run_command(name, rest, redactor)
    except HardgateError as error:
        return print_error(error, redactor)
    except Exception as error:
        # Python's own status for it is 1, which says that an image broke a promise.
        return print_error(explain_crash(error), redactor)


def print_error(error: HardgateError, redactor: Redactor, last: str = "") -> int:
    """Tell an error on standard error, without secrets, and behind a gutter what others wrote."""
    console = Console(sys.stderr, redactor=redactor, color=False)
    console.print_line(one_line(f"hardgate: {error}"))
    if error.evidence:
        evidence = bound_lines(console.clean_text(error.evidence))
        for _, line in quote_output(evidence, MAX_EVIDENCE_LINES):
            console.print_line(line)
    console.print_line(last or f"hardgate: exit {int(error.exit_code)}")
    return int(error.exit_code)


def _run_command(name: str, argv: Sequence[str], redactor: Redactor) -> int:
    """Run a command; a session that ends before it began leaves no older verdict as the newest.

    Nor does one that crashes: it leaves a report of the crash.
    """
    # Each command loads its own modules alone: a quick one stays quick.
    command = import_module(f"hardgate.cli.{name}")
    if name not in SESSION_COMMANDS:
        return int(command.main(argv))
    with raise_on_signals():
        try:
            return int(command.main(argv))
        except HardgateError as error:
            return print_error(error, redactor, report_early_end(name, argv, error, redactor))
        except Interrupted as interruption:
            ended = make_interruption_error(interruption.exit_code)
            return print_error(ended, redactor, report_early_end(name, argv, ended, redactor))
        except Exception as error:
            crash = explain_crash(error)
            return print_error(crash, redactor, report_early_end(name, argv, crash, redactor))


def _complete_words() -> int:
    """Answer a shell that completes: the parser prints the words, and ends this process."""
    name = import_module("hardgate.cli.completion").complete_command_name()
    if name is not None:
        import_module(f"hardgate.cli.{name}").main(())
    return 0


if __name__ == "__main__":
    sys.exit(main())
