"""Writes the files that a template needs for the gate; never over one that is there."""

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import hardgate
from hardgate.errors import UsageError

HERE = Path(__file__).parent
IGNORED = "/.nox/\n/reports/\n__pycache__/\n"
NOT_IN_IMAGE = ".git\n.nox\nreports\n"


@dataclass(frozen=True, kw_only=True)
class Written:
    """What came of one file."""

    file: str
    told: str


def starters(forges: tuple[str, ...]) -> dict[str, str]:
    """Give the files' texts, by their paths."""
    texts = {"noxfile.py": (HERE / "noxfile.txt").read_text().replace("@HARDGATE@", requirement())}
    for forge in forges:
        source = "github.yml" if forge == "github" else "gitea.yml"
        texts[f".{forge}/workflows/gate.yml"] = (HERE / source).read_text()
    return texts | {".gitignore": IGNORED, ".dockerignore": NOT_IN_IMAGE}


def requirement() -> str:
    """Say how to install what runs here: from where it was itself installed."""
    told: dict[str, dict[str, str]] = {}
    with suppress(PackageNotFoundError, ValueError):
        told = json.loads(distribution("hardgate").read_text("direct_url.json") or "{}")
    url = str(told.get("url", ""))
    if not url:
        return f"hardgate[pipeline]=={hardgate.__version__}"
    source = told.get("vcs_info", {})
    if source:
        url = f"{source['vcs']}+{url}@{source['commit_id']}"
    return f"hardgate[pipeline] @ {url}"


def write_starters(root: Path, forges: tuple[str, ...]) -> Iterator[Written]:
    """Write each that is not there, and say what was done."""
    for name, text in starters(forges).items():
        file = root / name
        if file.exists() or file.is_symlink():
            lacking = _lacking(file, text) if name.startswith(".") and "/" not in name else ""
            more = f"; add to it: {lacking}" if lacking else ""
            yield Written(file=name, told=f"there already, left as it is{more}")
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
        yield Written(file=name, told="written")


def _lacking(file: Path, text: str) -> str:
    """Name the lines that an ignore file should have as well."""
    if not file.is_file():
        return ""
    there = {line.strip().strip("/") for line in file.read_text(errors="replace").splitlines()}
    return " ".join(line for line in text.splitlines() if line.strip("/") not in there)
