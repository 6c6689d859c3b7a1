"""The script that an image starts: found in the context, by what the Dockerfile copies where."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from hardgate.pipeline.static.dockerfile import Dockerfile

STARTERS = frozenset({"tini", "dumb-init", "sh", "bash", "dash", "ash", "env", "catatonit", "init"})


def entrypoint_script(file: Dockerfile) -> Path | None:
    """Find the script that the image starts, in the context."""
    for keyword in ("ENTRYPOINT", "CMD"):
        act = file.stage.last(keyword)
        for word in act.words if act else ():
            if PurePosixPath(word).name in STARTERS or word.startswith("-"):
                continue
            found = source_of(file, word)
            if found is not None:
                return found
    return None


def source_of(file: Dockerfile, path: str) -> Path | None:
    """Find what a path in the image was copied from; None where it was not."""
    folder = PurePosixPath("/")
    found: Path | None = None
    for act in file.stage.acts:
        if act.keyword == "WORKDIR" and act.words:
            folder = folder / act.words[0]
        if act.keyword not in {"COPY", "ADD"} or any(w.startswith("--from") for w in act.words):
            continue
        paths = [word for word in act.words if not word.startswith("--")]
        if len(paths) > 1:
            found = _copied(file.context, paths, folder, path) or found
    return found


def _copied(context: Path, paths: Sequence[str], folder: PurePosixPath, path: str) -> Path | None:
    target = folder / paths[-1]
    wanted = PurePosixPath(path) if path.startswith("/") else folder / path
    bare = "/" not in path
    for pattern in paths[:-1]:
        for source in sorted(context.glob(pattern.strip("/").removeprefix("./") or "*")):
            inside = {target, target / source.name} if source.is_file() else set()
            if wanted in inside or (
                bare and source.is_file() and path in {target.name, source.name}
            ):
                return source
        base = context / pattern.strip("/").removeprefix("./")
        if base.is_dir() and wanted.is_relative_to(target):
            candidate = base / wanted.relative_to(target)
            if candidate.is_file():
                return candidate
    return None
