"""The command line: words in, an exit code out. Prints and exits; everything else raises."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from hardgate.cli import parser
from hardgate.engine.docker_group import join_engine_group
from hardgate.errors import ExitCode, HardgateError

COMMANDS: Mapping[str, str] = {
    "gate": "build an image, verify it against its contract, and report",
    "validate": "say one word of a template, from the answers that lie here",
    "static": "look at a template without running any of its code",
    "adapter": "run the template's own unit tests",
    "runtime": "boot an image by its real entrypoint, twice",
    "secrets": "look for credentials in what a change adds",
    "doctor": "tell what this machine and repository lack",
    "init": "write a noxfile and workflows into a template",
    "build": "build an image as the gate would, and print its digest",
    "engine": "make sure that a Docker Engine answers here, or remove the one it installed",
    "explain": "say what a capability promises and what breaks it, or why a run is red",
    "report": "make the reports of a finished run anew, in any format",
    "runner": "make hosts self-hosted runners that are known to work",
    "fleet": "verify many images on many hosts",
    "contract": "say what a contract will demand that another did not",
    "reap": "remove what dead runs left behind, or one run by its id",
}
"""What each module of `hardgate.cli` does."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; tell an error in two sentences, with its evidence."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        name, rest = parser.split_command(argv, COMMANDS)
        join_engine_group(argv)
        # Each command loads its own modules alone: a quick one stays quick.
        return int(import_module(f"hardgate.cli.{name}").main(rest))
    except HardgateError as error:
        lines = [f"hardgate: {error}"]
        if error.evidence:
            lines += ["", *(f"  {line}" for line in error.evidence.splitlines()), ""]
        lines.append(f"hardgate: exit {int(error.exit_code)}")
        print("\n".join(lines), file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("hardgate: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
