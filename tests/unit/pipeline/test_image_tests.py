"""What goes into the image with a template's tests, and how they are started there."""

import subprocess
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.pipeline.image_tests import (
    ImagePython,
    make_pytest_script,
    pack_tests,
    parse_image_python,
)
from hardgate.pipeline.template import Template


@pytest.fixture
def template(tmp_path: Path) -> Template:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text("def test_it(): ...\n")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    return Template.from_folder(str(tmp_path), None)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("3 11 True\n", ImagePython(version=(3, 11), has_pytest=True)),
        ("3 9 False\n", ImagePython(version=(3, 9), has_pytest=False)),
        ("", None),
        ("hello\n3 11 True\n", None),
        ("3 11 maybe\n", None),
        ("3 \u0661 True\n", None),
        ("9999 1 True\n", None),
    ],
)
def test_an_interpreter_that_says_something_else_is_none(
    text: str, python: ImagePython | None
) -> None:
    assert parse_image_python(text) == python


def test_all_that_is_packed_is_the_agents_and_nothing_that_tools_left(
    template: Template, tmp_path: Path
) -> None:
    root = template.root
    (root / ".git").mkdir(exist_ok=True)
    (root / ".git" / "config").write_text("x")
    (root / "tests" / "__pycache__").mkdir()
    (root / "tests" / "__pycache__" / "x.pyc").write_text("x")
    (root / "link").symlink_to("/etc/passwd")
    library = tmp_path / "library"
    library.mkdir()
    (library / "pytest.py").write_text("x")
    pack_tests(root, library, 1234, tmp_path / "packed.tar")
    with tarfile.open(tmp_path / "packed.tar") as archive:
        entries = {entry.name: entry for entry in archive}
    assert {entry.uid for entry in entries.values()} == {1234}
    assert "hardgate-adapter/template/tests/test_it.py" in entries
    assert "hardgate-adapter/pytest/pytest.py" in entries
    assert entries["hardgate-adapter/template/link"].issym()
    assert not [name for name in entries if ".git/" in name or "__pycache__" in name]


@pytest.mark.parametrize("name", ["plain", "of a user", "it's", 'a"b', "$(touch x)", "a`b", "a\\b"])
def test_a_folder_of_any_name_is_where_the_tests_run(
    template: Template, tmp_path: Path, name: str
) -> None:
    context = template.root / name
    context.mkdir()
    inside = replace(template, context=context)
    place = tmp_path / "hardgate-adapter"
    (place / "template" / name).mkdir(parents=True)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "python3").write_text('#!/bin/sh\npwd\nprintf "%s\\n" "$PYTHONPATH"\n')
    (programs / "python3").chmod(0o755)
    script = make_pytest_script(inside).replace("/hardgate-adapter", str(place))
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "PYTHONPATH": "/of/the/image"}
    ran = subprocess.run(
        ["sh", "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    where = f"{place}/template/{name}"
    assert ran.stdout == f"{where}\n{where}:{where}/src:/of/the/image:{place}/pytest\n"
