"""Which file of a build context, or which text of the Dockerfile, a path in the image holds."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

MAX_FILE = 256 * 1024


@dataclass(frozen=True, kw_only=True)
class ImageFile:
    """A file that is put into an image."""

    path: Path | None = None
    """In the context."""
    text: str | None = None
    """Written out in the Dockerfile."""

    def read(self) -> str | None:
        """Give its text; None where nobody can."""
        if self.text is not None or self.path is None:
            return self.text
        try:
            if self.path.stat().st_size > MAX_FILE:
                return None
            return self.path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n")
        except OSError:
            return None


@dataclass(frozen=True, kw_only=True)
class _Placed:
    """A COPY: everything of `sources`, at `target`."""

    sources: tuple[str, ...]
    target: str
    is_folder: bool
    stage: "ImageFiles | None"
    """What it is copied from; None is the context."""
    foreign: bool
    """It comes from an image or an address that nobody can look into."""


@dataclass(kw_only=True)
class ImageFiles:
    """All that a stage puts into its image, in order."""

    context: Path
    placed: list[_Placed | tuple[str, ImageFile] | tuple[str, str]] = field(default_factory=list)
    _found: dict[str, ImageFile | None] = field(default_factory=dict)
    _globbed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Names of the context by their patterns, shared with all stages."""

    def copy(self) -> "ImageFiles":
        """Begin another stage on this one."""
        return ImageFiles(context=self.context, placed=list(self.placed), _globbed=self._globbed)

    def add_copy(
        self,
        sources: tuple[str, ...],
        target: str,
        *,
        is_folder: bool,
        stage: "ImageFiles | None" = None,
        foreign: bool = False,
    ) -> None:
        """Note a COPY; paths of the image are absolute."""
        self._found.clear()
        self.placed.append(
            _Placed(
                sources=sources,
                target=target,
                is_folder=is_folder or len(sources) > 1,
                stage=stage,
                foreign=foreign,
            )
        )

    def add_text(self, path: str, text: str) -> None:
        """Note a file that is written out."""
        self._found.clear()
        self.placed.append((path, ImageFile(text=text)))

    def add_alias(self, path: str, original: str) -> None:
        """Note that a path is a copy of, or a link to, another one."""
        self._found.clear()
        self.placed.append((path, original))

    def find(self, path: str, depth: int = 0) -> ImageFile | None:
        """Find what a path holds; the last that was put there counts."""
        if path not in self._found:
            self._found[path] = self._find(path, depth)
        return self._found[path]

    def _find(self, path: str, depth: int) -> ImageFile | None:
        if depth > 5:  # noqa: PLR2004 - links to links
            return None
        for entry in reversed(self.placed):
            if isinstance(entry, _Placed):
                found = self._in_copy(entry, path, depth)
                if found is not None:
                    return found
            elif entry[0] == path:
                held = entry[1]
                return held if isinstance(held, ImageFile) else self.find(held, depth + 1)
        return None

    def find_command(self, name: str, path: str = "") -> str | None:
        """Find where a command without a folder lies: the first that was put into one for such."""
        folders = path.split(":") if path else ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin"]
        folders += ["/usr/bin", "/sbin", "/bin"]
        return next((f"{one}/{name}" for one in folders if self.find(f"{one}/{name}")), None)

    def _in_copy(self, entry: _Placed, path: str, depth: int) -> ImageFile | None:
        if entry.foreign:
            return None
        for source in entry.sources:
            for name in self._names(entry, source):
                inside = _inside(path, entry, name, is_folder=self._is_folder(entry, name))
                if inside is None:
                    continue
                found = self._take(entry, posixpath.join(name, inside) if inside else name, depth)
                if found is not None:
                    return found
        return None

    def _names(self, entry: _Placed, source: str) -> Iterator[str]:
        plain = source.strip("/") or "."
        if entry.stage is not None or not re.search(r"[*?\[\\]", plain):
            yield source if entry.stage is not None else plain
            return
        if plain not in self._globbed:
            self._globbed[plain] = tuple(sorted(_globbed(self.context, plain)))
        yield from self._globbed[plain]

    def _is_folder(self, entry: _Placed, name: str) -> bool:
        if entry.stage is not None:
            return entry.stage.find(name) is None
        return (self.context / name).is_dir()

    def _take(self, entry: _Placed, name: str, depth: int) -> ImageFile | None:
        if entry.stage is not None:
            return entry.stage.find(name, depth + 1)
        path = self.context / posixpath.normpath(name)
        try:
            inside = path.resolve().is_relative_to(self.context.resolve())
            return ImageFile(path=path) if inside and path.is_file() else None
        except OSError:
            return None


def _inside(path: str, entry: _Placed, name: str, *, is_folder: bool) -> str | None:
    """Give the path below a copied name that an image's path means; None where it means none."""
    if is_folder:
        root = entry.target.rstrip("/") + "/"
        return path[len(root) :] if path.startswith(root) else None
    base = posixpath.basename(name)
    at = posixpath.join(entry.target, base) if entry.is_folder else entry.target
    if path == at or path == posixpath.join(entry.target, base):
        return ""
    return None


def _globbed(context: Path, pattern: str) -> Iterator[str]:
    """Match as Go's filepath.Match does: `*` stays within a folder, a bad pattern matches none."""
    matcher = _matcher(pattern)
    if matcher is None:
        return
    depth = pattern.count("/") + 1
    for path in _walk(context, "", depth):
        if matcher.fullmatch(path):
            yield path


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        name = f"{prefix}{entry.name}"
        yield name
        if depth > 1 and entry.is_dir() and not entry.is_symlink() and entry.name != ".git":
            yield from _walk(entry, f"{name}/", depth - 1)


def _matcher(pattern: str) -> re.Pattern[str] | None:
    pieces: Mapping[str, str] = {"*": "[^/]*", "?": "[^/]"}
    text, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        at += 1
        if char == "\\" and at < len(pattern):
            text += re.escape(pattern[at])
            at += 1
        elif char == "[":
            end = pattern.find("]", at + 1)
            if end < 0:
                return None
            text += "[" + pattern[at:end].replace("\\", "\\\\") + "]"
            at = end + 1
        else:
            text += pieces.get(char, re.escape(char))
    try:
        return re.compile(re.sub(r"(\[\^/\]\*)+", r"[^/]*", text))
    except re.error:
        return None
