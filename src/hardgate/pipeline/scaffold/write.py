"""Writes the files that a template needs for the gate: new, or as an update of earlier ones."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.pipeline.hardgate_source import explain_unusable_source
from hardgate.pipeline.noxfile_source import find_requirements
from hardgate.pipeline.template import walk_files
from hardgate.resources import IMAGE

STARTER_FOLDER = Path(__file__).parent
GITIGNORE_TEXT = "/.nox/\n/reports/\n__pycache__/\n"
DOCKERIGNORE_TEXT = ".git\n.nox\nreports\n"
SOURCE_MARK = "@HARDGATE@"
WRITTEN_MARKS = ("Written by 'hardgate init'", '"""The gate for this template:')
"""What the first line of a file of ours has held in every version."""
_NOT_COPIED = {"README.md", ".gitignore", ".dockerignore"}


class Action(Enum):
    """What is to be done with one file."""

    WRITE = "written"
    UPDATE = "updated"
    KEEP = "there already, left as it is"
    CURRENT = "up to date"


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """One file of the template: as it is, as it is to be, and what is to be done."""

    file: str
    action: Action
    before: str = ""
    after: str = ""
    advice: str = ""

    @property
    def status(self) -> str:
        """What came of it, for the reader."""
        return f"{self.action.value}{self.advice}"

    @property
    def is_pending(self) -> bool:
        """Something is to be written."""
        return self.action in {Action.WRITE, Action.UPDATE}

    def format_diff(self) -> str:
        """Write the difference as 'diff -u' does."""
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"{self.file} (now)",
            f"{self.file} (updated)",
        )
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def make_starter_files(forges: tuple[str, ...], requirement: str) -> dict[str, str]:
    """Give the texts of the gate's files, by their paths; `requirement` installs hardgate."""
    noxfile = (STARTER_FOLDER / "noxfile.txt").read_text()
    texts = {"noxfile.py": noxfile.replace(SOURCE_MARK, requirement)}
    for forge in forges:
        source = "github.yml" if forge == "github" else "gitea.yml"
        texts[f".{forge}/workflows/gate.yml"] = (STARTER_FOLDER / source).read_text()
    return texts | {".gitignore": GITIGNORE_TEXT, ".dockerignore": DOCKERIGNORE_TEXT}


def make_template_files() -> dict[str, str]:
    """Give the texts of a whole template's own files: the reference workspace image's."""
    inside = (file.relative_to(IMAGE) for file in sorted(walk_files(IMAGE)))
    texts = {
        str(name): (IMAGE / name).read_text() for name in inside if name.name not in _NOT_COPIED
    }
    return {"README.md": (STARTER_FOLDER / "readme.txt").read_text(), **texts}


def plan_new_files(root: Path, texts: dict[str, str]) -> Iterator[FileChange]:
    """Plan to write each file that is not there, and no other."""
    for name, text in texts.items():
        file = root / name
        if file.exists() or file.is_symlink():
            lacking = _list_missing_lines(file, text) if _is_ignore_file(name) else []
            advice = f"; add to it: {' '.join(lacking)}" if lacking else ""
            yield FileChange(file=name, action=Action.KEEP, advice=advice)
        else:
            yield FileChange(file=name, action=Action.WRITE, after=text)


def plan_update(root: Path, texts: dict[str, str]) -> Iterator[FileChange]:
    """Plan to bring what an earlier 'hardgate init' wrote up to date; what others wrote stays."""
    for change in plan_new_files(root, texts):
        file, text = root / change.file, texts[change.file]
        if change.action is Action.WRITE or file.is_symlink() or not file.is_file():
            yield change
            continue
        before = file.read_text(errors="replace")
        after = _merge_lines(file, text) if _is_ignore_file(change.file) else text
        if before == after:
            yield FileChange(file=change.file, action=Action.CURRENT)
        elif _is_ignore_file(change.file) or _is_ours(before):
            yield FileChange(file=change.file, action=Action.UPDATE, before=before, after=after)
        else:
            yield FileChange(
                file=change.file, action=Action.KEEP, advice=": 'hardgate init' did not write it"
            )


def find_kept_requirement(root: Path) -> str:
    """Give the source that a noxfile of an earlier init names, where others can install it."""
    noxfile = root / "noxfile.py"
    requirements = (
        find_requirements(noxfile.read_text(errors="replace")) if noxfile.is_file() else []
    )
    usable = [text for text in requirements if not explain_unusable_source(text)]
    return usable[0] if usable else ""


def apply_change(root: Path, change: FileChange) -> None:
    """Write what is pending; raises UsageError where the folder does not let us."""
    file = root / change.file
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x" if change.action is Action.WRITE else "w", encoding="utf-8") as new:
            new.write(change.after)
    except OSError as error:
        raise UsageError(
            f"'{file}' cannot be written: {error.strerror}.",
            "Look at its folder's permissions.",
        ) from error


def _is_ours(text: str) -> bool:
    head = "\n".join(text.splitlines()[:3])
    return any(mark in head for mark in WRITTEN_MARKS)


def _is_ignore_file(name: str) -> bool:
    return name in {".gitignore", ".dockerignore"}


def _merge_lines(file: Path, text: str) -> str:
    present = file.read_text(errors="replace")
    lacking = _list_missing_lines(file, text)
    ended = present if present.endswith("\n") or not present else f"{present}\n"
    return ended + "".join(f"{line}\n" for line in lacking) if lacking else present


def _list_missing_lines(file: Path, text: str) -> list[str]:
    """Name the lines that an ignore file should have as well."""
    if not file.is_file():
        return []
    present_lines = {
        line.strip().strip("/") for line in file.read_text(errors="replace").splitlines()
    }
    return [line for line in text.splitlines() if line.strip("/") not in present_lines]
