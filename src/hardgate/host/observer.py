"""The place on the host's side from which the gate looks at the workspace, never through it.

It is a container of ours on the caller's engine: the nested test host itself, or, in direct mode,
a helper beside the workspace with the host's PID namespace and disk.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import docker

from hardgate.engine.client import shared_client
from hardgate.engine.exec import EndProcess, execute
from hardgate.errors import HostError
from hardgate.model.observation import Execution

LOOK_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class TestHost:
    """A provisioned test host, and the two engines around it, by their addresses."""

    __test__ = False  # pytest takes every Test… for its own

    kind: str
    """`nested` or `direct`."""
    engine_url: str
    """The engine that runs the workspace."""
    outer_url: str
    """The engine that runs the lookout."""
    container: str
    """The lookout's id."""
    root: str
    """Where the lookout has the host's disk: empty for its own root, or `/host`."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TestHost":
        """Read what `asdict` wrote."""
        return cls(**data)

    def to_json(self) -> dict[str, str]:
        """Write it for a role's variable."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Lookout:
    """A container on the host's side, and the engine that runs it."""

    client: docker.APIClient
    container: str
    root: str = ""

    @classmethod
    def at(cls, host: TestHost) -> "Lookout":
        """Stand on a test host."""
        return cls(client=shared_client(host.outer_url), container=host.container, root=host.root)

    def run(self, *command: str, timeout: float = LOOK_SECONDS) -> Execution:
        """Run a command on the host's side."""
        return execute(
            self.client, self.container, command, timeout=timeout, end_process=_leave_running
        )

    def ask(self, *command: str, timeout: float = LOOK_SECONDS) -> str:
        """Run a command that must succeed, and give what it printed, stripped."""
        seen = self.run(*command, timeout=timeout)
        if seen.exit_status != 0:
            raise HostError(
                f"'{' '.join(command)}' failed on the test host's side.",
                "Look at the evidence; the host may be gone.",
                evidence=seen.problem or seen.stderr or seen.stdout,
            )
        return seen.stdout.strip()

    def read_file(self, path: str) -> str | None:
        """Read a small file of the host's disk; None where there is none."""
        seen = self.run("head", "-c", "65536", self.root + path)
        return seen.stdout if seen.exit_status == 0 else None

    def take_file(self, path: str) -> str | None:
        """Read a small file of the host's disk and remove it; None where there is none."""
        script = 'head -c 65536 "$1"; status=$?; rm -f "$1"; exit $status'
        seen = self.run("sh", "-c", script, "sh", self.root + path)
        return seen.stdout if seen.exit_status == 0 else None

    def pid_namespaces(self, *pids: int | str) -> tuple[str, ...]:
        """Give the inode numbers of processes' PID namespaces; empty where one cannot be read."""
        script = 'for pid; do stat -Lc %i "/proc/$pid/ns/pid" 2>/dev/null || echo; done'
        seen = self.run("sh", "-c", script, "sh", *map(str, pids))
        lines = seen.stdout.split("\n")
        return tuple(lines[: len(pids)]) if seen.exit_status == 0 else ("",) * len(pids)

    def ender(self, mark: str) -> EndProcess:
        """Give what ends a process tree, and all whose environment holds `mark`."""
        return partial(self._end_process, mark)

    def _end_process(self, mark: str, pid: int) -> None:
        self.run("/usr/local/lib/hardgate/end-process", str(pid), mark)


def _leave_running(pid: int) -> None:
    """Leave it: what the gate runs on the host's side is its own, and ends with the host."""
    del pid
