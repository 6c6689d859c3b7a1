"""The files by which others use hardgate: an action, a GitLab component, pre-commit hooks."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from hardgate.cli.commands import COMMANDS

ROOT = Path(__file__).parents[3]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())


def check_schema(name: str, file: Path) -> None:
    """Check a file by a schema that check-jsonschema brings along."""
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", name, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_is_what_its_schema_says() -> None:
    check_schema("vendor.github-actions", ROOT / "action.yml")


def test_the_hooks_are_what_their_schema_says() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    for hook in hooks:
        assert {"id", "name", "entry", "language"} <= set(hook)
        name, command, *_ = hook["entry"].split()
        assert name == "hardgate"
        assert command in COMMANDS


def test_the_hook_of_static_installs_all_that_static_needs() -> None:
    (hook,) = (
        one
        for one in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
        if one["id"] == "hardgate-static"
    )
    assert hook["additional_dependencies"] == [".[static]"]


@pytest.mark.parametrize(
    ("path", "taken"),
    [
        ("contracts/own.yaml", True),
        ("a/contract.yml", True),
        ("contracts/tiers.yaml", False),
        ("docs/contracts.md", False),
        ("mycontracts/a.yaml", False),
    ],
)
def test_the_hook_of_contract_check_takes_contracts_alone(path: str, taken: bool) -> None:
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())[1]
    assert hook["id"] == "hardgate-contract-check"
    matches = re.search(hook["files"], path) and not re.search(hook["exclude"], path)
    assert bool(matches) is taken


def test_the_component_is_two_documents_of_which_the_second_is_a_pipeline(tmp_path: Path) -> None:
    spec, jobs = yaml.safe_load_all((ROOT / "templates" / "gate.yml").read_text())
    assert set(spec["spec"]["inputs"]) == {"source", "command", "arguments", "stage", "image"}
    text = yaml.safe_dump(jobs)
    for name, given in spec["spec"]["inputs"].items():
        text = text.replace(f"$[[ inputs.{name} ]]", str((given or {}).get("default", "x")))
    assert "$[[" not in text
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text(text)
    check_schema("vendor.gitlab-ci", file)


def test_no_input_of_the_action_is_put_into_a_script() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step.get("run", "")
        assert "uses" not in step


def run_action(
    command: str, arguments: str, folder: Path, **more: str
) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {
        "RUNNER_TEMP": str(folder),
        "GITHUB_OUTPUT": str(folder / "output"),
        "HARDGATE_SOURCE": str(ROOT),
        "HARDGATE_COMMAND": command,
        "HARDGATE_ARGUMENTS": arguments,
        "HARDGATE_OUT": str(folder / "a folder"),
        **more,
    }
    words = [str(ROOT / ".ci" / "action")]
    return subprocess.run(
        words, env=environ, cwd=folder, capture_output=True, text=True, check=False
    )


def test_a_command_that_is_not_one_is_refused_before_anything_is_installed(tmp_path: Path) -> None:
    done = run_action("reap; id", "", tmp_path)
    assert done.returncode == 2
    assert "There is no command 'reap; id'" in done.stderr
    assert list(tmp_path.iterdir()) == []


EXTRAS = {
    "gate": "",
    "runtime": "",
    "static": "[static]",
    "secrets": "[secrets]",
    "validate": "[pipeline]",
}


@pytest.mark.parametrize("command", EXTRAS)
def test_the_action_and_the_component_install_only_what_the_command_runs(
    tmp_path: Path, command: str
) -> None:
    _, jobs = yaml.safe_load_all((ROOT / "templates" / "gate.yml").read_text())
    (job,) = jobs.values()
    component = "\n".join(job["script"][:-1])
    component = component.replace("$[[ inputs.command ]]", command)
    component = component.replace("$[[ inputs.source ]]", "PLACE")
    assert run_with_pip(component, tmp_path / "component") == f"hardgate{EXTRAS[command]} @ PLACE"
    assert run_installation(tmp_path / "action", command) == [UV, f"uv PLACE{EXTRAS[command]}"]


UV = "pip uv>=0.8,<1"
INSTALL = {"pip": 'for word; do :; done; printf "%s" "$word"'}
NOTE = """
for word; do :; done
[ "$1" != config ] || { echo "$SETTINGS"; exit; }
echo "${0##*/} $word" >>"$SEEN"
case "${0##*/} $word" in "$BROKEN"*) exit 1 ;; esac
"""


def run_installation(
    folder: Path, command: str, settings: str = "", broken: str = "nothing"
) -> list[str]:
    """Run what the action does before hardgate; give what was to be installed, and by what."""
    script = (ROOT / ".ci" / "action").read_text().partition("\nwords=")[0]
    script = f"HARDGATE_COMMAND={command} HARDGATE_SOURCE=PLACE RUNNER_TEMP=$PWD\n{script}"
    seen = folder / "seen"
    variables = {"SEEN": str(seen), "SETTINGS": settings, "BROKEN": broken}
    run_with_pip(script, folder, {"pip": NOTE, "uv": NOTE}, **variables)
    return seen.read_text().splitlines()


@pytest.mark.parametrize("setting", ["global.index-url='https://i.example'", ":env:.no-index='1'"])
def test_the_actions_uv_asks_no_index_where_pip_was_told_another(
    tmp_path: Path, setting: str
) -> None:
    assert run_installation(tmp_path / "a", "gate", settings=setting) == ["pip PLACE"]


@pytest.mark.parametrize("broken", [UV, "uv PLACE"])
def test_pip_does_it_where_the_actions_uv_cannot(tmp_path: Path, broken: str) -> None:
    told = run_installation(tmp_path / "a", "gate", broken=broken)
    assert told == [UV, *(["uv PLACE"] if broken != UV else []), "pip PLACE"]


def run_with_pip(
    script: str, folder: Path, programs_of: Mapping[str, str] = INSTALL, **variables: str
) -> str:
    """Run a script of which pip and venv are ours; give what was printed."""
    programs = folder / "hardgate" / "bin"
    write_programs(programs, python3="", **programs_of)
    environ = {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", **variables}
    done = subprocess.run(
        ["bash", "-euc", script],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (0, "green"),
        (1, "red"),
        (2, "misused"),
        (3, "unknown"),
        (70, "unknown"),
        (130, "interrupted"),
        (143, "terminated"),
    ],
)
def test_the_action_tells_verdict_and_report_and_passes_the_exit_code_on(
    tmp_path: Path, code: int, verdict: str
) -> None:
    """With a hardgate that ends so; act runs the action with the real one (tests/integration)."""
    write_programs(
        tmp_path / "hardgate" / "bin",
        python3="",
        pip="",
        hardgate=f'printf "%s\\n" "$@" >"$RUNNER_TEMP/words"; exit {code}',
    )
    programs = f"{tmp_path / 'hardgate' / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = run_action("static", "--context\na template\n", tmp_path, PATH=programs)
    assert done.returncode == code, done.stdout + done.stderr
    out = tmp_path / "a folder"
    told = (tmp_path / "words").read_text().splitlines()
    assert told == ["static", "--out", str(out), "--context", "a template"]
    output = (tmp_path / "output").read_text()
    assert output == f"verdict={verdict}\nreport={out}/report.html\n"


def write_programs(folder: Path, **scripts: str) -> None:
    """Write programs of a line of shell each."""
    folder.mkdir(parents=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
