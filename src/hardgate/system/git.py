"""The one door to git: asks it about a repository, of whose settings none has a say in what runs.

Git takes settings from the repository that it is asked about, and some of them name programs (a
file system monitor, filters, hooks, converters, a proxy) or another place for the tree. So the
repository is found by its `.git` alone, git is asked once whether it would work there at all (it
refuses a folder of another owner), and everything else is asked of a view: a folder of our own that
leads to the repository's objects, references and index, with settings that we wrote.
See D44 in ARCHITECTURE.md.
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from hardgate.errors import HardgateError
from hardgate.system import process
from hardgate.system.temporary_folder import temporary_folder

TIMEOUT_SECONDS = 300
UNKNOWN_COMMIT = "unknown"
"""Stands where only the commit's name is wanted, and git refuses to give it."""

_HARDENED = (
    *("-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null", "-c", "core.commitGraph=false"),
)
_KEPT_SETTINGS = re.compile(
    r"core\.(filemode|symlinks|ignorecase|autocrlf|eol|excludesfile|sparsecheckout|sparsecheckoutcone)"
    r"|extensions\.(objectformat|refstorage)"
)
"""Settings that say how files lie on the disk, and run nothing."""
_PARTIAL = re.compile(r"extensions\.partialclone|remote\..*\.(promisor|partialclonefilter)")
_LFS_POINTER = re.compile(
    r"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\n"
)
_MISSING = re.compile(r"missing|unable to read|could not read|bad object|not a valid", re.I)
_PROGRAM_MISSING = "There is no program 'git' on this machine."


class GitRefusedError(HardgateError):
    """Git is not there, or does not answer about a repository that is there."""


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository, and the view by which git is asked about it."""

    root: Path
    """The folder that holds `.git`."""
    git_folder: Path
    """Where HEAD and the index are; another than `common_folder` for a linked worktree."""
    common_folder: Path
    settings: Mapping[str, str]
    """All that git has for it, also what is not kept in the view."""
    view: Path
    copy: Path | None = None
    """A copy of the files: git is asked about these, where there is one."""

    @property
    def tree(self) -> Path:
        """The folder whose files git is asked about."""
        return self.copy or self.root

    @property
    def is_partial(self) -> bool:
        """Some objects were left at the remote when it was cloned."""
        return any(_PARTIAL.fullmatch(name) for name in self.settings)

    @cached_property
    def shallow_commits(self) -> frozenset[str]:
        """Commits whose parents were left at the remote."""
        file = self.common_folder / "shallow"
        return frozenset(file.read_text().split()) if file.is_file() else frozenset()

    def ask(
        self,
        *argv: str,
        expected: Sequence[int] = (0,),
        input: bytes | None = None,  # noqa: A002 - as `process.run_command` has it
        output_file: Path | None = None,
    ) -> process.CommandResult:
        """Run git on the view; raises GitRefusedError where it does not exit as expected."""
        asked = _run_git(
            self.tree,
            argv,
            environment=_view_environment(self),
            input=input,
            output_file=output_file,
        )
        if asked.status not in expected or asked.timed_out:
            raise self.refusal(asked)
        return asked

    def read_text(self, *argv: str) -> str:
        """Give git's stdout, whole."""
        asked = self.ask(*argv)
        if asked.truncated:
            raise HardgateError(
                f"'git {argv[0]}' printed more than is kept ({process.MAX_OUTPUT_BYTES} bytes).",
                "Split the change into smaller ones.",
            )
        return asked.stdout

    def find_commit(self, name: str) -> str | None:
        """Give the id of the commit that a reference, tag or id names; None where none is known."""
        if not name or name.startswith("-") or any(char.isspace() for char in name):
            return None
        found = self.ask(
            *("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"),
            expected=(0, 1),
        )
        return found.stdout.strip() or None

    @cached_property
    def head(self) -> str | None:
        """The commit that is checked out; None where nothing was ever committed."""
        found = self.ask("rev-parse", "--verify", "HEAD^{commit}", expected=(0, 128))
        if found.status == 0:
            return found.stdout.strip()
        if self._has_no_commit_yet():
            return None
        raise self.refusal(found)

    def _has_no_commit_yet(self) -> bool:
        """Tell HEAD's branch that does not exist yet from one that is damaged."""
        branch = self.ask("symbolic-ref", "--quiet", "HEAD", expected=(0, 1, 128)).stdout.strip()
        if not branch or os.path.lexists(self.common_folder / branch):
            return False
        listed = self.ask("for-each-ref", "--format=%(refname)", branch)
        return not listed.stdout.strip() and not listed.stderr.strip()

    def has_changes(self, path: str = ".") -> bool:
        """Tell whether files below `path` differ from the commit, or are new."""
        asked = self.ask(
            *("status", "--porcelain", "-z", "--no-renames", "--ignore-submodules=dirty"),
            *("--", path),
        )
        entries = asked.stdout.split("\0")[:-1]
        return any(not self._is_lfs_file(entry) for entry in entries) or asked.truncated

    def _is_lfs_file(self, entry: str) -> bool:
        """Tell a file that Git LFS put in its pointer's place: its filter is not run here."""
        file = self.tree / entry[3:]
        if not entry.startswith(" M") or file.is_symlink() or not file.is_file():
            return False
        pointer = self.ask("cat-file", "blob", f":{entry[3:]}", expected=(0, 128)).stdout
        digest = _LFS_POINTER.match(pointer)
        if digest is None:
            return False
        with file.open("rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest() == digest[1]

    def refusal(self, asked: process.CommandResult) -> GitRefusedError:
        """Make an error of git's answer, with the remedy for what it names."""
        return _refusal(self.root, asked, self._remedy_for_missing(asked.stderr))

    def _remedy_for_missing(self, words: str) -> str:
        if not re.search(
            r"missing|unable to read|could not read|bad object|not a valid", words, re.I
        ):
            return ""
        return remedy_for_cut_clone(self) if self.is_partial or self.shallow_commits else ""


def remedy_for_cut_clone(repository: Repository) -> str:
    """Say which line brings the part of the history that was left at the remote."""
    mended = "git fetch --refetch --no-filter" if repository.is_partial else "git fetch"
    unshallow = " --unshallow" if repository.shallow_commits else ""
    return (
        f"Run '{mended}{unshallow}', or check it out whole: 'fetch-depth: 0' and no 'filter' for "
        "actions/checkout, 'GIT_DEPTH: 0' in GitLab's variables."
    )


def find_repository_root(folder: Path) -> Path | None:
    """Give the nearest folder, from this one up, that holds `.git`; None outside git.

    A folder that is laid out as a bare repository counts as files: a clone can bring it along.
    """
    start = folder.resolve()
    return next((place for place in (start, *start.parents) if _holds_git(place)), None)


def _holds_git(folder: Path) -> bool:
    entry = folder / ".git"
    try:
        return entry.is_file() or (entry.is_dir() and any(entry.iterdir()))
    except PermissionError:
        return True  # git itself says then that it may not read it


@contextlib.contextmanager
def open_repository(folder: Path) -> Iterator[Repository | None]:
    """Give the repository that a folder lies in, None outside git; the view goes at the end."""
    root = find_repository_root(folder)
    if root is None:
        yield None
        return
    git_folder, common_folder = _ask_where_git_is(root)
    with temporary_folder() as view:
        repository = Repository(
            root=root,
            git_folder=git_folder,
            common_folder=common_folder,
            settings=_read_settings(root),
            view=view,
        )
        _lay_out_view(repository)
        yield repository


def read_commit(folder: Path) -> str:
    """Give the commit that a folder is checked out from, `-dirty` where files in it differ.

    Empty outside git and before the first commit; raises GitRefusedError where git refuses.
    """
    with open_repository(folder) as repository:
        if repository is None or repository.head is None:
            return ""
        path = str(folder.resolve().relative_to(repository.root))
        return repository.head + ("-dirty" if repository.has_changes(path) else "")


def _ask_where_git_is(root: Path) -> tuple[Path, Path]:
    """Ask git itself, for it knows whose folder this is; it is not asked to read any file."""
    asked = _run_git(
        root,
        ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir"),
        environment={"GIT_CEILING_DIRECTORIES": str(root.parent)},
    )
    found = [Path(line) for line in asked.stdout.splitlines()]
    if not asked.ok or len(found) != len(("git-dir", "common-dir")):
        raise _refusal(root, asked)
    git_folder = found[0]
    entry = root / ".git"
    if entry.is_dir() and git_folder.resolve() != entry.resolve():
        raise GitRefusedError(
            f"'{entry}' is damaged: git takes '{git_folder}' for the repository.",
            "Clone the repository again.",
        )
    return git_folder, found[1]


def _read_settings(root: Path) -> dict[str, str]:
    asked = _run_git(root, ("config", "--list", "-z"))
    if not asked.ok:
        raise _refusal(root, asked)
    entries = (entry.partition("\n") for entry in asked.stdout.split("\0") if entry)
    return {name.lower(): value for name, _, value in entries}


def _lay_out_view(repository: Repository) -> None:
    """Make a git directory that leads to the repository's own, but for what may run something."""
    view, common = repository.view, repository.common_folder
    (view / "objects").mkdir()
    (view / "info").mkdir()
    (view / "HEAD").write_bytes((repository.git_folder / "HEAD").read_bytes())
    for name in ("refs", "packed-refs", "reftable", "shallow", "info/exclude"):
        if (common / name).exists():
            (view / name).symlink_to(common / name)
    for shared in repository.git_folder.glob("sharedindex.*"):
        (view / shared.name).symlink_to(shared)
    lines = ["[core]", "repositoryformatversion = 1", "bare = false"]
    for name, value in repository.settings.items():
        if _KEPT_SETTINGS.fullmatch(name):
            section, _, key = name.partition(".")
            quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
            lines += [f"[{section}]", f'{key} = "{quoted}"']
    (view / "config").write_text("\n".join(lines) + "\n")


def _view_environment(repository: Repository) -> dict[str, str]:
    return {
        "GIT_DIR": str(repository.view),
        "GIT_WORK_TREE": str(repository.tree),
        "GIT_OBJECT_DIRECTORY": str(repository.common_folder / "objects"),
        "GIT_INDEX_FILE": str(repository.git_folder / "index"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def _run_git(
    root: Path,
    argv: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002 - as `process.run_command` has it
    output_file: Path | None = None,
) -> process.CommandResult:
    """Run git in `root`, without what this process's environment has for it."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    # A relative folder in PATH would be one of the repository.
    folders = [one for one in clean.get("PATH", os.defpath).split(":") if one.startswith("/")]
    clean |= {
        "PATH": ":".join(folders),
        "LC_ALL": "C",
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        **(environment or {}),
    }
    program = shutil.which("git", path=clean["PATH"])
    if program is None:
        raise GitRefusedError(_PROGRAM_MISSING, "Install 'git'.")
    words = (program, "--no-pager", *_HARDENED, *argv)
    return process.run_command(
        words,
        env=clean,
        cwd=root,
        timeout=TIMEOUT_SECONDS,
        input=input,
        output_file=output_file,
    )


def _refusal(root: Path, asked: process.CommandResult, remedy: str = "") -> GitRefusedError:
    lines = [line for line in asked.stderr.splitlines() if line.strip()]
    fatal = [line for line in lines if line.startswith(("fatal:", "error:"))]
    words = (fatal or lines or [f"git {asked.end_description}"])[-1].strip().rstrip(".")
    return GitRefusedError(
        f"Git does not answer about '{root}': {words}.",
        remedy or _remedy_for(root, asked.stderr),
        evidence=asked.stderr[-2000:],
    )


def _remedy_for(root: Path, words: str) -> str:
    if "dubious ownership" in words or "unsafe repository" in words:
        return (
            f"Run hardgate as the owner of '{root}', or trust the folder: "
            f"'git config --global --add safe.directory {root}'."
        )
    if "not a git repository" in words:
        return f"'{root / '.git'}' is damaged or leads nowhere: clone the repository again."
    return f"Run 'git fsck' in '{root}', and clone the repository again where it finds damage."
