"""The program's own Ansible content: in the checkout, and in a wheel."""

from pathlib import Path

import pytest

from hardgate.errors import HardgateError
from hardgate.resources import CONTENT_FOLDERS, find_content


def fill(folder: Path) -> Path:
    for name in CONTENT_FOLDERS:
        (folder / name).mkdir(parents=True)
    return folder


def test_a_wheel_carries_it_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "lib" / "python" / "hardgate"
    content = fill(package / "content")
    fill(tmp_path / "lib")  # an accident beside it
    assert find_content(package) == content


def test_a_checkout_has_it_at_its_root(tmp_path: Path) -> None:
    assert find_content(fill(tmp_path) / "src" / "hardgate") == tmp_path


def test_a_package_without_it_is_told(tmp_path: Path) -> None:
    fill(tmp_path)
    (tmp_path / "roles").rmdir()
    with pytest.raises(HardgateError, match="Install hardgate again"):
        find_content(tmp_path / "src" / "hardgate")
