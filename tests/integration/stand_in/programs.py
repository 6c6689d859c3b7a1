"""The stand-in's programs as what a user downloads: one executable file, or GitHub's archive."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
NAMES = ("act_runner", "gitea-runner", "forgejo-runner")
SHEBANG = b"#!/usr/bin/env python3\n"
MAIN = "import sys\n\nfrom program.entry import main\n\nsys.exit(main())\n"
MOMENT = (2025, 1, 1, 0, 0, 0)
"""Of every file, so that the same program has the same digest."""


def program() -> bytes:
    """Give the one file that is every program, by its name."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted((HERE / "program").glob("*.py")):
            archive.writestr(zipfile.ZipInfo(f"program/{file.name}", MOMENT), file.read_text())
        archive.writestr(zipfile.ZipInfo("__main__.py", MOMENT), MAIN)
    return SHEBANG + packed.getvalue()


def write_program(path: Path) -> str:
    """Write a program; its name is one of NAMES, or begins with one. Give its digest."""
    path.write_bytes(program())
    path.chmod(0o755)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_archive(path: Path) -> str:
    """Write what GitHub gives its runner as (tar.gz), and give its digest."""
    with tarfile.open(path, "w:gz") as archive:
        for name, content in _github():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size, entry.mode = len(content), 0o755
            archive.addfile(entry, io.BytesIO(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _github() -> Iterator[tuple[str, bytes]]:
    for script in sorted((HERE / "github").rglob("*")):
        if script.is_file():
            yield str(script.relative_to(HERE / "github")), script.read_bytes()
    yield "bin/Runner.Listener", program()
    yield "bin/Runner.Worker", program()
