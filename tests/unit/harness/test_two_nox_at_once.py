"""Two first runs of nox in one checkout, for real: neither breaks the other's environment (B19).

What is installed is a program of our own, so that no network is needed; nox, the noxfiles and their
locks are the real ones.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hardgate.pipeline.scaffold.write import make_starter_files
from tests.integration.sharing import ROOT

SECONDS = 300
PROGRAM = """
import sys, time
from pathlib import Path

def main():
    for _ in range(5):
        time.sleep(0.2)
        assert Path(__file__).is_file() and Path(sys.argv[0]).is_file(), "it was taken away"
    print("was whole to its end:", *sys.argv[1:])
"""
METADATA = "Metadata-Version: 2.1\nName: hardgate\nVersion: 1\nProvides-Extra: pipeline\n"
UV = """#!/bin/sh
set -eu
for last; do :; done
case "$1 ${2-}" in
    "--version "*) echo "uv 0.9.9"; exit ;;
    "venv "*) rm -rf "$last"; sleep 0.5; mkdir -p "$last/bin" ;;
    "pip install")
        shift 4
        bin=$(dirname "$1")
        sleep 0.5
        printf '#!/bin/sh\\nexit 0\\n' >"$bin/python"
        printf '#!/bin/sh\\nsleep 1; test -f "$0" && echo "was whole to its end: $*"\\n' \\
            >"$bin/hardgate"
        chmod +x "$bin/python" "$bin/hardgate" ;;
esac
"""


def write_wheel(folder: Path) -> Path:
    """Write a wheel of a hardgate that looks whether it stays where it is."""
    wheel = folder / "hardgate-1-py3-none-any.whl"
    info = "hardgate-1.dist-info"
    files = {
        "hardgate.py": PROGRAM,
        f"{info}/METADATA": METADATA,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nhardgate = hardgate:main\n",
        f"{info}/RECORD": "",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel


def make_template(folder: Path) -> Mapping[str, str]:
    """Lay out a template as 'hardgate init' does, and give what its nox needs."""
    source = f"hardgate[pipeline] @ {write_wheel(folder.parent).as_uri()}"
    (folder / "noxfile.py").write_text(make_starter_files(("github",), source)["noxfile.py"])
    return {"PIP_NO_INDEX": "1"}


def make_checkout(folder: Path) -> Mapping[str, str]:
    """Lay out our own noxfile, with a uv that installs our program."""
    for name in ("noxfile.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    uv = folder.parent / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV)
    uv.chmod(0o755)
    return {"PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}"}


def run_two(
    folder: Path, sessions: tuple[str, ...], variables: Mapping[str, str]
) -> list[tuple[int, str]]:
    """Run two sessions at once; give how each ended, and what it said."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PIP_")},
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        **variables,
    }
    both = [
        subprocess.Popen(
            (sys.executable, "-m", "nox", "-s", session),
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for session in sessions
    ]
    outputs = [process.communicate(timeout=SECONDS)[0] for process in both]
    return [(process.returncode, output) for process, output in zip(both, outputs, strict=True)]


@pytest.mark.parametrize(
    ("make", "sessions"),
    [
        pytest.param(make_template, ("t4", "runtime"), id="a template"),
        pytest.param(make_checkout, ("t4", "build"), id="our own"),
    ],
)
def test_two_first_runs_at_once_are_both_whole_and_install_once(
    tmp_path: Path, make: Callable[[Path], Mapping[str, str]], sessions: tuple[str, ...]
) -> None:
    folder = tmp_path / "a checkout"
    folder.mkdir()
    variables = make(folder)
    for expected in (1, 0):
        ran = run_two(folder, sessions, variables)
        for code, output in ran:
            assert code == 0, output
            assert "was whole to its end:" in output
        assert sum(output.count("pip install") for _, output in ran) == expected
