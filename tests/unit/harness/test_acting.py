"""How the tests find act, and how they say whether it ran."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.integration.acting import (
    GO_FOLDERS,
    find_program,
    have_act,
    note_how,
    told_how,
    write_artifact_actions,
)
from tests.integration.sharing import Once

SCRIPT = Path(__file__).parents[3] / ".ci" / "run"


@pytest.mark.parametrize("folder", ["go/bin", "sdk/go1.24/bin"])
def test_go_is_found_where_it_lies_also_where_path_does_not_name_it(
    tmp_path: Path, folder: str
) -> None:
    go = tmp_path / folder / "go"
    go.parent.mkdir(parents=True)
    go.write_text("#!/bin/sh\n")
    folders = (f"{tmp_path}/go/bin", f"{tmp_path}/sdk/go*/bin")
    assert find_program("go", "/nowhere", folders) == ""
    go.chmod(0o755)
    assert find_program("go", "/nowhere", folders) == str(go)


def test_a_machine_with_neither_act_nor_go_is_given_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.integration.acting.GO_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    assert have_act(Once(folder=tmp_path), tmp_path) == ""


def test_act_is_built_once_by_go_and_a_build_that_fails_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go = tmp_path / "go"
    go.write_text('#!/bin/sh\n[ "$1" = install ] && echo "$GOBIN" "$2" >>"$0.calls"\n')
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.defpath}")
    once = Once(folder=tmp_path)
    given = {have_act(once, tmp_path) for _ in range(2)}
    assert given == {str(tmp_path / "act")}
    (call,) = (tmp_path / "go.calls").read_text().splitlines()
    assert call.startswith(f"{tmp_path} github.com/nektos/act@v")


@pytest.mark.parametrize(("act", "by_act"), [("/usr/bin/act", True), ("", False)])
def test_ci_reads_what_the_test_run_says_of_act(act: str, by_act: bool) -> None:
    report = pytest.TestReport(
        nodeid="x",
        location=("x", 1, "x"),
        keywords={},
        outcome="passed",
        longrepr=None,
        when="call",
    )
    note_how(lambda name, value: report.user_properties.append((name, value)), "gitea", act)
    (line,) = told_how([report])
    asked = "Workflow of $forge: run by act"
    assert f'grep -q "^{asked}"' in SCRIPT.read_text()
    assert line.startswith(asked.replace("$forge", "gitea")) == by_act


def test_ci_looks_for_go_where_the_tests_do() -> None:
    text = SCRIPT.read_text()
    (line,) = (one for one in text.splitlines() if one.startswith("go_places="))
    for folder in GO_FOLDERS:
        name = folder.removeprefix("~/").removesuffix("/bin")
        assert name in line


def test_an_artifact_is_fetched_into_a_folder_of_its_name(tmp_path: Path) -> None:
    shelf, reports = tmp_path / "shelf", tmp_path / "reports"
    (reports / "static" / "run1").mkdir(parents=True)
    (reports / "static" / "run1" / "answer.json").write_text("{}")
    up, down = write_artifact_actions(tmp_path, str(shelf))
    run_action(up, PLACE=str(reports / "static"), NAME="answers-static")
    run_action(down, PLACE=str(tmp_path / "fetched"), NAME="")
    assert (tmp_path / "fetched" / "answers-static" / "run1" / "answer.json").is_file()


def run_action(action: Path, **inputs: str) -> None:
    """Run an action's one line, as act does."""
    (step,) = yaml.safe_load((action / "action.yml").read_text())["runs"]["steps"]
    assert set(step["env"]) == set(inputs)
    subprocess.run(["bash", "-ec", step["run"]], env={**os.environ, **inputs}, check=True)


def test_the_process_that_hands_tests_out_says_how_workflows_were_run() -> None:
    """It collects nothing, and so reads no conftest.py but the topmost."""
    from tests import conftest  # noqa: PLC0415 - pytest has loaded it by its own way

    assert hasattr(conftest, "pytest_terminal_summary")
