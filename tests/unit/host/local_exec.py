"""A process of this machine, behind the interface of an exec's stream."""

import contextlib
import select
import subprocess
import time
from collections.abc import Iterator

from hardgate.engine.exec_stream import ExecStream
from hardgate.host.host_session import HostSession
from hardgate.model.observation import Execution


class LocalExec:
    """What `open_exec` gives, with a process of this machine behind it."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input, self._output = self.process.stdin, self.process.stdout

    def send_input(self, data: bytes) -> None:
        self._input.write(data)
        self._input.flush()

    def is_idle(self) -> bool:
        return not select.select([self._output], [], [], 0)[0]

    def read_frames(self, deadline: float) -> Iterator[tuple[int, bytes]]:
        while True:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._output], [], [], left)[0]:
                raise TimeoutError
            data = self._output.read1(1000)  # type: ignore[attr-defined]  # it is buffered
            if not data:
                return
            yield ExecStream.STDERR, b"not an answer"
            yield ExecStream.STDOUT, data

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()
        with contextlib.suppress(BrokenPipeError):
            self._input.close()


def run_in_session(session: HostSession, *words: str, seconds: float = 20.0) -> Execution:
    """Run a command that the session takes."""
    execution = session.run(words, seconds)
    assert execution is not None
    return execution
