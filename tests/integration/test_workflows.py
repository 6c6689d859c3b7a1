"""The CI files, run for real by act, the engine of Gitea's and Forgejo's runners.

Artifacts have no server here, so two stand-ins of a line each carry them from job to job; all else
in the files is run as it stands, without containers.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import output_of
from tests.integration.sharing import Once
from tests.integration.test_templates import git, run, template

__all__ = ["template"]

pytestmark = pytest.mark.independent

ROOT = Path(__file__).parents[2]
ACT = "github.com/nektos/act@v0.2.89"
SECONDS = 1500
FILES = {"github": "ubuntu-latest", "gitea": "docker-host"}
SHARED = "  steps:\n    - shell: bash\n      run: "


@pytest.fixture(scope="session")
def found_act(once: Once, shared: Path) -> str:
    """Find act, or build it by Go; empty on a machine with neither."""
    found, go = shutil.which("act"), shutil.which("go")
    if found or not go:
        return found or ""
    once("act", lambda: output_of(["env", f"GOBIN={shared}", go, "install", ACT]))
    return str(shared / "act")


@pytest.fixture(scope="session")
def act(once: Once, found_act: str) -> str:
    """Give act, ready; a machine that cannot have it is told, and nothing is shown."""
    # Two first uses of 'pipx run' at once make one environment, and break each other.
    once("nox", lambda: output_of(["pipx", "run", "nox", "--version"]))
    if not found_act:
        pytest.skip("This machine has neither act nor Go: no workflow was run.")
    return found_act


def stand_in(folder: Path, name: str, script: str) -> Path:
    """Write an action that runs a line of shell."""
    action = folder / name
    action.mkdir()
    inputs = "inputs:\n  name: {required: false}\n  path: {required: true}\n"
    told = f"name: {name}\n{inputs}runs:\n  using: composite\n{SHARED}{script}\n"
    (action / "action.yml").write_text(f"{told}      env:\n        PLACE: ${{{{ inputs.path }}}}\n")
    return action


def uses(workflow: Path, action: str) -> str:
    """Find what a file pins an action to."""
    lines = workflow.read_text().splitlines()
    return next(line.split()[2] for line in lines if f"uses: actions/{action}@" in line)


@pytest.mark.parametrize("forge", FILES)
def test_the_repositorys_own_file_is_what_init_writes(forge: str) -> None:
    ours = (ROOT / f".{forge}" / "workflows" / "gate.yml").read_text()
    assert ours == (ROOT / "src" / "hardgate" / "pipeline" / "starter" / f"{forge}.yml").read_text()


@pytest.mark.slow
def test_the_workflow_is_green_on_a_good_template(act: str, template: Path, tmp_path: Path) -> None:
    """GitHub's; Gitea's is run on a runner's host (test_runner_workflow.py)."""
    forge = "github"
    assert run(template, "hardgate", "init", "--forge", forge).exit_code == 0
    git(template, "add", "-A")
    git(template, "commit", "-q", "-m", "first")
    workflow = template / f".{forge}" / "workflows" / "gate.yml"
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    up = stand_in(tmp_path, "up", f'cp -r "$PLACE/." "{shelf}/"')
    down = stand_in(tmp_path, "down", f'mkdir -p "$PLACE" && cp -r "{shelf}/." "$PLACE/"')
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        [
            *(act, "push", "--workflows", str(workflow), "-P", f"{FILES[forge]}=-self-hosted"),
            *("--local-repository", f"{uses(workflow, 'upload-artifact')}={up}"),
            *("--local-repository", f"{uses(workflow, 'download-artifact')}={down}"),
            *("--action-cache-path", str(tmp_path / "act"), "--no-cache-server"),
        ],
        cwd=template,
        env={**os.environ, "PATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    print(ended.stdout)
    assert ended.returncode == 0
    assert "HARDGATE VALIDATE GREEN" in ended.stdout
    assert ended.stdout.count("Job succeeded") == 5
