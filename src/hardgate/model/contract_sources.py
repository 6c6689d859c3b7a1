"""Puts the Python of a contract's probes into its YAML, so that a reader has one file.

    python -m hardgate.model.contract_sources

A probe that ends in `<<'PYTHON'` has its program in a file of `contracts/src/`, in the folder of
its contract, under its capability's name: linters and tests reach it there. What a file imports
from `contracts.src.shared` is put in its place: a host that is probed has Python's library alone.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

from hardgate.errors import ContractError
from hardgate.resources import CONTRACTS

CONTRACTS_WITH_SOURCES = ("runner-host", "runner")
_NAME = re.compile(r"  - name: (?P<name>\w+)\s*")
_START = re.compile(r".*<<'PYTHON'\s*")
_END = re.compile(r"(?P<indent> +)PYTHON\s*")
_SHARED = re.compile(r"from contracts\.src\.shared\.(?P<module>\w+) import .*")
_DOCSTRING = re.compile(r'\A""".*?"""\n+', re.DOTALL)


def assemble_contract(text: str, folder: Path) -> str:
    """Give a contract's YAML with each program as `folder` has it now.

    Raises ContractError where a program's file or the end of its text is missing.
    """
    return "".join(_assemble_lines(iter(text.splitlines(keepends=True)), folder))


def _assemble_lines(lines: Iterator[str], folder: Path) -> Iterator[str]:
    capability = ""
    for line in lines:
        yield line
        if match := _NAME.fullmatch(line):
            capability = match["name"]
        if _START.fullmatch(line):
            end = _skip_program(lines, capability)
            program = _read_program(folder / f"{capability}.py", folder.parent / "shared")
            yield textwrap.indent(program, _END.fullmatch(end)["indent"])  # type: ignore[index]
            yield end


def _skip_program(lines: Iterator[str], capability: str) -> str:
    """Pass over the program that stands there; give the line that ends it."""
    for line in lines:
        if _END.fullmatch(line):
            return line
    raise ContractError(
        f"The program of capability '{capability}' has no end.", "End it by a line 'PYTHON'."
    )


def _read_program(file: Path, shared: Path) -> str:
    """Read a program, with what it shares with others in the place of its import."""
    lines = _read_source(file).splitlines(keepends=True)
    return "".join(
        _read_source(shared / f"{match['module']}.py") + "\n"
        if (match := _SHARED.fullmatch(line.rstrip("\n")))
        else line
        for line in lines
    )


def _read_source(file: Path) -> str:
    try:
        return _DOCSTRING.sub("", file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ContractError(
            f"The program '{file}' cannot be read: {error.strerror}.",
            "Write it, or take its capability out of the contract.",
        ) from error


def main() -> None:
    """Write the contracts anew."""
    for name in CONTRACTS_WITH_SOURCES:
        file = CONTRACTS / f"{name}.yaml"
        folder = CONTRACTS / "src" / name.replace("-", "_")
        file.write_text(assemble_contract(file.read_text(encoding="utf-8"), folder))


if __name__ == "__main__":
    main()
