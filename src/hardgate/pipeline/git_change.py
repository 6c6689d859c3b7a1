"""What a change is: the commits since its base, and the files that each of them changes."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hardgate.pipeline.forge_event import read_forge_event
from hardgate.system.git import GitRefusedError, Repository, remedy_for_cut_clone

MAIN_BRANCHES = (
    *("refs/remotes/origin/HEAD", "refs/remotes/origin/main", "refs/remotes/origin/master"),
    *("refs/remotes/upstream/main", "refs/remotes/upstream/master"),
    *("refs/heads/main", "refs/heads/master"),
)
_LOCAL = "refs/heads/"
_REGULAR, _LINK, _SUBMODULE = "100", "120000", "160000"
_NO_OBJECT = "0"


@dataclass(frozen=True, kw_only=True)
class Change:
    """From where on commits are new."""

    description: str
    """What is looked at, and why, as it completes 'Looked at …'."""
    base: str = ""
    """The commit to compare the tree with; empty where there is none."""
    excluded: tuple[str, ...] = ()
    """Commits that, with all before them, are not of the change; without any, all commits are."""


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """A file that a commit, or what is not committed yet, makes or alters."""

    path: str
    commit: str = ""
    """Empty for what is not committed."""
    new_id: str = ""
    """The blob's id; empty for a file as it lies in the tree."""
    old_ids: tuple[str, ...] = ()
    """Its blobs in the commit's parents, where it was there; a merge's has several."""
    is_submodule: bool = False


def find_change(repository: Repository, asked: str, environ: Mapping[str, str]) -> Change:
    """Find since when commits are new: since what is asked for, else as the CI system says, else
    since the main branch.
    """
    if repository.head is None:
        return Change(description="all files, for there is no commit here")
    if asked:
        names: Sequence[str] = (asked, f"refs/remotes/origin/{asked}")
        return _since_any(repository, names, f"'{asked}'")
    event = _read_event(environ)
    if target := _find_target(environ, event):
        return _since_any(repository, target.names, f"'{target.title}'")
    before = _find_before(environ, event)
    if before and (commit := repository.find_commit(before)):
        return _since_push(repository, commit, environ)
    return _since_main(repository, environ, lost=before)


@dataclass(frozen=True, kw_only=True)
class _Target:
    """What a pull request is to be merged into."""

    title: str
    names: tuple[str, ...] = field(default=())


def _read_event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    """Read the forge's file about what started the job; empty where there is none."""
    return read_forge_event(environ) or {}


def _look_up(event: object, *keys: str) -> str:
    for key in keys:
        event = event.get(key) if isinstance(event, dict) else None
    return event if isinstance(event, str) else ""


def _find_target(environ: Mapping[str, str], event: Mapping[str, Any]) -> _Target | None:
    branch = environ.get("GITHUB_BASE_REF", "") or _look_up(event, "pull_request", "base", "ref")
    branch = branch or environ.get("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "")
    names = [
        environ.get("CI_MERGE_REQUEST_DIFF_BASE_SHA", ""),
        *(f"{place}{branch}" for place in ("refs/remotes/origin/", _LOCAL, "") if branch),
        _look_up(event, "pull_request", "base", "sha"),
        _look_up(event, "merge_group", "base_sha"),
    ]
    known = tuple(name for name in names if name)
    return _Target(title=branch or known[0], names=known) if known else None


def _find_before(environ: Mapping[str, str], event: Mapping[str, Any]) -> str:
    """Give the branch's commit before the push; empty where this is not a push, or a new branch."""
    before = ""
    if environ.get("GITHUB_EVENT_NAME") == "push":
        before = _look_up(event, "before")
    elif environ.get("CI_PIPELINE_SOURCE") == "push":
        before = environ.get("CI_COMMIT_BEFORE_SHA", "")
    return before if before.strip(_NO_OBJECT) else ""


def _since_any(repository: Repository, names: Sequence[str], title: str) -> Change:
    for name in names:
        if commit := repository.find_commit(name):
            return _since(repository, commit, title)
    return _all_commits(repository, f"{title} cannot be reached from here")


def _since(repository: Repository, commit: str, title: str) -> Change:
    if _is_part_of(repository, "HEAD", commit):
        if not repository.has_changes():
            return _since_first_parent(repository, f"nothing was added since {title}")
        commit = repository.head or commit
    base = _find_merge_base(repository, commit)
    shown = f"lines added since {title} ({(base or commit)[:12]})"
    return Change(description=shown, base=base, excluded=(commit,))


def _since_push(repository: Repository, before: str, environ: Mapping[str, str]) -> Change:
    """Leave out what was merged from the main branch, too: that was looked at there."""
    if _is_part_of(repository, "HEAD", before):
        return _since_main(repository, environ)
    main = _find_main(repository)
    others = (main[1],) if main and not _is_part_of(repository, "HEAD", main[1]) else ()
    return Change(
        description=f"lines added by this push, since {before[:12]}",
        base=_find_merge_base(repository, before),
        excluded=(before, *others),
    )


def _since_main(repository: Repository, environ: Mapping[str, str], *, lost: str = "") -> Change:
    """Look at what main has not; `lost` is a push's commit before it, where it is not here."""
    main = _find_main(repository)
    if main is None:
        return _all_commits(repository, "no main branch is known here")
    name, commit = main
    title = f"'{name.removeprefix(_LOCAL).removeprefix('refs/remotes/')}'"
    if not _is_part_of(repository, "HEAD", commit):
        return _since(repository, commit, title)
    if name.startswith(_LOCAL) and _is_checked_out(repository, name) and not environ.get("CI"):
        return _all_commits(repository, f"{title} is the main branch itself, and has no remote")
    if lost:  # the first parent may be of the same push
        return _all_commits(repository, f"'{lost[:12]}', which the push names, is not here")
    return _since_first_parent(repository, f"this is part of {title}")


def _find_main(repository: Repository) -> tuple[str, str] | None:
    """Give the main branch's reference and commit."""
    found = ((name, repository.find_commit(name)) for name in MAIN_BRANCHES)
    return next(((name, commit) for name, commit in found if commit), None)


def _is_checked_out(repository: Repository, name: str) -> bool:
    asked = repository.ask("symbolic-ref", "--quiet", "HEAD", expected=(0, 1))
    return asked.stdout.strip() == name


def _since_first_parent(repository: Repository, why: str) -> Change:
    _refuse_cut_history(repository, repository.head or "")
    parent = repository.find_commit("HEAD^1")
    if parent is None:
        return _all_commits(repository, f"{why}, and nothing was committed before")
    shown = f"lines added since the commit before ({parent[:12]}), for {why}"
    return Change(description=shown, base=parent, excluded=(parent,))


def _all_commits(repository: Repository, why: str) -> Change:
    if repository.shallow_commits:
        raise GitRefusedError(
            f"The history of '{repository.root}' was cut when it was cloned, and {why}.",
            remedy_for_cut_clone(repository),
        )
    return Change(description=f"all commits, for {why}")


def _is_part_of(repository: Repository, commit: str, other: str) -> bool:
    asked = repository.ask("merge-base", "--is-ancestor", commit, other, expected=(0, 1))
    return asked.status == 0


def _find_merge_base(repository: Repository, commit: str) -> str:
    """Give the commit where the change began; empty for histories that have nothing in common."""
    asked = repository.ask("merge-base", commit, "HEAD", expected=(0, 1))
    if asked.status and repository.shallow_commits:
        _refuse_cut_history(repository, *repository.shallow_commits)
    return asked.stdout.strip()


def _refuse_cut_history(repository: Repository, *commits: str) -> None:
    """Refuse commits whose parents were left at the remote: all of their files would look new."""
    if repository.shallow_commits.intersection(commits):
        raise GitRefusedError(
            f"The history of '{repository.root}' was cut when it was cloned, within the change "
            "or before its base.",
            remedy_for_cut_clone(repository),
        )


def list_file_changes(repository: Repository, change: Change, folder: Path) -> Iterator[FileChange]:
    """Yield the files of each commit of the change, and of what is not committed yet.

    `folder` takes what git lists. A merge has only the files that are as in none of its parents.
    """
    if repository.head is not None:
        yield from _list_committed(repository, change, folder)
    yield from _list_uncommitted(repository, folder)


def _list_committed(repository: Repository, change: Change, folder: Path) -> Iterator[FileChange]:
    commits, listing = folder / "commits", folder / "changed-files"
    excluded = [f"^{commit}" for commit in change.excluded]
    repository.ask("rev-list", "HEAD", *excluded, output_file=commits)
    listed = commits.read_bytes()
    _refuse_cut_history(repository, *listed.decode().split())
    options = ("-r", "-c", "--root", "--raw", "-z", "--no-renames", "--no-abbrev")
    repository.ask("diff-tree", "--stdin", *options, input=listed, output_file=listing)
    yield from read_raw_listing(listing.read_bytes())


def _list_uncommitted(repository: Repository, folder: Path) -> Iterator[FileChange]:
    """Yield what is staged, what lies in the tree, and files that git does not know."""
    listing = folder / "changed-files"
    tree = repository.head or repository.read_text("hash-object", "-t", "tree", os.devnull).strip()
    for options in (("--cached",), ()):
        words = ("diff-index", "--raw", "-z", "--no-renames", "--no-abbrev", *options, tree)
        repository.ask(*words, "--ignore-submodules=dirty", "--", output_file=listing)
        yield from read_raw_listing(listing.read_bytes())
    repository.ask("ls-files", "-z", "-o", "--exclude-standard", output_file=listing)
    for name in listing.read_bytes().split(b"\0"):
        if name:
            yield FileChange(path=os.fsdecode(name))


def read_raw_listing(listing: bytes) -> Iterator[FileChange]:
    """Read what git lists with --raw -z: each commit's id, then its files."""
    commit = ""
    fields = iter(listing.split(b"\0"))
    for entry in fields:
        if not entry.startswith(b":"):
            commit = entry.decode()
            continue
        parents = len(entry) - len(entry.lstrip(b":"))
        words = entry.lstrip(b":").decode().split(" ")
        path = os.fsdecode(next(fields))
        modes, ids = words[: parents + 1], words[parents + 1 : 2 * parents + 2]
        if modes[-1].startswith((_REGULAR, _LINK, _SUBMODULE)):
            yield _file_change(commit, path, modes, ids)


def _file_change(commit: str, path: str, modes: Sequence[str], ids: Sequence[str]) -> FileChange:
    old = zip(modes[:-1], ids[:-1], strict=True)
    files = (_REGULAR, _LINK)
    return FileChange(
        path=path,
        commit=commit,
        new_id=ids[-1] if ids[-1].strip(_NO_OBJECT) else "",
        old_ids=tuple(number for mode, number in old if mode.startswith(files)),
        is_submodule=modes[-1] == _SUBMODULE,
    )
