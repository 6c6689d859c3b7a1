"""The command line: words in, an exit code out. Prints and exits; everything else raises."""

import sys
from collections.abc import Callable, Mapping, Sequence

from hardgate import command_line
from hardgate.errors import ExitCode, HardgateError
from hardgate.group import join_group

Command = Callable[[Sequence[str]], int]


def _gate(words: Sequence[str]) -> int:
    from hardgate.commands.gate import main as run  # noqa: PLC0415 - each command loads its own

    return run(words)


def _build(words: Sequence[str]) -> int:
    from hardgate.commands.build import main as run  # noqa: PLC0415

    return run(words)


def _engine(words: Sequence[str]) -> int:
    from hardgate.commands.engine import main as run  # noqa: PLC0415

    return run(words)


def _reap(words: Sequence[str]) -> int:
    from hardgate.commands.reap import main as run  # noqa: PLC0415

    return run(words)


def _explain(words: Sequence[str]) -> int:
    from hardgate.commands.explain import main as run  # noqa: PLC0415

    return run(words)


def _static(words: Sequence[str]) -> int:
    from hardgate.commands.static import main as run  # noqa: PLC0415

    return run(words)


def _secrets(words: Sequence[str]) -> int:
    from hardgate.commands.secrets import main as run  # noqa: PLC0415

    return run(words)


def _adapter(words: Sequence[str]) -> int:
    from hardgate.commands.adapter import main as run  # noqa: PLC0415

    return run(words)


def _runtime(words: Sequence[str]) -> int:
    from hardgate.commands.runtime import main as run  # noqa: PLC0415

    return run(words)


def _validate(words: Sequence[str]) -> int:
    from hardgate.commands.validate import main as run  # noqa: PLC0415

    return run(words)


def _doctor(words: Sequence[str]) -> int:
    from hardgate.commands.doctor import main as run  # noqa: PLC0415

    return run(words)


def _init(words: Sequence[str]) -> int:
    from hardgate.commands.init import main as run  # noqa: PLC0415

    return run(words)


COMMANDS: Mapping[str, tuple[str, Command]] = {
    "gate": ("build an image, verify it against its contract, and report", _gate),
    "validate": ("say one word of a template, from the answers that lie here", _validate),
    "static": ("look at a template without running any of its code", _static),
    "adapter": ("run the template's own unit tests", _adapter),
    "runtime": ("boot an image by its real entrypoint, twice", _runtime),
    "secrets": ("look for credentials in what a change adds", _secrets),
    "doctor": ("tell what this machine and repository lack", _doctor),
    "init": ("write a noxfile and workflows into a template", _init),
    "build": ("build an image as the gate would, and print its digest", _build),
    "engine": (
        "make sure that a Docker Engine answers here, or remove the one it installed",
        _engine,
    ),
    "explain": (
        "say what a capability promises and what breaks it, or why a run was red",
        _explain,
    ),
    "reap": ("remove what dead runs left behind, or one run by its id", _reap),
}


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; tell an error in two sentences, with its evidence."""
    words = sys.argv[1:] if words is None else words
    try:
        name, rest = command_line.choose(
            words, {name: text for name, (text, _) in COMMANDS.items()}
        )
        join_group(words)
        return COMMANDS[name][1](rest)
    except HardgateError as error:
        told = [f"hardgate: {error}"]
        if error.evidence:
            told += ["", *(f"  {line}" for line in error.evidence.splitlines()), ""]
        told.append(f"hardgate: exit {int(error.exit_code)}")
        print("\n".join(told), file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("hardgate: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
