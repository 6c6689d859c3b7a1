"""A template's unit tests, counted: none executed is red, and so is all that did not end well."""

import os
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.pipeline import adapter_tests
from hardgate.pipeline.adapter_tests import (
    PytestCase,
    ensure_test_environment,
    hash_requirements,
    judge_pytest_run,
    read_pytest_cases,
    run_adapter_tests,
)
from hardgate.pipeline.check import exit_code_for_checks
from hardgate.pipeline.template import Template
from hardgate.system.process import CommandResult


def ended(status: int | None) -> CommandResult:
    """Make a pytest that ended."""
    return CommandResult(
        argv=("pytest",),
        status=status,
        signal=None if status is not None else 9,
        stdout="its last words",
        stderr="",
        truncated=False,
        timed_out=False,
        seconds=1.0,
    )


def cases(*outcomes: str) -> list[PytestCase]:
    """Make cases of these outcomes."""
    return [PytestCase(name=f"t{n}", outcome=one, details="x") for n, one in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("status", "outcomes", "code"),
    [
        (0, ["passed"], 0),
        (0, ["passed", "skipped"], 0),
        (0, ["skipped"], 1),
        (0, [], 1),
        (5, [], 1),
        (1, ["passed", "failure"], 1),
        (2, ["error"], 1),
        (4, [], 1),
        (3, ["passed"], 1),
        (1, ["passed"], 1),
        (None, ["passed"], 3),
    ],
)
def test_only_executed_tests_count(status: int | None, outcomes: list[str], code: int) -> None:
    assert exit_code_for_checks(judge_pytest_run(ended(status), cases(*outcomes))) == code


@pytest.mark.parametrize("text", ["", "<testsuites>", "not xml"])
def test_a_report_that_cannot_be_read_holds_no_case(tmp_path: Path, text: str) -> None:
    (tmp_path / "junit.xml").write_text(text)
    assert read_pytest_cases(tmp_path / "junit.xml") == []
    assert read_pytest_cases(tmp_path / "nowhere.xml") == []


def fingerprint(folder: Path) -> str:
    return hash_requirements([folder / "requirements.txt"])


@pytest.mark.parametrize(
    "line",
    [
        "-r base.txt",
        "-rbase.txt",
        "--requirement base.txt",
        "--requirement=base.txt  # why",
        "-c base.txt",
        "--constraint base.txt",
        "  -c\tbase.txt",
        "-r deeper/more.txt",
    ],
)
def test_a_file_that_is_named_by_another_is_part_of_the_fingerprint(
    tmp_path: Path, line: str
) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "more.txt").write_text("-r ../base.txt\n")
    (tmp_path / "requirements.txt").write_text(f"one\n{line}\n")
    (tmp_path / "base.txt").write_text("two==1\n")
    before = fingerprint(tmp_path)
    (tmp_path / "base.txt").write_text("two==2\n")
    assert fingerprint(tmp_path) != before


def test_files_that_name_each_other_or_an_address_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r base.txt\n-r https://forge.example/r.txt\n")
    (tmp_path / "base.txt").write_text("-r requirements.txt\n")
    assert fingerprint(tmp_path) == fingerprint(tmp_path)


def test_a_named_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("-r gone.txt\n")
    with pytest.raises(UsageError, match=r"gone\.txt"):
        fingerprint(tmp_path)


LOOK = """
import os

def test_it():
    for name, value in os.environ.items():
        assert "hush" not in value, name
    assert os.path.expanduser("~") != {home!r}
"""


def test_pip_has_the_machines_settings_and_the_tests_have_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that only the home's pip.conf leads to is installed, and its tests see nothing."""
    home, wheels, folder = tmp_path / "home", tmp_path / "wheels", tmp_path / "template"
    (home / ".config" / "pip").mkdir(parents=True)
    wheels.mkdir()
    (folder / "tests").mkdir(parents=True)
    write_wheel(wheels, "pytest")
    settings = f"[global]\nno-index = true\nfind-links = {wheels}\n"
    (home / ".config" / "pip" / "pip.conf").write_text(settings)
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "PIP_CONFIG_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PIP_NOTE", "hush")
    monkeypatch.setenv("CI_JOB_TOKEN", "hush")
    template = Template.from_folder(str(folder))
    environment = ensure_test_environment(template, [], print)
    seen = subprocess.run(
        [environment / "bin" / "python", "-m", "pytest"], check=True, capture_output=True, text=True
    )
    assert seen.stdout == "a stand-in\n"


def test_a_module_of_the_template_takes_no_place_in_the_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`python -m pip` would import the current folder's 'logging.py' first."""
    wheels, folder = tmp_path / "wheels", tmp_path / "template"
    for made in (wheels, folder):
        made.mkdir()
    write_wheel(wheels, "pytest")
    for name in ("logging", "venv", "pip"):
        (folder / f"{name}.py").write_text("raise SystemExit('the template was imported')\n")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    environment = ensure_test_environment(Template.from_folder(str(folder)), [], print)
    assert (environment / "done").exists()


def test_of_two_sessions_at_once_one_makes_the_environment_and_the_other_finds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Path] = []

    def make(folder: Path, *_: object) -> None:
        made.append(folder)
        assert not folder.exists()
        folder.mkdir()
        time.sleep(0.3)
        (folder / "done").touch()

    monkeypatch.setattr(adapter_tests, "_fill_test_environment", make)
    template = Template.from_folder(str(tmp_path))
    with ThreadPoolExecutor() as at_once:
        folders = list(
            at_once.map(lambda _: ensure_test_environment(template, [], print), range(4))
        )
    assert folders == made * 4


def write_wheel(folder: Path, name: str) -> None:
    """Write a wheel of one module, which prints when it is run."""
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        info = f"{name}-1.0.dist-info"
        wheel.writestr(f"{name}.py", "print('a stand-in')\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def test_the_tests_themselves_see_no_token_and_no_setting_of_pips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tests").mkdir()
    look = LOOK.format(home=os.environ.get("HOME", ""))
    (tmp_path / "tests" / "test_it.py").write_text(look)
    for name in ("PIP_INDEX_URL", "CI_JOB_TOKEN", "NETRC", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setattr(adapter_tests, "ensure_test_environment", lambda *_: Path(sys.prefix))
    checks = list(run_adapter_tests(Template.from_folder(str(tmp_path)), print))
    assert exit_code_for_checks(checks) == 0
    assert "isolation" in {check.name for check in checks}
    assert any(check.reason == "1 executed, 0 skipped." for check in checks)
