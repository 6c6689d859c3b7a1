"""What an image is called in reports."""

import os
from pathlib import Path

import pytest

from hardgate.engine.image import name_context


def test_the_working_folder_is_called_by_its_own_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my-template").mkdir()
    monkeypatch.chdir(tmp_path / "my-template")
    assert name_context(Path()) == "my-template"
    assert name_context(Path("..") / "my-template") == "../my-template"
    assert name_context(Path(os.sep)) == "/"
