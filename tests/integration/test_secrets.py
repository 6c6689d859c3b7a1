"""The scanner for real: every shape is found, nothing harmless is, and no value is ever told."""

import subprocess
import sys
from pathlib import Path

import pytest

from hardgate.pipeline.git_change import Added
from hardgate.pipeline.kingfisher import find_in_lines
from tests.scanners.shapes import HARMLESS, SHAPES

pytestmark = pytest.mark.independent

FORMS = ("{}", 'KEY = "{}"', "key: {}")


def lines(makers: dict[str, str]) -> list[Added]:
    """Put each text into a file of its own."""
    return [
        Added(commit="", file=name, line=number, text=line)
        for name, text in makers.items()
        for number, line in enumerate(text.split("\n"), start=7)
    ]


@pytest.mark.parametrize("form", FORMS)
def test_every_shape_is_found_at_its_line(form: str) -> None:
    found = find_in_lines(lines({name: form.format(make()) for name, make in SHAPES.items()}))
    assert {(one.file, one.line) for one in found} == {(name, 7) for name in SHAPES}


def test_nothing_harmless_is_found() -> None:
    assert find_in_lines(lines({name: make() for name, make in HARMLESS.items()})) == []


def test_a_note_in_the_line_hides_nothing() -> None:
    notes = ("# kingfisher:ignore", "# gitleaks:allow", "# nosec")
    texts = {f"{note}.py": f"{SHAPES['GitHub personal']()}  {note}" for note in notes}
    found = find_in_lines(lines(texts))
    assert sorted((one.file, one.line) for one in found) == sorted((name, 7) for name in texts)


def test_the_answer_names_file_and_line_and_never_the_value(tmp_path: Path) -> None:
    token = SHAPES["Anthropic"]()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "notes").write_text(f"one\n{token}\n")
    ended = subprocess.run(
        [sys.executable, "-m", "hardgate", "secrets", "-v"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert "notes:2: this looks like a credential" in ended.stdout
    assert "whole tree" in ended.stdout
    told = ended.stdout + "".join(
        file.read_text() for file in (tmp_path / "reports").rglob("*") if file.is_file()
    )
    assert token not in told
    assert token[20:60] not in told
