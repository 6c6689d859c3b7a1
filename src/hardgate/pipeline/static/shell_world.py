"""What a script that is run in thought finds around it."""

from collections.abc import Callable
from dataclasses import dataclass

from hardgate.pipeline.static.makefile import Makefile, Request
from hardgate.pipeline.static.shell_state import (
    UNKNOWN,
    Call,
)


class TooManyWaysError(ValueError):
    """A script with more ways through it than can be looked at."""


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A script that another one runs."""

    name: str
    """For messages: its path from the repository's root."""
    text: str


@dataclass(frozen=True, kw_only=True)
class World:
    """What a script finds around it."""

    file: str = ""
    watches: Callable[[Call], bool] = lambda _: False
    fails: Callable[[Call], bool] = lambda _: True
    """Of a watched call: whether it fails; one that holds rescues what failed before it."""
    read_file: Callable[[str, str], SourceFile | None] = lambda _path, _folder: None
    """Finds a script by its path and the folder that it is named from."""
    read_makefile: Callable[[Request], tuple[str, Makefile] | None] = lambda _: None
    """Finds the Makefile that a call of make reads."""
    has_command: Callable[[str], bool | None] = lambda _: None
    users: Callable[[str], str] = lambda _: UNKNOWN
    """Gives the uid of a user's name."""
    undecided: frozenset[str] = frozenset()
    """Variables that whoever starts the script may set to something else."""
    unset_is_empty: bool = False
    """A variable that nothing sets is empty, and not unknown."""
    ends_at_drop: bool = False
    """What root becomes by `exec` as another user is not looked into."""
