"""Repositories for tests, made by git as nobody in particular."""

import subprocess
from pathlib import Path

AUTHOR = (
    *("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"),
    *("-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", "-c", "gc.auto=0"),
)


def git(folder: Path, *argv: str) -> str:
    """Run git, and give what it printed."""
    done = subprocess.run(
        ("git", "-C", str(folder), *AUTHOR, *argv), check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


def commit(folder: Path, files: dict[str, str | bytes | None], message: str = "change") -> str:
    """Write files (None removes one), commit all, and give the commit."""
    for name, content in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")


def make_repository(folder: Path) -> Path:
    """Make one on `main` with a first commit."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet")
    commit(folder, {"a": "one\ntwo\n"}, "first")
    return folder
