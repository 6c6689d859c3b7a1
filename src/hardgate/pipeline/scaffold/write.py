"""Writes the files that a template needs for the gate; never over one that is there."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import hardgate
from hardgate.errors import UsageError

STARTER_FOLDER = Path(__file__).parent
GITIGNORE_TEXT = "/.nox/\n/reports/\n__pycache__/\n"
DOCKERIGNORE_TEXT = ".git\n.nox\nreports\n"


@dataclass(frozen=True, kw_only=True)
class StarterFile:
    """What came of one file."""

    file: str
    status: str


def make_starter_files(forges: tuple[str, ...]) -> dict[str, str]:
    """Give the files' texts, by their paths."""
    texts = {
        "noxfile.py": (STARTER_FOLDER / "noxfile.txt")
        .read_text()
        .replace("@HARDGATE@", format_requirement())
    }
    for forge in forges:
        source = "github.yml" if forge == "github" else "gitea.yml"
        texts[f".{forge}/workflows/gate.yml"] = (STARTER_FOLDER / source).read_text()
    return texts | {".gitignore": GITIGNORE_TEXT, ".dockerignore": DOCKERIGNORE_TEXT}


def format_requirement() -> str:
    """Say how to install what runs here: from where it was itself installed."""
    install_record: dict[str, dict[str, str]] = {}
    with suppress(PackageNotFoundError, ValueError):
        install_record = json.loads(distribution("hardgate").read_text("direct_url.json") or "{}")
    url = str(install_record.get("url", ""))
    if not url:
        return f"hardgate[pipeline]=={hardgate.__version__}"
    source = install_record.get("vcs_info", {})
    if source:
        url = f"{source['vcs']}+{url}@{source['commit_id']}"
    return f"hardgate[pipeline] @ {url}"


def write_starters(root: Path, forges: tuple[str, ...]) -> Iterator[StarterFile]:
    """Write each that is not there, and say what was done."""
    for name, text in make_starter_files(forges).items():
        file = root / name
        if file.exists() or file.is_symlink():
            lacking = (
                _find_missing_lines(file, text) if name.startswith(".") and "/" not in name else ""
            )
            more = f"; add to it: {lacking}" if lacking else ""
            yield StarterFile(file=name, status=f"there already, left as it is{more}")
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as new:
                new.write(text)
        except OSError as error:
            raise UsageError(
                f"'{file}' cannot be written: {error.strerror}.",
                "Look at its folder's permissions.",
            ) from error
        yield StarterFile(file=name, status="written")


def _find_missing_lines(file: Path, text: str) -> str:
    """Name the lines that an ignore file should have as well."""
    if not file.is_file():
        return ""
    present_lines = {
        line.strip().strip("/") for line in file.read_text(errors="replace").splitlines()
    }
    return " ".join(line for line in text.splitlines() if line.strip("/") not in present_lines)
