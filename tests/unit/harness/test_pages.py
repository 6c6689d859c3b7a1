"""The files and tests that a page of documentation names exist."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("contracts/*.md")]
PAGES_THAT_NAME_TESTS = [ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/*.md")]
# Only folders of this repository: a template has `tests/requirements.txt` and the like of its own.
OWN_FOLDERS = "src/hardgate|tests/(?:unit|integration|corpus|scanners)|roles|playbooks"
OWN_FILE = re.compile(rf"(?<![\w./-])((?:{OWN_FOLDERS})/[\w./]*\w)")
TEST_NAME = re.compile(r"`(test_\w+)(?:\.py)?`")


@cache
def list_test_names() -> frozenset[str]:
    """The names of all test functions and of all modules of tests."""
    modules = list((ROOT / "tests").rglob("test_*.py"))
    functions = (re.findall(r"def (test_\w+)\(", module.read_text()) for module in modules)
    return frozenset(module.stem for module in modules).union(*functions)


def find_missing(text: str) -> list[str]:
    """The files of this repository that a text names and that do not exist."""
    return [path for path in OWN_FILE.findall(text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    assert find_missing(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", PAGES_THAT_NAME_TESTS, ids=lambda page: page.name)
def test_each_test_that_a_page_names_exists(page: Path) -> None:
    assert set(TEST_NAME.findall(page.read_text(encoding="utf-8"))) <= list_test_names()


def test_a_file_that_was_renamed_is_found() -> None:
    assert find_missing("`tests/unit/gate/test_gone.py`, (roles/engine).") == [
        "tests/unit/gate/test_gone.py"
    ]
