"""What a session looks at, as one digest: the same files give the same, wherever and whenever.

Times and owners are not in it, and of a file's mode only whether it may be executed, as in git: a
fresh checkout of the same commit has the same digest, also outside git.
See D46 in ARCHITECTURE.md.
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardgate.engine.build_context import list_build_entries
from hardgate.errors import HardgateError
from hardgate.model.run import Source
from hardgate.pipeline.template import Template
from hardgate.system.git import Repository, open_repository
from hardgate.system.temporary_folder import temporary_folder

OUTPUTS: Mapping[str, str] = {
    "reports": "answers and reports",
    ".nox": "environments of the sessions",
}
"""Folders that hardgate writes, at the repository's top and in the context."""
OUTPUTS_ANYWHERE: Mapping[str, str] = {
    ".git": "git's own files, which every command of git changes",
    "__pycache__": "compiled files that running Python leaves",
    ".pytest_cache": "what pytest remembers",
}
"""Folders that the sessions' programs write, at any depth. A tracked file always counts."""


@dataclass(frozen=True, kw_only=True)
class SourceFiles:
    """What of a repository a template's answers are about: paths from its top, sorted."""

    repository: str
    """The repository's name."""
    paths: tuple[bytes, ...]
    """Files, links, and what git knows and is gone."""
    folders: tuple[bytes, ...]
    """Folders of the build's context in which none of these lies: a build takes them, too."""
    tracked: frozenset[bytes] = frozenset()
    """Those of the paths that git tracks."""


def measure_source(template: Template, outputs: Iterable[Path] = ()) -> Source:
    """Give the digest of a template's content; `outputs` are folders that the caller writes to.

    Raises GitRefusedError where git refuses to answer, HardgateError where a file cannot be read.
    """
    return hash_source(template, list_source_files(template, outputs))


def list_source_files(template: Template, outputs: Iterable[Path] = ()) -> SourceFiles:
    """List what counts; raises as `measure_source` does."""
    with open_repository(template.root) as repository:
        tracked = _list_git_files(repository, "--cached") if repository else set()
        new = (
            _list_git_files(repository, "--others", "--exclude-standard")
            if repository
            else set(_walk_files(template.root, b""))
        )
        name = _name_repository(template.root, repository)
    left_out = _list_left_out(template, outputs)
    built, folders = _list_context_files(template)
    counted = tracked | {path for path in new | built if not _is_output(path, left_out)}
    outputs_taken = {folder for folder in folders if _is_output(folder + b"/", left_out)}
    filled = {folder for path in counted | built | outputs_taken for folder in _list_parents(path)}
    empty = folders - filled - outputs_taken
    return SourceFiles(
        repository=name,
        paths=tuple(sorted(counted)),
        folders=tuple(sorted(empty)),
        tracked=frozenset(tracked),
    )


def hash_source(
    template: Template, files: SourceFiles, *, not_copied: frozenset[bytes] = frozenset()
) -> Source:
    """Give the digest of what is listed, as it lies in this template's folder.

    Of a copy, the paths that were `not_copied` are read in the repository itself.
    """
    digest = hashlib.sha256()
    for path in files.paths:
        root = template.repository_root if path in not_copied else template.root
        digest.update(_describe_file(root, path))
    for path in files.folders:
        digest.update(b"fold" + bytes(32) + path + b"\0")
    if not template.dockerfile.is_relative_to(template.root):
        digest.update(b"dockerfile " + _hash_file(template.dockerfile))
    return Source(
        repository=files.repository,
        context=template.relative_to_root(template.context),
        dockerfile=template.relative_to_root(template.dockerfile),
        content=f"sha256:{digest.hexdigest()}",
    )


def _list_parents(path: bytes) -> Iterator[bytes]:
    while path := path.rpartition(b"/")[0]:
        yield path


def _list_git_files(repository: Repository, *options: str) -> set[bytes]:
    """List paths from the root; what is a folder to git is a submodule, and all in it counts."""
    with temporary_folder() as folder:
        output = folder / "listing"
        repository.ask("ls-files", "-z", "--full-name", *options, output_file=output)
        names = [name.rstrip(b"/") for name in output.read_bytes().split(b"\0") if name]
    paths: set[bytes] = set()
    for name in names:
        place = os.path.join(os.fsencode(repository.root), name)  # noqa: PTH118 - bytes
        is_folder = os.path.isdir(place) and not os.path.islink(place)  # noqa: PTH112, PTH114
        paths |= set(_walk_files(repository.root, name)) if is_folder else {name}
    return paths


def _list_context_files(template: Template) -> tuple[set[bytes], set[bytes]]:
    """Give the files and the folders that a build may take, by their paths from the root."""
    inside = template.context.relative_to(template.root)
    entries = list_build_entries(template.context, template.dockerfile)

    def from_root(paths: Iterable[str]) -> set[bytes]:
        return {os.fsencode(str(inside / path)) for path in paths if path}

    return from_root(entries.files), from_root(entries.folders)


def _walk_files(root: Path, below: bytes) -> Iterator[bytes]:
    """Walk all files and links, without git's own; a folder that is a link is one."""
    top = os.fsencode(root)

    def refuse(error: OSError) -> None:
        raise _explain_unreadable(error)

    for folder, folders, files in os.walk(os.path.join(top, below), onerror=refuse):  # noqa: PTH118
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        folders[:] = [name for name in folders if name != b".git" and name not in links]
        for name in (*files, *links):
            yield os.path.relpath(os.path.join(folder, name), top)  # noqa: PTH118


def _list_left_out(template: Template, outputs: Iterable[Path]) -> tuple[bytes, ...]:
    """List the folders, from the root, of which only tracked files count."""
    listed = [place / name for place in (template.root, template.context) for name in OUTPUTS]
    listed += [place.resolve() for place in outputs]
    inside = (place for place in listed if place.is_relative_to(template.root))
    return tuple(os.fsencode(str(place.relative_to(template.root))) for place in inside)


def _is_output(path: bytes, left_out: tuple[bytes, ...]) -> bool:
    if any(path == folder or path.startswith(folder + b"/") for folder in left_out):
        return True
    anywhere = {name.encode() for name in OUTPUTS_ANYWHERE}
    return not anywhere.isdisjoint(path.split(b"/")[:-1]) or path.split(b"/")[-1] == b".git"


def _describe_file(root: Path, path: bytes) -> bytes:
    """Give a file's kind, content's hash and path; each part has a length that is known."""
    place = Path(os.fsdecode(os.path.join(os.fsencode(root), path)))  # noqa: PTH118 - bytes
    try:
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            kind, content = b"link", hashlib.sha256(os.fsencode(place.readlink())).digest()
        elif stat.S_ISREG(mode):
            kind, content = (b"exec" if mode & stat.S_IXUSR else b"file"), _hash_file(place)
        elif stat.S_ISFIFO(mode):
            kind, content = b"pipe", bytes(32)
        else:
            kind, content = b"gone", bytes(32)  # neither git nor a build takes a socket or a device
    except (FileNotFoundError, NotADirectoryError):
        kind, content = b"gone", bytes(32)
    return kind + content + path + b"\0"


def _hash_file(place: Path) -> bytes:
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explain_unreadable(error) from error


def _explain_unreadable(error: OSError) -> HardgateError:
    name = os.fsdecode(error.filename or b"?")
    return HardgateError(
        f"'{name}' cannot be read, so it is not known what is looked at: {error.strerror}.",
        "Let this user read it, or take it out of the repository and of the build's context.",
    )


def _name_repository(root: Path, repository: Repository | None) -> str:
    """Give the end of the origin's address, which holds no credential; else the folder's name."""
    url = repository.settings.get("remote.origin.url", "") if repository else ""
    address = url.partition("://")[2] or (url if "@" in url else "")
    parts = address.rpartition("@")[2].removesuffix(".git").replace(":", "/").split("/")
    return "/".join(parts[-2:]) if len(parts) > 2 else root.name  # noqa: PLR2004 - host/owner/name
