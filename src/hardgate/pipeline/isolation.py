"""Keeps a template's tests from the caller: a copy of the files, namespaces, and another user.

The tests run code that somebody else wrote. A cleared environment alone does not help: any process
of the same user reads its parents' environment in /proc (proc(5), /proc/pid/environ). So they get a
PID namespace with a /proc of its own, a mount namespace in which the caller's home and the engine's
socket are hidden, no capabilities, and, where root calls, another user. See unshare(1), setpriv(1).
"""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from hardgate.errors import HardgateError
from hardgate.pipeline.template import IGNORED_NAMES, Template
from hardgate.system import process

TEST_USER_ID = 65534
"""The user and group that nobody's files belong to ('nobody')."""
TRIAL_SECONDS = 60
ENGINE_SOCKETS = "/run/docker.sock /var/run/docker.sock /run/containerd/containerd.sock"

_ENTER = f"""
set -eu
work=$1 env=$2 base=$3 home=$4
shift 4
mkdir -p "$work/env" "$work/base"
mount --bind "$env" "$work/env"
mount --bind "$base" "$work/base"
for socket in {ENGINE_SOCKETS}; do
    [ ! -S "$socket" ] || mount --bind /dev/null "$socket"
done
if [ -n "$home" ]; then
    mount -t tmpfs -o mode=0755 none "$home"
    case $base/ in "$home"/*)
        mkdir -p "$base"
        mount --bind "$work/base" "$base" ;;
    esac
fi
cd "$work"
exec setpriv "$@"
"""
"""Run as 'sh -c' in new namespaces; the rest of the arguments is setpriv's."""


class IsolationLevel(Enum):
    """How far the tests are kept from the caller."""

    OWN_USER = "as a user of their own, in namespaces of their own"
    NAMESPACES = "in namespaces of their own"
    NONE = "as the caller, without namespaces of their own"


@dataclass(frozen=True, kw_only=True)
class TestPlace:
    """Where the tests run: a working folder with a copy of the template, and how to enter it."""

    __test__ = False

    work: Path
    environment_folder: Path
    level: IsolationLevel = IsolationLevel.NONE

    @property
    def temporary(self) -> Path:
        """The TMPDIR of the tests, which goes with the working folder."""
        return self.work / "temporary"

    @property
    def python(self) -> Path:
        """The test environment's interpreter, as the tests see it."""
        isolated = self.level is not IsolationLevel.NONE
        return (self.work / "env" if isolated else self.environment_folder) / "bin" / "python"

    def wrap_command(self, argv: Sequence[str | Path]) -> list[str]:
        """Write the command line that runs `argv` in this place."""
        words = [str(word) for word in argv]
        if self.level is IsolationLevel.NONE:
            return words
        own_user = self.level is IsolationLevel.OWN_USER
        as_root = os.geteuid() == 0
        identity = (f"--reuid={TEST_USER_ID}", f"--regid={TEST_USER_ID}", "--clear-groups")
        return [
            *("unshare", "--mount", "--pid", "--ipc", "--fork", "--kill-child", "--mount-proc"),
            *(() if as_root else ("--user", "--map-current-user", "--keep-caps")),
            *("sh", "-c", _ENTER, "enter"),
            *(str(self.work), str(self.environment_folder), sys.base_prefix, _find_home(self.work)),
            *(identity if own_user else ()),
            *(() if as_root else ("--ambient-caps=-all",)),
            *("--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"),
            *words,
        ]


def prepare_place(template: Template, environment_folder: Path, work: Path) -> TestPlace:
    """Copy the template into `work`, and find out by trying how far its tests can be isolated."""
    _copy_template(template.root, work / "template")
    TestPlace(work=work, environment_folder=environment_folder).temporary.mkdir()
    levels = [IsolationLevel.NAMESPACES, IsolationLevel.NONE]
    if os.geteuid() == 0:
        levels.insert(0, IsolationLevel.OWN_USER)
    for level in levels:
        place = TestPlace(work=work, environment_folder=environment_folder, level=level)
        if level is IsolationLevel.OWN_USER:
            _give_to_test_user(work)
        if level is IsolationLevel.NONE or _can_enter(place):
            return place
        _give_to_caller(work)
    raise AssertionError("the last level is always taken")


def _copy_template(root: Path, copy: Path) -> None:
    """Copy a repository's files, without what git and tools leave beside them."""

    def list_ignored(folder: str, names: list[str]) -> list[str]:
        left_out = IGNORED_NAMES if Path(folder) == root else {"__pycache__"}
        return [name for name in names if name in left_out or not _is_plain(Path(folder) / name)]

    try:
        shutil.copytree(root, copy, symlinks=True, ignore=list_ignored)
    except (shutil.Error, OSError) as error:
        raise HardgateError(
            f"The template '{root}' could not be copied for its tests.",
            "Is there room in TMPDIR, and may you read every file of it?",
            evidence=str(error)[:2000],
        ) from error


def _is_plain(file: Path) -> bool:
    """Tell files, folders and links from sockets and pipes, which cannot be copied."""
    return file.is_symlink() or file.is_file() or file.is_dir()


def _can_enter(place: TestPlace) -> bool:
    # By 'env', as the tests are: setpriv's own capabilities may last until the first program runs.
    into = ("env", f"--chdir={place.work / 'template'}")
    trial = place.wrap_command([*into, place.python, "-c", "import pytest"])
    environment: Mapping[str, str] = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/"}
    try:
        return process.run_command(trial, env=environment, timeout=TRIAL_SECONDS).ok
    except process.CommandMissingError:
        return False


def _find_home(work: Path) -> str:
    """Give the caller's home, which is to be hidden; nothing where that would hide the work."""
    home = Path(os.environ.get("HOME") or "/").resolve()
    hideable = home.is_dir() and home != Path("/") and not work.resolve().is_relative_to(home)
    return str(home) if hideable else ""


def _give_to_test_user(folder: Path) -> None:
    _change_owner(folder, TEST_USER_ID, TEST_USER_ID)


def _give_to_caller(folder: Path) -> None:
    if os.geteuid() == 0:
        _change_owner(folder, 0, 0)


def _change_owner(folder: Path, user: int, group: int) -> None:
    os.chown(folder, user, group)
    for path, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(path) / name, user, group, follow_symlinks=False)
