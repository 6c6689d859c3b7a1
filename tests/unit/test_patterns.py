"""No pattern of the package works longer than its text does: steps are counted, not seconds."""

import ast
import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hardgate
from hardgate.diagnosis.analysis.rules import load_rules
from tests.unit.pattern_work import find_costly_text

PACKAGE = Path(hardgate.__file__).parent
METHODS = frozenset({"match", "fullmatch", "search", "sub", "subn", "finditer", "findall", "split"})

Found = dict[tuple[str, int], str]
"""Where each pattern stands, by its text and flags."""


def _iter_patterns(value: Any, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        if isinstance(value.pattern, str):
            yield value
    elif depth < 4 and isinstance(value, dict):
        for held in value.values():
            yield from _iter_patterns(held, depth + 1)
    elif depth < 4 and isinstance(value, (list, tuple)):
        for held in value:
            yield from _iter_patterns(held, depth + 1)
    elif depth < 4 and dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _iter_patterns(getattr(value, field.name, None), depth + 1)


def _uses() -> dict[tuple[str, str], set[str]]:
    """Say by which methods each module asks each name; a public name is asked by any module."""
    uses: dict[tuple[str, str], set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in METHODS:
                held = node.value
                name = held.id if isinstance(held, ast.Name) else getattr(held, "attr", "")
                module = file.stem if name.startswith("_") else ""
                uses.setdefault((module, name), set()).add(node.attr)
    return uses


def _inline_patterns() -> Iterator[tuple[str, str]]:
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in METHODS
                and getattr(node.func.value, "id", "") == "re"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                yield str(node.args[0].value), node.func.attr


def _collect() -> tuple[Found, Found]:
    """Give the patterns that are tried all through a text, and those tried at its start alone."""
    anywhere: Found = {}
    anchored: Found = {}
    uses = _uses()
    for module in pkgutil.walk_packages(hardgate.__path__, "hardgate."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            stem = module.name.rpartition(".")[2] if name.startswith("_") else ""
            only_start = uses.get((stem, name), {"search"}) <= {"match", "fullmatch"}
            for pattern in _iter_patterns(value):
                found = anchored if only_start else anywhere
                found[pattern.pattern, pattern.flags] = f"{module.name}.{name}"
    for rule in load_rules().values():
        for pattern in (*rule.said, *filter(None, [rule.concerns])):
            anywhere[pattern.pattern, pattern.flags] = f"rule {rule.id}"
    for text, method in _inline_patterns():
        (anchored if method in {"match", "fullmatch"} else anywhere)[text, 0] = "inline"
    return anywhere, anchored


ANYWHERE, ANCHORED = _collect()


def _params(found: Found) -> list[Any]:
    """All of them take most of a minute, so they are tried in full runs."""
    return [
        pytest.param(*key, id=f"{where}-{number}", marks=pytest.mark.full)
        for number, (key, where) in enumerate(found.items())
    ]


@pytest.mark.parametrize(("pattern", "flags"), _params(ANYWHERE))
def test_a_pattern_grows_no_faster_than_its_text(pattern: str, flags: int) -> None:
    assert not find_costly_text(pattern, flags)


@pytest.mark.parametrize(("pattern", "flags"), _params(ANCHORED))
def test_a_pattern_at_a_texts_start_grows_no_faster(pattern: str, flags: int) -> None:
    assert not find_costly_text(pattern, flags, anchored=True)
