"""A group that the user joined after logging in, taken up without a new login."""

import grp
import os
import pwd
import shlex
import shutil
import stat
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from hardgate.engine.endpoint import locate_endpoint
from hardgate.errors import EngineError

JOINED_GROUP_VARIABLE = "HARDGATE_JOINED_GROUP"
"""Set for the second start, so that there is no third where the first did not help."""


def join_engine_group(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> None:
    """Start hardgate over inside the engine's group, where its user is in it and it is not.

    Returns where there is nothing to join; else this process goes on as `hardgate WORDS` anew.
    """
    try:
        url = locate_endpoint(environ).url
    except EngineError:  # whoever needs the engine tells it
        return
    name = (
        find_missing_group(Path(url.removeprefix("unix://"))) if url.startswith("unix://") else None
    )
    if name is None or shutil.which("sg") is None or JOINED_GROUP_VARIABLE in environ:
        return
    print(f"hardgate: goes on in the group '{name}', which you joined meanwhile.", file=sys.stderr)
    sys.stderr.flush()
    again = shlex.join(["exec", sys.executable, "-P", "-m", "hardgate", *arguments])
    os.execvpe("sg", ["sg", name, "-c", again], {**environ, JOINED_GROUP_VARIABLE: name})  # noqa: S606, S607


def find_missing_group(socket: Path) -> str | None:
    """Name the group by which this user, but not this process, may use a socket."""
    if not os.access(socket, os.F_OK) or os.access(socket, os.W_OK):
        return None
    status = socket.stat()
    if not status.st_mode & stat.S_IWGRP or status.st_gid in os.getgroups():
        return None
    try:
        group, user = grp.getgrgid(status.st_gid), pwd.getpwuid(os.getuid())
    except KeyError:
        return None
    return group.gr_name if user.pw_name in group.gr_mem else None
