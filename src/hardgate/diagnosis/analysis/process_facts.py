"""What was seen around a miss (`diagnose.surroundings`), read into values that rules can ask.

Every part may be missing: only what belongs to a miss was looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardgate.model.guard import workload_of
from hardgate.model.observation import Observation

Seen = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A port that somebody listens on."""

    host: str
    port: str
    program: str
    is_workspaces: bool
    """A process of the workspace does, and not one of the machine."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def told(self) -> str:
        """Quote it."""
        return f"seen from outside: '{self.program or 'somebody'}' listens on {self.address}"


@dataclass(frozen=True, kw_only=True)
class Process:
    """A process of the workspace, as the host sees it."""

    pid: int
    uid: int
    command: str
    is_init: bool
    is_workload: bool
    """What the image's init left running."""

    def told(self) -> str:
        """Quote it."""
        return f"seen from outside: process {self.pid} '{self.command}' runs as uid {self.uid}"


def read_listeners(seen: Seen) -> tuple[Listener, ...]:
    """Read `listening`."""
    return tuple(
        Listener(
            host=str(one.get("address", "")),
            port=str(one.get("port", "")),
            program=str(one.get("program") or ""),
            is_workspaces=bool(one.get("in_workspace")),
        )
        for one in seen.get("listening") or ()
    )


def read_processes(seen: Seen, others: Iterable[Observation]) -> tuple[Process, ...]:
    """Read what the guard of the workload saw, else `processes`."""
    tables = [seen.get("processes"), *(other.facts for other in others)]
    for table in tables:
        if isinstance(table, Mapping) and table.get("processes") and "init" in table:
            return _processes(table["processes"], table["init"])
    return ()


def _processes(listed: Sequence[Mapping[str, Any]], init: int) -> tuple[Process, ...]:
    workload = {process["pid"] for process in workload_of(list(map(dict, listed)), init)}
    return tuple(
        Process(
            pid=process["pid"],
            uid=process["uid"],
            command=str(process["command"]),
            is_init=process["pid"] == init,
            is_workload=process["pid"] in workload,
        )
        for process in listed
    )


def read_hex(value: Any) -> int | None:
    """Read a set of capabilities; None where there is none."""
    try:
        return int(str(value), 16)
    except ValueError:
        return None


def read_log(seen: Seen) -> tuple[str, ...]:
    """Read `log_tail`, lines that hold anything."""
    tail = seen.get("log_tail") or ()
    lines = tail.splitlines() if isinstance(tail, str) else tail
    return tuple(str(line).strip() for line in lines if str(line).strip())
