"""A template's files as they were at one time, in a private folder: what sessions look at.

A session that looked at the repository itself could look at what was changed and changed back
meanwhile, which no digest before and after shows. So the files that count (`content`) are copied,
the digest is taken of the copies, and the copies are what is read, tested and built from.
See D53 in ARCHITECTURE.md.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from hardgate.errors import HardgateError
from hardgate.model.run import Source
from hardgate.pipeline.content import SourceFiles, hash_source, list_source_files
from hardgate.pipeline.template import Template, is_shell_script
from hardgate.system.temporary_folder import temporary_folder

COPY_FOLDER = "repository"
DOCKERFILE_FOLDER = "dockerfile"
"""Holds a Dockerfile that lies outside of the repository."""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A copy of a template, and what it is a copy of."""

    template: Template
    """Its files are the copies."""
    source: Source

    def locate_copy(self, file: Path) -> Path:
        """Give the copy of a file of the repository; the file itself where it lies elsewhere."""
        place = file.resolve()
        own = self.template.repository_root
        copy = self.template.root / place.relative_to(own) if place.is_relative_to(own) else file
        return copy if copy.exists() else file


@contextmanager
def take_snapshot(
    template: Template, outputs: Iterable[Path] = (), *, build_alone: bool = False
) -> Iterator[Snapshot]:
    """Copy what counts of a template, for the length of a `with`.

    With `build_alone` only what a build reads is copied; the digest is of all even so. Raises what
    `measure_source` raises, and HardgateError where there is no room for the copies.
    """
    files = list_source_files(template, outputs)
    not_copied = frozenset(_list_unbuilt_paths(template, files)) if build_alone else frozenset()
    copied_paths = [path for path in files.paths if path not in not_copied]
    with temporary_folder() as folder:
        copy = folder / COPY_FOLDER / (template.root.name or "template")
        try:
            _copy_files(template.root, copy, copied_paths, files.folders)
            dockerfile = _copy_dockerfile(template, copy, folder)
        except OSError as error:
            raise _explain_failure(template.root, error) from error
        copied = replace(
            template,
            root=copy,
            context=copy / template.context.relative_to(template.root),
            dockerfile=dockerfile,
            copied_from=template.root,
            tracked_scripts=_find_scripts(copy, files.tracked - not_copied),
        )
        # The names are the repository's own: a Dockerfile elsewhere is named by its own path.
        source = replace(
            hash_source(copied, files, not_copied=not_copied),
            context=template.relative_to_root(template.context),
            dockerfile=template.relative_to_root(template.dockerfile),
        )
        yield Snapshot(template=copied, source=source)


def _list_unbuilt_paths(template: Template, files: SourceFiles) -> Iterator[bytes]:
    """List what lies outside of the build's context, but for its Dockerfile and ignore file."""
    context = template.context.relative_to(template.root)
    beside = {template.dockerfile, _name_ignore_file(template.dockerfile)}
    for path in files.paths:
        inside = Path(os.fsdecode(path))
        if not inside.is_relative_to(context) and template.root / inside not in beside:
            yield path


def _find_scripts(copy: Path, paths: Iterable[bytes]) -> frozenset[Path]:
    """Find the shell scripts among these; what is behind a link may be anybody's file."""
    top = copy.resolve()
    places = ((copy / os.fsdecode(path), top / os.fsdecode(path)) for path in paths)
    return frozenset(
        place
        for place, straight in places
        if place.is_file() and place.resolve() == straight and is_shell_script(place)
    )


def _copy_files(root: Path, copy: Path, paths: Iterable[bytes], folders: Iterable[bytes]) -> None:
    copy.mkdir(parents=True)
    made: set[Path] = {copy}
    for folder in folders:
        _make_folder(root, copy, Path(os.fsdecode(folder)), made)
    for path in paths:
        inside = Path(os.fsdecode(path))
        _make_folder(root, copy, inside.parent, made)
        if (copy / inside).parent in made:
            _copy_file(root / inside, copy / inside)
    for place in sorted(made, key=lambda folder: len(folder.parts), reverse=True):
        _copy_mode(root / place.relative_to(copy), place)


def _make_folder(root: Path, copy: Path, inside: Path, made: set[Path]) -> None:
    """Make a folder and those above it; never by way of a link, which a copy may be."""
    for folder in (*reversed(inside.parents), inside):
        place = copy / folder
        if place not in made and (root / folder).is_dir() and not (root / folder).is_symlink():
            place.mkdir(exist_ok=True)
            made.add(place)


def _copy_file(file: Path, copy: Path) -> None:
    """Copy a file, link or pipe; what is gone, or of another kind, counts as gone."""
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = file.lstat().st_mode
        if stat.S_ISLNK(mode):
            copy.symlink_to(file.readlink())
        elif stat.S_ISFIFO(mode):
            os.mkfifo(copy, stat.S_IMODE(mode))
        elif stat.S_ISREG(mode):
            _copy_content(file, copy)


def _copy_content(file: Path, copy: Path) -> None:
    """Copy content, mode and times, of a file that still is one: a link is not followed."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as source, copy.open("xb") as target:
        shutil.copyfileobj(source, target, 1024 * 1024)
        found = os.fstat(descriptor)
    copy.chmod(stat.S_IMODE(found.st_mode))
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_mode(folder: Path, copy: Path) -> None:
    """Copy a folder's mode and times; its owner can always read and remove the copy."""
    try:
        found = folder.stat()
    except OSError:
        return
    copy.chmod(stat.S_IMODE(found.st_mode) | stat.S_IRWXU)
    os.utime(copy, ns=(found.st_atime_ns, found.st_mtime_ns))


def _copy_dockerfile(template: Template, copy: Path, folder: Path) -> Path:
    """Give the Dockerfile's copy; one from elsewhere brings its ignore file along."""
    file = template.dockerfile
    if file.is_relative_to(template.root):
        return copy / file.relative_to(template.root)
    beside = folder / DOCKERFILE_FOLDER
    beside.mkdir()
    for one in (file, _name_ignore_file(file)):
        _copy_file(one, beside / one.name)
    return beside / file.name


def _name_ignore_file(dockerfile: Path) -> Path:
    """Name the ignore file that a build prefers to the context's."""
    return dockerfile.with_name(f"{dockerfile.name}.dockerignore")


def _explain_failure(root: Path, error: OSError) -> HardgateError:
    name = os.fsdecode(error.filename) if error.filename else str(root)
    return HardgateError(
        f"'{name}' could not be copied, and sessions look at a copy of the repository: "
        f"{error.strerror}.",
        "Let this user read it, and have as much room in TMPDIR as the files of the repository and "
        "of the build's context take.",
    )
