"""Which files of a context a build may take: those that `.dockerignore` lets in."""

from dataclasses import dataclass
from pathlib import Path

from docker.utils.build import exclude_paths

from hardgate.errors import HardgateError

IGNORE_FILE = ".dockerignore"


@dataclass(frozen=True, kw_only=True)
class BuildEntries:
    """What one of the builders may take of a context, by the paths below it."""

    files: frozenset[str]
    """Files and links."""
    folders: frozenset[str]


def list_build_entries(context: Path, dockerfile: Path) -> BuildEntries:
    """Give what `.dockerignore` lets in.

    The engine's own builder reads `.dockerignore`; BuildKit reads `NAME.dockerignore` beside the
    Dockerfile instead, where that is there. What either of them takes counts.
    """
    own = dockerfile.with_name(f"{dockerfile.name}{IGNORE_FILE}")
    found: set[str] = set()
    for file in (context / IGNORE_FILE, own):
        if file.is_file() or file != own:
            found |= _list_taken(context, dockerfile, _read_patterns(file))
    folders = frozenset(path for path in found if _is_folder(context / path))
    return BuildEntries(files=frozenset(found) - folders, folders=folders)


def _read_patterns(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig", errors="surrogateescape")
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HardgateError(
            f"'{file}' cannot be read: {error.strerror}.", "Let this user read it."
        ) from error
    lines = (line.strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _list_taken(context: Path, dockerfile: Path, patterns: list[str]) -> set[str]:
    """Give files, links and folders."""
    inside = dockerfile.is_relative_to(context)
    name = str(dockerfile.relative_to(context)) if inside else "Dockerfile"
    try:
        return set(exclude_paths(str(context), patterns, dockerfile=name))
    except OSError as error:
        raise HardgateError(
            f"'{error.filename}' of the build's context cannot be read: {error.strerror}.",
            f"Let this user read it, or name it in '{context / IGNORE_FILE}'.",
        ) from error


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()
