"""What the roles base_image and engine do beside each other."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
WAIT = "Wait until mmdebstrap is installed by another play"


def read_tasks(role: str, file: str) -> list[dict[str, object]]:
    return list(yaml.safe_load((ROLES / role / "tasks" / file).read_text()))


@pytest.fixture
def wait_script() -> str:
    task = next(task for task in read_tasks("base_image", "preflight.yml") if task["name"] == WAIT)
    command = task["ansible.builtin.command"]
    assert isinstance(command, dict)
    return str(command["argv"][-1])


def run_wait(script: str, folder: Path, dpkg_query: str) -> "subprocess.CompletedProcess[str]":
    """Run it for half a second, with another dpkg-query."""
    program = folder / "dpkg-query"
    program.write_text(f"#!/bin/sh\n{dpkg_query}\n")
    program.chmod(0o755)
    return subprocess.run(
        ["timeout", "3", "sh", "-c", script],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        cwd=folder,
        check=False,
        text=True,
        timeout=10,
    )


def test_it_goes_on_once_both_packages_are_installed(wait_script: str, tmp_path: Path) -> None:
    coming = (
        "echo asked >>asked; [ $(wc -l <asked) -gt 3 ] || { printf 'unpacked installed '; exit; }"
        "\nprintf 'installed installed '"
    )
    assert run_wait(wait_script, tmp_path, coming).returncode == 0
    assert (tmp_path / "asked").read_text().count("\n") == 4


@pytest.mark.parametrize(
    "answer", ["printf 'installed '", "echo 'no packages found' >&2; exit 1", "exit 127"]
)
def test_half_of_it_is_not_enough(wait_script: str, tmp_path: Path, answer: str) -> None:
    assert run_wait(wait_script, tmp_path, answer).returncode == 124


def test_what_makes_a_base_is_installed_before_the_engine() -> None:
    names = [task["name"] for task in read_tasks("engine", "bring_up.yml")]
    assert names.index("Install what makes a base") < names.index("Install the engine")
    variables = yaml.safe_load((ROLES / "engine" / "vars" / "main.yml").read_text())
    assert variables["__engine_base_packages"] == ["debian-archive-keyring", "mmdebstrap"]
    assert not {"docker.io", "mmdebstrap"} <= set(variables["__engine_packages"])


def run_bootstrap(folder: Path, **programs: str) -> "subprocess.CompletedProcess[str]":
    """Run the role's script with programs of our own, for words that have blanks and stars."""
    programs["mmdebstrap"] = 'echo "at ${TMPDIR:-none}"; printf "<%s>" "$@"'
    for name, body in programs.items():
        program = folder / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
    return subprocess.run(
        ["sh", str(ROLES / "base_image" / "files" / "bootstrap"), str(folder / "work"), "a b", "*"],
        env={"PATH": f"{folder}:{os.environ['PATH']}"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        timeout=10,
    )


@pytest.mark.parametrize(
    "programs", [{"id": "echo 1000", "unshare": "exit 0"}, {"id": "echo 0", "unshare": "exit 1"}]
)
def test_without_root_or_a_namespace_mmdebstrap_runs_as_it_is(
    programs: dict[str, str], tmp_path: Path
) -> None:
    assert run_bootstrap(tmp_path, **programs).stdout == "at none\n<a b><*>"
    assert not (tmp_path / "work").exists()


def test_as_root_its_files_lie_in_the_callers_folder_in_mounts_of_its_own(tmp_path: Path) -> None:
    unshare = '[ "$2" = true ] || { echo "$1 $2 $3"; shift 3; exec "$@"; }'
    ended = run_bootstrap(tmp_path, id="echo 0", unshare=unshare, mount='echo "mount $*"')
    work = tmp_path / "work"
    assert ended.stdout.splitlines() == [
        "--mount --propagation private",
        f"mount --bind {work} /mnt",
        "at /mnt",
        "<a b><*>",
    ]
    assert work.stat().st_mode & 0o7777 == 0o1777
