"""`hardgate doctor`: red for a source of hardgate that others cannot install."""

from pathlib import Path

import pytest

from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check
from hardgate.pipeline.doctor import inspect_setup
from hardgate.pipeline.template import Template


def inspect_source(folder: Path, requirement: str) -> Check:
    (folder / "noxfile.py").write_text(f'HARDGATE = "{requirement}"\n')
    checks = inspect_setup(Template.from_folder(str(folder)))
    return next(check for check in checks if check.name == "hardgate-source")


@pytest.mark.parametrize(
    ("requirement", "reason"),
    [
        ("hardgate[pipeline] @ file:///home/me/hardgate", "path of one machine"),
        ("hardgate[pipeline]", "bare name"),
        ("hardgate[pipeline] @ git+https://forge.example/o/hardgate", "no commit"),
        ("hardgate[pipeline] @ git+https://tok@forge.example/o/hardgate@1", "credential"),
    ],
)
def test_a_source_that_others_cannot_install_is_red(
    tmp_path: Path, requirement: str, reason: str
) -> None:
    check = inspect_source(tmp_path, requirement)
    assert check.outcome is Outcome.FAIL
    assert reason in check.reason
    assert "tok@" not in check.reason
    assert "hardgate init --update --source" in check.remedy


def test_a_pinned_one_holds(tmp_path: Path) -> None:
    requirement = "hardgate[pipeline] @ git+https://forge.example/o/hardgate@0123456789"
    assert inspect_source(tmp_path, requirement).outcome is Outcome.PASS


def test_a_noxfile_of_another_kind_is_no_matter(tmp_path: Path) -> None:
    assert inspect_source(tmp_path, "something else").outcome is Outcome.PASS
