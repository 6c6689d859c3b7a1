"""Proxies' passwords on a runner's host: in files of root's alone, and in no list of processes."""

import os
import stat
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import combine, regex_replace

from hardgate.resources import ROLES

RUNNER, REMOTE_GATE = ROLES / "runner", ROLES / "remote_gate"
AWKWARD = "http://us er:p%40%h\"$HOME`id`\\y'@proxy:1/"
is_root = pytest.mark.skipif(os.getuid() != 0, reason="It takes root to become somebody else.")


def load(path: Path) -> ModuleType:
    loader = SourceFileLoader(path.stem, str(path))
    spec = spec_from_loader(loader.name, loader)
    assert spec
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def render(template: Path, **variables: Any) -> str:
    environment = jinja2.Environment(trim_blocks=True, keep_trailing_newline=True)  # noqa: S701
    environment.filters |= {"combine": combine, "regex_replace": regex_replace}
    return environment.from_string(template.read_text()).render(**variables)


def render_runners_variables() -> str:
    return render(
        RUNNER / "templates" / "runner-environment.j2",
        runner_proxies={"https_proxy": AWKWARD},
        __runner_forge={"environment": {"A": "1"}},
    )


def render_gates_variables() -> str:
    return render(
        REMOTE_GATE / "templates" / "variables.j2",
        __remote_gate_environment={"https_proxy": AWKWARD, "A": "1"},
    )


@pytest.mark.parametrize("written", [render_runners_variables, render_gates_variables])
def test_a_proxy_is_written_as_a_shell_reads_it(written: Any, tmp_path: Path) -> None:
    file = tmp_path / "variables"
    file.write_text(written())
    words = ["sh", "-c", '. "$0"; printf %s "$https_proxy"', str(file)]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == AWKWARD


def test_no_unit_holds_a_proxy() -> None:
    unit = (RUNNER / "templates" / "hardgate-runner.service.j2").read_text()
    assert "runner_proxies" not in unit
    assert "EnvironmentFile={{ __runner_variables }}" in unit


def test_files_with_proxies_are_private() -> None:
    variables = yaml.safe_load((RUNNER / "vars" / "main.yml").read_text())
    placed = [
        *variables["__runner_common_files"],
        *variables["__runner_managers"]["systemd"]["files"],
        *variables["__runner_managers"]["supervise"]["files"],
    ]
    modes = {entry["path"]: entry["mode"] for entry in placed}
    assert modes["{{ __runner_variables }}"] == "0600"
    assert modes["{{ __runner_library }}/supervise.json"] == "0600"
    assert modes["{{ __runner_forge.config }}"] == "0640"


@is_root
def test_a_gates_variables_reach_the_job_and_no_list_of_processes(tmp_path: Path) -> None:
    file, seen = tmp_path / "variables", tmp_path / "seen"
    file.write_text(f'https_proxy="secret-word"\nSEEN="{seen}"\n')
    (tmp_path / "source").mkdir()
    pipx = tmp_path / "bin" / "pipx"
    pipx.parent.mkdir()
    pipx.write_text('#!/bin/sh\n{ ps -eo args; echo "has $https_proxy"; } >>"$SEEN"\nexit 5\n')
    pipx.chmod(0o755)
    script = (REMOTE_GATE / "files" / "run-gate").read_text()
    here = tmp_path / "run-gate"
    here.write_text(
        script.replace("/usr/local/sbin:", f"{pipx.parent}:/usr/local/sbin:")
        .replace("/run/systemd/system", str(tmp_path / "none"))
        .replace("/etc/hardgate", str(tmp_path / "etc"))
        .replace("nox -s engine", "nox -s engine || true")
    )
    words = ["sh", str(here), "root", str(tmp_path), "20", str(file), "a=b", "--", "--word"]
    environment = {"PATH": f"{pipx.parent}:{os.environ['PATH']}"}
    ran = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    told = seen.read_text()
    assert (ran.returncode, told.count("has secret-word")) == (5, 2), ran.stdout
    assert told.count("secret-word") == 2
    assert "nox -s t4 -- --word" in told
    assert not file.exists()


def test_a_link_in_a_users_folder_changes_nothing_elsewhere(tmp_path: Path) -> None:
    owned = load(RUNNER / "module_utils" / "owned.py")
    elsewhere, link = tmp_path / "elsewhere", tmp_path / "link"
    elsewhere.write_text("x")
    elsewhere.chmod(0o640)
    link.symlink_to(elsewhere)
    with pytest.raises(OSError, match="link"):
        owned.set_owner_and_mode(link, (os.getuid(), os.getgid()), 0o600)
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o640


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o000])
def test_a_file_gets_its_mode(mode: int, tmp_path: Path) -> None:
    owned = load(RUNNER / "module_utils" / "owned.py")
    file = tmp_path / "file"
    file.write_text("x")
    file.chmod(0o644)
    owner = (os.getuid(), os.getgid())
    assert owned.set_owner_and_mode(file, owner, mode)
    assert stat.S_IMODE(file.stat().st_mode) == mode


def test_a_folder_gets_its_mode(tmp_path: Path) -> None:
    owned = load(RUNNER / "module_utils" / "owned.py")
    assert owned.set_owner_and_mode(tmp_path, (os.getuid(), os.getgid()), 0o711)
    assert not owned.set_owner_and_mode(tmp_path, (os.getuid(), os.getgid()), 0o711)


@pytest.fixture(autouse=True)
def leave_no_bytecode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
