"""docs/faults.md is what the tests say."""

from pathlib import Path

import pytest

from tests.faults import find_faults, format_faults

ROOT = Path(__file__).parents[3]


def test_the_page_is_what_the_tests_prove() -> None:
    page = (ROOT / "docs" / "faults.md").read_text()
    assert page == format_faults(find_faults()), "Write it anew: python -m tests.faults"


def test_a_marker_that_lacks_a_key_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text("@pytest.mark.fault(fault='f')\ndef test_a(): ...\n")
    with pytest.raises(ValueError, match="exit_code, injected, left, verdict"):
        list(find_faults(folder))


def test_a_row_names_its_test(tmp_path: Path) -> None:
    folder = tmp_path / "tests"
    folder.mkdir()
    (folder / "test_x.py").write_text(
        "@pytest.mark.fault(fault='f', injected='i', verdict='v', exit_code=3, left='l')\n"
        "def test_a(): ...\n"
    )
    assert "| f | i | v | 3 | l | `tests/test_x.py::test_a` |" in format_faults(find_faults(folder))
