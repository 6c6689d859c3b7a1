"""Remembers which capabilities an engine cannot grant, for as long as that engine runs.

Asking takes two further containers for each run. The answer holds while the engine's process lives,
so it is kept with that process's identity: an engine that was started again is asked again, and so
is each engine whose process cannot be seen from here (remote, or the gate in a container).
"""

import contextlib
import json
import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hardgate.engine.capabilities import CAPABILITY_NAMES
from hardgate.system.ownership import read_boot_id, read_start_time

LOCAL_SOCKETS = frozenset({"unix:///var/run/docker.sock", "unix:///run/docker.sock"})
PID_FILE = Path("/run/docker.pid")
"""Where a Docker Engine writes its process's number by default
(https://docs.docker.com/reference/cli/dockerd/, --pidfile)."""
ENGINE_PROGRAM = "dockerd"
CONTAINERD_SOCKETS = (
    Path("/run/containerd/containerd.sock"),
    Path("/run/docker/containerd/containerd.sock"),
)
"""containerd starts the containers, makes its socket anew when it starts, and may be started again
without the engine."""
MEMORY_FILE = "ungrantable.json"
MAX_MEMORY_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class CapabilityMemory:
    """One engine's file in the user's cache."""

    file: Path
    engine: str
    """The engine's id, and its processes as they run now."""

    def read_lacking(self) -> frozenset[str]:
        """Give what was remembered of this very process; empty where that is nothing."""
        try:
            data = json.loads(_read_own_file(self.file))
            names = frozenset(map(str, data["lacking"])) if data["engine"] == self.engine else ()
        except (OSError, ValueError, KeyError, TypeError):
            return frozenset()
        return frozenset(names) if set(names) <= set(CAPABILITY_NAMES) else frozenset()

    def write_lacking(self, lacking: Iterable[str]) -> None:
        """Remember it; where it cannot be written, the engine is asked the next time too."""
        text = json.dumps({"engine": self.engine, "lacking": sorted(lacking)})
        draft = self.file.with_name(f"{self.file.name}.{os.getpid()}")
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            draft.touch(mode=0o600, exist_ok=False)
            draft.write_text(text)
            draft.replace(self.file)

    def forget(self) -> None:
        """Forget it: the engine refused what it had granted."""
        with contextlib.suppress(OSError):
            self.file.unlink(missing_ok=True)


def open_capability_memory(
    url: str,
    engine_id: str,
    environ: Mapping[str, str],
    *,
    pid_file: Path = PID_FILE,
    sockets: Iterable[Path] = CONTAINERD_SOCKETS,
) -> CapabilityMemory | None:
    """Give the memory of the engine at `url`; None where its process cannot be seen."""
    process = _identify_engine(pid_file, sockets) if url in LOCAL_SOCKETS else ""
    if not process or not engine_id:
        return None
    home = environ.get("XDG_CACHE_HOME") or ""
    cache = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return CapabilityMemory(file=cache / "hardgate" / MEMORY_FILE, engine=f"{engine_id}/{process}")


def _identify_engine(pid_file: Path, sockets: Iterable[Path]) -> str:
    """Name the engine's processes so that no later ones are taken for them; empty if unseen."""
    try:
        pid = int(pid_file.read_text())
        program = Path(f"/proc/{pid}/comm").read_text().strip()
        started = read_start_time(pid)
    except (OSError, ValueError):
        return ""
    if program != ENGINE_PROGRAM or started is None:
        return ""
    return "/".join((read_boot_id(), str(pid), str(started), *map(_identify_socket, sockets)))


def _identify_socket(path: Path) -> str:
    """Name a socket so that no later one of that path is taken for it."""
    try:
        status = path.stat()
    except OSError:
        return "unseen"
    return f"{status.st_ino}-{status.st_ctime_ns}"


def _read_own_file(path: Path) -> str:
    """Read a small regular file that nobody but this user may write; raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(handle, encoding="utf-8") as file:  # noqa: PTH123 - of a handle
        status = os.fstat(handle)
        others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or others:
            raise PermissionError(f"{path} is not this user's own")
        return file.read(MAX_MEMORY_BYTES)
