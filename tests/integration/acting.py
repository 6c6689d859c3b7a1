"""Workflows by act, the engine of Gitea's and Forgejo's runners; by hand where it cannot be had.

Artifacts have no server here, so two stand-ins of a line each carry them from job to job; all else
in the files is run as it stands, without containers.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import pytest
import yaml

from tests.integration.sharing import Once, output_of

ACT = "github.com/nektos/act@v0.2.89"
GO_FOLDERS = ("/usr/local/go/bin", "/usr/lib/go*/bin", "~/go/bin", "~/sdk/go*/bin")
"""Where Go is, if it is not in PATH; `.ci/run` looks there too."""
PROPERTY = "workflow"
BY_ACT = "run by act"
BY_HAND = "act DID NOT RUN, for neither act nor Go is on this machine; its lines were run by hand"
SHARED = "  steps:\n    - shell: bash\n      run: "
RecordProperty = Callable[[str, object], None]
SHELL = ("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c")
"""What a runner takes for a line of a workflow."""


def find_program(name: str, path: str, folders: Sequence[str]) -> str:
    """Find a program in PATH, or in folders, which may be patterns; empty where it is in none."""
    patterns = (str(Path(folder).expanduser()).lstrip("/") for folder in folders)
    places = (str(place) for one in patterns for place in sorted(Path("/").glob(one)))
    return shutil.which(name, path=os.pathsep.join([path, *places])) or ""


def have_act(once: Once, folder: Path) -> str:
    """Find act, or build it by Go into a folder; empty on a machine with neither."""
    path = os.environ.get("PATH", os.defpath)
    found, go = (find_program(name, path, GO_FOLDERS) for name in ("act", "go"))
    if found or not go:
        return found
    once("act", lambda: output_of(["env", f"GOBIN={folder}", go, "install", ACT]))
    return str(folder / "act")


def note_how(record_property: RecordProperty, forge: str, act: str) -> None:
    """Note how a forge's workflow was run, for the last lines of the test run."""
    record_property(PROPERTY, f"Workflow of {forge}: {BY_ACT if act else BY_HAND}")


def told_how(reports: Iterable[pytest.TestReport]) -> list[str]:
    """Read from tests that passed how each workflow was run."""
    properties = (one for report in reports for one in report.user_properties)
    return sorted({str(value) for name, value in properties if name == PROPERTY})


def lines_of(workflow: Path) -> list[str]:
    """Read the lines that a workflow runs, in its jobs' order."""
    jobs = yaml.safe_load(workflow.read_text())["jobs"].values()
    return [step["run"] for job in jobs for step in job["steps"] if "run" in step]


def write_artifact_actions(folder: Path, shelf: str) -> tuple[Path, Path]:
    """Write an action that puts an artifact on a shelf, and one that fetches all from there.

    As the forges' own do: what is fetched lies in a folder of its artifact's name.
    """
    up = f'mkdir -p "{shelf}/$NAME" && cp -r "$PLACE/." "{shelf}/$NAME/"'
    down = f'mkdir -p "$PLACE" && cp -r "{shelf}/." "$PLACE/"'
    return _write_action(folder, "up", up), _write_action(folder, "down", down)


def _write_action(folder: Path, name: str, script: str) -> Path:
    """Write an action that runs a line of shell."""
    action = folder / name
    action.mkdir()
    inputs = "inputs:\n  name: {required: false}\n  path: {required: true}\n"
    step = f"runs:\n  using: composite\n{SHARED}{script}\n"
    given = "      env:\n        PLACE: ${{ inputs.path }}\n        NAME: ${{ inputs.name }}\n"
    (action / "action.yml").write_text(f"name: {name}\n{inputs}{step}{given}")
    return action


def uses(workflow: Path, action: str) -> str:
    """Find what a file pins an action to."""
    lines = workflow.read_text().splitlines()
    return next(line.split()[2] for line in lines if f"uses: actions/{action}@" in line)
