"""The CI files, run for real: GitHub's here, Gitea's on a runner (test_runner_workflow.py)."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.acting import (
    SHELL,
    RecordProperty,
    lines_of,
    note_how,
    uses,
    write_artifact_actions,
)
from tests.integration.sharing import run_in
from tests.integration.test_templates import files, git, template, write_gate_files

__all__ = ["files", "template"]

pytestmark = [pytest.mark.independent, pytest.mark.slow, pytest.mark.full]

SECONDS = 1500


def test_the_workflow_is_green_on_a_good_template(
    act: str, template: Path, tmp_path: Path, record_property: RecordProperty
) -> None:
    write_gate_files(template, "--forge", "github")
    git(template, "add", "-A")
    git(template, "commit", "-q", "-m", "first")
    workflow = template / ".github" / "workflows" / "gate.yml"
    if act:
        ended = by_act(act, workflow, template, tmp_path)
        assert ended.returncode == 0
        assert ended.stdout.count("Job succeeded") == 5
    else:
        for line in lines_of(workflow):
            ended = run_in(template, *SHELL, line, seconds=SECONDS)
            assert ended.returncode == 0
    assert "HARDGATE VALIDATE GREEN" in ended.stdout
    note_how(record_property, "github", act)


def by_act(
    act: str, workflow: Path, folder: Path, other: Path
) -> "subprocess.CompletedProcess[str]":
    """Run the file as it stands; two stand-ins carry the artifacts."""
    shelf = other / "shelf"
    shelf.mkdir()
    up, down = write_artifact_actions(other, str(shelf))
    return run_in(
        folder,
        *(act, "push", "--workflows", str(workflow), "-P", "ubuntu-latest=-self-hosted"),
        *("--local-repository", f"{uses(workflow, 'upload-artifact')}={up}"),
        *("--local-repository", f"{uses(workflow, 'download-artifact')}={down}"),
        *("--action-cache-path", str(other / "act"), "--no-cache-server"),
        seconds=SECONDS,
    )
