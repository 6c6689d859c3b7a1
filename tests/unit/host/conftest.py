"""A session whose exec is a process of this machine, with the program that runs on the host."""

import sys
from collections.abc import Iterator
from typing import Any, cast

import docker
import pytest

from hardgate.engine.exec import MAX_EXEC_OUTPUT_BYTES
from hardgate.host import host_session
from hardgate.host.host_session import HostSession
from hardgate.resources import ROLES
from tests.unit.host.local_exec import LocalExec

PROGRAM = ROLES / "test_host" / "files" / "run_commands.py"


@pytest.fixture
def execs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[LocalExec]]:
    """List the execs that were opened."""
    opened: list[LocalExec] = []

    def open_exec(*_where: Any, **_options: Any) -> LocalExec:
        opened.append(LocalExec(sys.executable, str(PROGRAM), str(MAX_EXEC_OUTPUT_BYTES)))
        return opened[-1]

    monkeypatch.setattr(host_session, "open_exec", open_exec)
    yield opened
    for one in opened:
        one.close()


@pytest.fixture
def session(execs: list[LocalExec]) -> HostSession:
    """Give a session whose exec is not open yet."""
    assert execs == []
    return HostSession(cast(docker.APIClient, None), "host")
