"""What was seen around a miss (`diagnose.surroundings`), read into values that rules can ask.

Every part may be missing: only what belongs to a miss was looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardgate.model.guard import find_workload
from hardgate.model.observation import Observation

Surroundings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ListeningSocket:
    """A port that somebody listens on."""

    host: str
    port: str
    program: str
    in_workspace: bool
    """A process of the workspace does, and not one of the machine."""

    @property
    def address(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def as_evidence(self) -> str:
        """Quote it."""
        return f"seen from outside: '{self.program or 'somebody'}' listens on {self.address}"


@dataclass(frozen=True, kw_only=True)
class WorkspaceProcess:
    """A process of the workspace, as the host sees it."""

    pid: int
    uid: int
    command: str
    is_init: bool
    is_workload: bool
    """What the image's init left running."""

    def as_evidence(self) -> str:
        """Quote it."""
        return f"seen from outside: process {self.pid} '{self.command}' runs as uid {self.uid}"


def parse_listening_sockets(surroundings: Surroundings) -> tuple[ListeningSocket, ...]:
    """Read `listening`."""
    return tuple(
        ListeningSocket(
            host=str(entry.get("address", "")),
            port=str(entry.get("port", "")),
            program=str(entry.get("program") or ""),
            in_workspace=bool(entry.get("in_workspace")),
        )
        for entry in surroundings.get("listening") or ()
    )


def parse_processes(
    surroundings: Surroundings, others: Iterable[Observation]
) -> tuple[WorkspaceProcess, ...]:
    """Read what the guard of the workload saw, else `processes`."""
    tables = [surroundings.get("processes"), *(other.facts for other in others)]
    for table in tables:
        if isinstance(table, Mapping) and table.get("processes") and "init" in table:
            return _build_processes(table["processes"], table["init"])
    return ()


def _build_processes(
    listed: Sequence[Mapping[str, Any]], init: int
) -> tuple[WorkspaceProcess, ...]:
    workload = {process["pid"] for process in find_workload(list(map(dict, listed)), init)}
    return tuple(
        WorkspaceProcess(
            pid=process["pid"],
            uid=process["uid"],
            command=str(process["command"]),
            is_init=process["pid"] == init,
            is_workload=process["pid"] in workload,
        )
        for process in listed
    )


def parse_capability_mask(value: Any) -> int | None:
    """Read a set of capabilities; None where there is none."""
    try:
        return int(str(value), 16)
    except ValueError:
        return None


def parse_log_tail(surroundings: Surroundings) -> tuple[str, ...]:
    """Read `log_tail`, lines that hold anything."""
    tail = surroundings.get("log_tail") or ()
    lines = tail.splitlines() if isinstance(tail, str) else tail
    return tuple(str(line).strip() for line in lines if str(line).strip())
