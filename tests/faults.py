"""docs/faults.md, written from the tests that prove it: each row is a test's own `fault` marker.

python -m tests.faults > docs/faults.md
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

HERE = Path(__file__).parent
HEAD = """# Faults of the machine

What hardgate does when its machine fails. 'python -m tests.faults' writes this page from the tests;
each row is proved by the test that it names. 'nox -s chaos' kills gates at random moments.

| fault | how it is injected | verdict | exit | what is left | proved by |
|---|---|---|---|---|---|
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault, as its test's marker describes it."""

    fault: str
    injected: str
    verdict: str
    exit_code: str
    left: str
    test: str


def find_faults(folder: Path = HERE) -> Iterator[Fault]:
    """Read the markers of all tests, by file and line; raises ValueError for one that lacks a key.

    The modules are parsed, never imported: integration tests need an engine.
    """
    for file in sorted(folder.rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield from _read_markers(node, f"{file.relative_to(folder.parent)}::{node.name}")


def _read_markers(function: ast.FunctionDef, test: str) -> Iterator[Fault]:
    for decorator in function.decorator_list:
        if not (isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(".fault")):
            continue
        values = {str(one.arg): str(ast.literal_eval(one.value)) for one in decorator.keywords}
        lacking = {field.name for field in fields(Fault)} - {"test"} - values.keys()
        if lacking:
            raise ValueError(f"The marker of '{test}' lacks {', '.join(sorted(lacking))}.")
        yield Fault(test=test, **values)


def format_faults(faults: Iterator[Fault]) -> str:
    """Write the page."""
    rows = (
        f"| {one.fault} | {one.injected} | {one.verdict} | {one.exit_code} | {one.left} "
        f"| `{one.test}` |\n"
        for one in faults
    )
    return HEAD + "".join(rows)


if __name__ == "__main__":
    sys.stdout.write(format_faults(find_faults()))
