"""`hardgate doctor`: red for a source of hardgate that others cannot install."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from hardgate.model.contract import Severity
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


PATH_SOURCE = "file:///home/me/hardgate"
WRITTEN: Mapping[str, str] = {
    "a text": f'session.install("hardgate @ {PATH_SOURCE}")',
    "texts beside one another": f'session.install("hardgate " "@ {PATH_SOURCE}")',
    "a constant": f'SOURCE = "hardgate @ {PATH_SOURCE}"\nsession.install(SOURCE)',
    "an f-string of constants": (
        f'PLACE: str = "{PATH_SOURCE}"\nEXTRA = "pipeline"\n'
        'session.install(f"hardgate[{EXTRA}] @ {PLACE}")'
    ),
    "a constant made of a constant": (
        f'PLACE = "{PATH_SOURCE}"\nSOURCE = f"hardgate @ {{PLACE}}"\nsession.install(SOURCE)'
    ),
    "a sum": f'PLACE = "{PATH_SOURCE}"\nsession.install("hardgate @ " + PLACE)',
    "a default": f'session.install(os.environ.get("WHERE", "hardgate @ {PATH_SOURCE}"))',
    "a list": f'session.install(*["pytest", "hardgate @ {PATH_SOURCE}"])',
}


def inspect_noxfile(folder: Path, text: str) -> Check:
    (folder / "noxfile.py").write_text(text)
    checks = inspect_setup(Template.from_folder(str(folder)))
    return next(check for check in checks if check.name == "hardgate-source")


@pytest.mark.parametrize("way", WRITTEN)
def test_a_source_is_read_however_it_is_written(tmp_path: Path, way: str) -> None:
    check = inspect_noxfile(tmp_path, WRITTEN[way])
    assert check.outcome is Outcome.FAIL
    assert check.severity is Severity.HARD
    assert "path of one machine" in check.reason


UNREAD: Mapping[str, tuple[str, str]] = {
    "a function's word": ("\nsession.install(find_hardgate())", "line 2: find_hardgate()"),
    "a variable of the environment": (
        'session.install(os.environ["HARDGATE"])',
        "line 1: os.environ['HARDGATE']",
    ),
    "an f-string with a call": (
        'session.install(f"hardgate @ git+https://forge.example/o/hardgate@{commit()}")',
        "line 1: f'hardgate @ git+https://forge.example/o/hardgate@{commit()}'",
    ),
    "a name that is given twice": (
        'S = "hardgate @ git+https://f.example/o/hardgate@1"\nS = other()\nsession.install(S)',
        "",
    ),
    "no Python": ("def (", "line 1: it is not Python"),
}


@pytest.mark.parametrize("way", UNREAD)
def test_what_cannot_be_read_is_said_and_is_no_red(tmp_path: Path, way: str) -> None:
    text, place = UNREAD[way]
    check = inspect_noxfile(tmp_path, text)
    if place:
        assert f"not read, {place}" in check.reason
        assert check.outcome is Outcome.FAIL
        assert "by hand" in check.remedy
    assert check.severity is Severity.ADVISORY


def test_a_part_of_an_f_string_is_no_source_by_itself(tmp_path: Path) -> None:
    """Its commit may stand in the part that is not read."""
    text = 'S = f"hardgate[pipeline] @ git+https://forge.example/o/hardgate@{COMMIT}"\n'
    assert "no commit" not in inspect_noxfile(tmp_path, text).reason
    known = 'COMMIT = "0123456789"\n' + text
    assert inspect_noxfile(tmp_path, known).outcome is Outcome.PASS
