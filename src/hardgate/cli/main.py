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
from hardgate.engine.docker_group import join_engine_group
from hardgate.errors import ExitCode, HardgateError
from hardgate.interruption import Interrupted, raise_on_signals
from hardgate.text.plain import disarm_workflow_commands


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; print an error in two sentences, with its evidence."""
    argv = sys.argv[1:] if argv is None else argv
    if "_ARGCOMPLETE" in os.environ:
        return _complete_words()
    try:
        name, rest = split_command(argv)
        join_engine_group(argv)
        return _run_command(name, rest)
    except HardgateError as error:
        return _print_error(error, [f"hardgate: exit {int(error.exit_code)}"])
    except KeyboardInterrupt:
        print("hardgate: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


def _run_command(name: str, argv: Sequence[str]) -> int:
    """Run a command; a session that ends before it began leaves no older verdict as the newest."""
    # Each command loads its own modules alone: a quick one stays quick.
    command = import_module(f"hardgate.cli.{name}")
    if name not in SESSION_COMMANDS:
        return int(command.main(argv))
    with raise_on_signals():
        try:
            return int(command.main(argv))
        except HardgateError as error:
            return _print_error(error, [report_early_end(name, argv, error)])
        except Interrupted as interruption:
            ended = make_interruption_error(interruption.exit_code)
            return _print_error(ended, [report_early_end(name, argv, ended)])


def _print_error(error: HardgateError, last: Sequence[str]) -> int:
    lines = [f"hardgate: {error}"]
    if error.evidence:
        evidence = error.evidence.splitlines()
        lines += ["", *(f"  {disarm_workflow_commands(line)}" for line in evidence), ""]
    print("\n".join([*lines, *last]), file=sys.stderr)
    return int(error.exit_code)


def _complete_words() -> int:
    """Answer a shell that completes: the parser prints the words, and ends this process."""
    name = import_module("hardgate.cli.completion").complete_command_name()
    if name is not None:
        import_module(f"hardgate.cli.{name}").main(())
    return 0


if __name__ == "__main__":
    sys.exit(main())
