"""The place on the host's side from which the gate looks at the workspace, never through it.

It is a container of ours on the caller's engine: the nested test host itself, or, in direct mode,
a helper beside the workspace with the host's PID namespace and disk.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import docker

from hardgate.engine.client import get_shared_client
from hardgate.engine.exec import EndProcess, execute_in_container
from hardgate.errors import HostError
from hardgate.host.host_session import CommandRunner
from hardgate.host.session_socket import get_session_client
from hardgate.model.observation import Execution

OBSERVE_SECONDS = 30.0
LOOK_AROUND_COMMAND = ("python3", "-I", "-S", "-B", "/usr/local/lib/hardgate/look_around.py")
"""On the host's side; its one argument is a request in JSON."""


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
    session: str = ""
    """A socket at which the gate has commands run on the host's side; empty where there is none."""

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "TestHost":
        """Read what `asdict` wrote."""
        return cls(**data)

    def to_json(self) -> dict[str, str]:
        """Write it for a role's variable."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Observer:
    """A container on the host's side, and the engine that runs it."""

    client: docker.APIClient
    container: str
    root: str = ""
    session: CommandRunner | None = None
    """Runs commands faster than an exec for each, which is what is done without it."""

    @classmethod
    def for_host(cls, host: TestHost) -> "Observer":
        """Stand on a test host, where each command is an exec of its own."""
        return cls(
            client=get_shared_client(host.outer_url), container=host.container, root=host.root
        )

    @classmethod
    def with_session(cls, host: TestHost) -> "Observer":
        """Stand on a test host, where commands are run in the gate's session, if it has one."""
        return replace(cls.for_host(host), session=get_session_client(host.session))

    def run_on_host(self, *command: str, timeout: float = OBSERVE_SECONDS) -> Execution:
        """Run a command on the host's side."""
        if self.session is not None:
            execution = self.session.run(command, timeout)
            if execution is not None:
                return execution
        return execute_in_container(
            self.client, self.container, command, timeout=timeout, end_process=_leave_running
        )

    def run_checked(self, *command: str, timeout: float = OBSERVE_SECONDS) -> str:
        """Run a command that must succeed, and give what it printed, stripped."""
        execution = self.run_on_host(*command, timeout=timeout)
        if execution.exit_status != 0:
            raise HostError(
                f"'{' '.join(command)}' failed on the test host's side.",
                "Look at the evidence; the host may be gone.",
                evidence=execution.problem or execution.stderr or execution.stdout,
            )
        return execution.stdout.strip()

    def read_file(self, path: str) -> str | None:
        """Read a small file of the host's disk; None where there is none."""
        execution = self.run_on_host("head", "-c", "65536", self.root + path)
        return execution.stdout if execution.exit_status == 0 else None

    def read_and_remove_file(self, path: str) -> str | None:
        """Read a small file of the host's disk and remove it; None where there is none."""
        script = 'head -c 65536 "$1"; status=$?; rm -f "$1"; exit $status'
        execution = self.run_on_host("sh", "-c", script, "sh", self.root + path)
        return execution.stdout if execution.exit_status == 0 else None

    def read_pid_namespaces(self, *pids: int | str) -> tuple[str, ...]:
        """Give the inode numbers of processes' PID namespaces; empty where one cannot be read."""
        script = 'for pid; do stat -Lc %i "/proc/$pid/ns/pid" 2>/dev/null || echo; done'
        execution = self.run_on_host("sh", "-c", script, "sh", *map(str, pids))
        lines = execution.stdout.split("\n")
        return tuple(lines[: len(pids)]) if execution.exit_status == 0 else ("",) * len(pids)

    def make_process_ender(self, mark: str) -> EndProcess:
        """Give what ends a process tree, and all whose environment holds `mark`."""
        return partial(self._end_process, mark)

    def _end_process(self, mark: str, pid: int) -> None:
        self.run_on_host("/usr/local/lib/hardgate/end-process", str(pid), mark)


def _leave_running(pid: int) -> None:
    """Leave it: what the gate runs on the host's side is its own, and ends with the host."""
    del pid
