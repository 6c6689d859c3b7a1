"""What a change adds to a repository: its base, and each added line, in every commit of it."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardgate import process
from hardgate.errors import HardgateError

SECONDS = 120
_HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
DIFF = ("--text", "--no-ext-diff", "--no-textconv", "--no-renames", "--no-color", "--unified=0")
"""What a repository's own attributes say of its files must not hide a line."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """From where on lines are new."""

    base: str
    """The merge base's commit; empty where everything is looked at."""
    told: str
    """What is looked at, and why, as a reader wants to know it."""
    reached: bool = True
    """There is a base to compare with, though nothing may have been added since."""


@dataclass(frozen=True, kw_only=True)
class Added:
    """One added line."""

    commit: str
    """Empty for what is not committed, or stands in the tree as it is now."""
    file: str
    line: int
    text: str


def find_change(root: Path, asked: str, environ: Mapping[str, str]) -> Change:
    """Find the base: the one that is asked for, else the pull request's, else the main branch's."""
    if git(root, "rev-parse", "HEAD") is None:
        why = "the whole tree, for there is no commit here"
        return Change(base="", told=why, reached=False)
    if asked:
        return _from(root, (asked, f"origin/{asked}"), f"'{asked}'")
    target = environ.get("GITHUB_BASE_REF", "")
    merge = environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", "")
    named = [name for name in (merge, target and f"origin/{target}", target) if name]
    if named:
        return _from(root, tuple(named), f"'{named[0]}'")
    return _from(root, ("origin/HEAD", "origin/main", "origin/master"), "the main branch")


def _from(root: Path, names: tuple[str, ...], told: str) -> Change:
    for name in names:
        if name.startswith("-"):
            continue
        base = git(root, "merge-base", name, "HEAD")
        if base is None or not base.strip():
            continue
        base = base.strip()
        if base == (git(root, "rev-parse", "HEAD") or "").strip() and not _has_changes(root):
            return Change(base="", told=f"the whole tree, for nothing was added since {told}")
        return Change(base=base, told=f"lines added since {told} ({base[:12]})")
    why = f"the whole tree, for {told} cannot be reached from here"
    return Change(base="", told=why, reached=False)


def _has_changes(root: Path) -> bool:
    return bool((git(root, "status", "--porcelain") or "").strip())


def git(root: Path, *words: str) -> str | None:
    """Ask git; None where it says no, or is not there."""
    try:
        seen = process.run_command(["git", "-C", str(root), *words], timeout=SECONDS)
    except process.CommandMissingError:
        return None
    if seen.truncated:
        raise HardgateError(f"'git {words[0]}' said more than can be kept.", "Split the change.")
    return seen.stdout if seen.ok else None


def added_lines(root: Path, base: str) -> Iterator[Added]:
    """Yield what each commit since `base` adds, and what is not committed yet."""
    commits = git(root, "rev-list", f"{base}..HEAD")
    if commits is None:
        raise HardgateError("Git cannot list the change's commits.", "Fetch the whole history.")
    for commit in commits.split():
        yield from read_diff(_diff(root, "show", "--format=", "-m", commit), commit)
    yield from read_diff(_diff(root, "diff", "HEAD"), "")
    for name in (git(root, "ls-files", "-z", "-o", "--exclude-standard") or "").split("\0"):
        if name:
            yield from lines_of(root, name)


def _diff(root: Path, verb: str, *words: str) -> str:
    """Let git write into a file: what it says may be larger than what is kept of a program's."""
    with tempfile.TemporaryDirectory(prefix="hardgate-diff-") as folder:
        file = Path(folder) / "diff"
        told = git(root, "-c", "core.quotePath=false", verb, *DIFF, f"--output={file}", *words)
        if told is None:
            raise HardgateError(f"'git {verb} {words[-1]}' failed.", "Is the repository whole?")
        return file.read_bytes().decode(errors="replace") if file.exists() else ""


def lines_of(root: Path, name: str) -> Iterator[Added]:
    """Yield all lines of a file as it is now."""
    file = root / name
    if file.is_file() and not file.is_symlink():
        lines = file.read_bytes().decode(errors="replace").split("\n")
        for number, text in enumerate(lines, start=1):
            yield Added(commit="", file=name, line=number, text=text)


def read_diff(diff: str, commit: str) -> Iterator[Added]:
    """Read what git writes with DIFF; lines are counted, for any text may stand in them."""
    file, line, removed, added = "", 0, 0, 0
    for text in diff.split("\n"):
        if added and text.startswith("+"):
            yield Added(commit=commit, file=file, line=line, text=text[1:])
            line, added = line + 1, added - 1
        elif removed and text.startswith("-"):
            removed -= 1
        elif text.startswith("+++ "):
            file = text[4:].rstrip("\t").strip('"').removeprefix("b/")
        elif hunk := _HUNK.match(text):
            removed, line = int(hunk[1] or 1), int(hunk[2])
            added = int(hunk[3] or 1)
