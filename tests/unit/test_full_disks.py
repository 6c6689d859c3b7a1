"""A gate whose disk is full: a real one, of 16 KiB, in a mount namespace of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
is_root = pytest.mark.skipif(os.getuid() != 0, reason="It takes root to mount a file system.")


def run_on_full_disk(place: Path, *words: str, **environment: str) -> tuple[int, str]:
    """Run hardgate where `place` is a disk without room; give its exit code and its output."""
    place.mkdir()
    script = f"""
        mount -t tmpfs -o size=16k,nr_inodes=12 none '{place}' || exit 90
        head -c 100000 /dev/zero >'{place}/ballast' 2>/dev/null
        exec "$@"
    """
    command = [sys.executable, "-m", "hardgate", *words]
    ran = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", *command],
        env={**os.environ, "DOCKER_HOST": "unix:///nonexistent/engine.sock", **environment},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout


@is_root
@pytest.mark.fault(
    fault="The disk of the reports' folder is full",
    injected="a tmpfs of 16 KiB without room in its place",
    verdict="unknown; the output says that no report could be written",
    exit_code=3,
    left="nothing",
)
def test_a_full_disk_of_reports_is_told_and_is_never_green(tmp_path: Path) -> None:
    code, output = run_on_full_disk(
        tmp_path / "full", "gate", "--image", "x", "--out", str(tmp_path / "full" / "out")
    )
    assert code == 3, output
    assert "No space left on device" in output
    assert "GREEN" not in output


@is_root
@pytest.mark.fault(
    fault="The temporary folder's disk is full",
    injected="a tmpfs of 16 KiB without room as TMPDIR",
    verdict="unknown",
    exit_code=3,
    left="nothing",
)
def test_a_full_temporary_folder_is_never_green(tmp_path: Path) -> None:
    full = tmp_path / "full"
    code, output = run_on_full_disk(
        full, "gate", "--image", "x", "--out", str(tmp_path / "out"), TMPDIR=str(full)
    )
    assert code == 3, output
    assert "GREEN" not in output
