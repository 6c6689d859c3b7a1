"""A template's repository: where its parts are. Reads no more than what tells one from another."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hardgate.errors import UsageError
from hardgate.system.git import find_repository_root

ADAPTER_FILES = ("adapter.py", "adapter/__init__.py", "src/adapter.py", "src/adapter/__init__.py")
CONFIG_FILES = ("config.yaml", "config.yml")
FORGE_FOLDERS = (".github", ".gitea", ".forgejo")
IGNORED_NAMES = frozenset(
    {".git", ".nox", ".venv", "venv", "node_modules", "reports", "__pycache__", ".tox"}
)


MAX_SEARCHED_BYTES = 256 * 1024
_NAMES_PLATFORM = re.compile(rb"\bPLATFORM_URL\b")


@dataclass(frozen=True, kw_only=True)
class Template:
    """What a build context holds, and the repository that it lies in."""

    context: Path
    dockerfile: Path
    root: Path
    """The repository's top, where workflows are; the context itself outside git."""
    copied_from: Path | None = None
    """The repository's own top, where `root` is a copy of it."""
    tracked_scripts: frozenset[Path] = frozenset()
    """Shell scripts that git tracks, wherever they lie: in a copy alone."""

    @classmethod
    def from_folder(cls, context: str, dockerfile: str | None = None) -> "Template":
        """Find the template in a folder; raises UsageError where there is no such folder."""
        folder = Path(context)
        if not folder.is_dir():
            raise UsageError(f"There is no folder '{context}'.", "Name the template by --context.")
        file = Path(dockerfile) if dockerfile else folder / "Dockerfile"
        if dockerfile and not file.is_file() and (folder / dockerfile).is_file():
            file = folder / dockerfile
        root = find_repository_root(folder) or folder.resolve()
        return cls(
            context=resolve_inside(folder, find_repository_root_as_written(folder)),
            dockerfile=resolve_inside(file, root),
            root=root,
        )

    @property
    def repository_root(self) -> Path:
        """The repository's own top, where git is, and where hardgate may write."""
        return self.copied_from or self.root

    @property
    def own_context(self) -> Path:
        """The build context in the repository itself."""
        return self.repository_root / self.context.relative_to(self.root)

    @property
    def adapter_file(self) -> Path | None:
        """The adapter's module, or its package's own file."""
        return self._find_first(ADAPTER_FILES)

    @property
    def config_file(self) -> Path | None:
        """The template's config.yaml."""
        return self._find_first(CONFIG_FILES)

    @cached_property
    def workflow_files(self) -> tuple[Path, ...]:
        """All workflow files, of every forge."""
        folders = (self.root / forge / "workflows" for forge in FORGE_FOLDERS)
        return tuple(_list_yaml_files(folders, self.root))

    @property
    def contract_files(self) -> tuple[Path, ...]:
        """The contracts and tiers that the repository brings along."""
        folders = dict.fromkeys((self.root / "contracts", self.context / "contracts"))
        return tuple(_list_yaml_files(folders, self.root))

    @cached_property
    def shell_scripts(self) -> tuple[Path, ...]:
        """All shell scripts of the context, by their names' ends or their first lines.

        What git tracks is the author's, also in a folder that is called as a tool's own.
        """
        walked = {file for file in walk_files(self.context) if is_shell_script(file)}
        tracked = {file for file in self.tracked_scripts if file.is_relative_to(self.context)}
        return tuple(sorted(walked | tracked))

    def relative_to_root(self, file: Path) -> str:
        """Write a file's path from the repository's root."""
        resolved = file.resolve()
        inside = resolved.is_relative_to(self.root)
        return str(resolved.relative_to(self.root)) if inside else str(file)

    def _find_first(self, names: tuple[str, ...]) -> Path | None:
        found = next((self.context / n for n in names if (self.context / n).is_file()), None)
        if found is not None:
            resolve_inside(found, self.root)
        return found


def walk_files(folder: Path, *, skips_unreadable: bool = False) -> Iterator[Path]:
    """Walk a folder without what tools leave there, and without following links.

    A folder that cannot be listed is an OSError, or left out where the caller can do without it.
    """
    try:
        entries = list(folder.iterdir())
    except OSError:
        if skips_unreadable:
            return
        raise
    for entry in entries:
        if entry.name in IGNORED_NAMES or entry.is_symlink():
            continue
        if entry.is_dir():
            yield from walk_files(entry, skips_unreadable=skips_unreadable)
        elif entry.is_file():
            yield entry


def wants_platform(context: Path) -> bool:
    """Tell by the template's own files, its tests left out, whether it asks for a platform.

    What cannot be read is passed over: whether it belongs to the build is found out by the build.
    """
    for file in walk_files(context, skips_unreadable=True):
        inside = file.relative_to(context)
        if inside.parts[0] in {"tests", "test", "docs"} or file.suffix in {".md", ".rst"}:
            continue
        with suppress(OSError):
            small = file.stat().st_size <= MAX_SEARCHED_BYTES
            if small and _NAMES_PLATFORM.search(file.read_bytes()):
                return True
    return False


def is_shell_script(file: Path) -> bool:
    """Tell by the name's end, else by the first line."""
    if file.suffix in {".sh", ".bash"}:
        return True
    with file.open("rb") as lines:
        first = lines.readline(200).split()
    if not first or not first[0].startswith(b"#!"):
        return False
    return any(word.rpartition(b"/")[2] in {b"sh", b"bash", b"dash"} for word in first)


def resolve_inside(path: Path, root: Path | None) -> Path:
    """Give a path without links; raises UsageError where one in the repository leads out of it."""
    resolved = path.resolve()
    passed = (place.resolve() for place in path.absolute().parents)
    if root is not None and not resolved.is_relative_to(root) and root in passed:
        raise UsageError(
            f"'{path}' is a link that leads out of the repository '{root}', to '{resolved}'.",
            "Put the file itself there, or pass the place that it leads to.",
        )
    return resolved


def find_repository_root_as_written(folder: Path) -> Path | None:
    """Give the repository in which a path stands before its links are followed."""
    parents = folder.absolute().parents
    return next((place.resolve() for place in parents if (place / ".git").exists()), None)


def _list_yaml_files(folders: Iterable[Path], root: Path) -> Iterator[Path]:
    for folder in folders:
        for file in sorted(folder.glob("*")):
            if file.suffix in {".yml", ".yaml"}:
                resolve_inside(file, root)
                yield file
