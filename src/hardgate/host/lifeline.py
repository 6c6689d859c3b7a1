"""The gate's hold on a test host: its standard input, by which it takes orders as well.

What came of an order is a line on the host's standard output, so that making a host ready takes no
exec; it works wherever the outer engine's API is reached. `host-init` is the other end.
See D74 in ARCHITECTURE.md.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import docker

from hardgate.engine.exec_stream import ExecStream
from hardgate.errors import HostError

HELLO = b"held\n"
KEEP_ORDER = b"keep\n"
RESULT_WORD = "hardgate"
"""What a line of the host's output begins with, if it is the result of an order."""
READY_PROGRAM = "host-init"
"""Tells by a result of its own that the host is ready for orders."""
PAUSE_SECONDS = 0.01
MAX_LINE_BYTES = 65536


@dataclass(frozen=True, kw_only=True)
class OrderResult:
    """How a program of the host's ended, and what it printed."""

    program: str
    status: int
    answer: str

    @classmethod
    def from_line(cls, line: str) -> "OrderResult | None":
        """Read one line of the host's output; None where it is no result."""
        match line.split(maxsplit=3):
            case [word, program, status, *rest] if word == RESULT_WORD and status.isdecimal():
                return cls(program=program, status=int(status), answer="".join(rest).strip())
        return None


def hold_container(
    client: docker.APIClient, container: str, is_over: Callable[[], bool] = lambda: False
) -> "Lifeline":
    """Take hold of a test host's container that was just started."""
    wanted = {"stdin": 1, "stdout": 1, "stream": 1}
    return Lifeline(ExecStream("", client.attach_socket(container, params=wanted)), is_over)


class Lifeline:
    """The host's standard input, held by the gate: when the gate ends, however, so does the host.

    A connection of its own, for it lives as long as the run.
    """

    def __init__(self, stream: ExecStream, is_over: Callable[[], bool] = lambda: False) -> None:
        """Take hold, and say so: a host that nobody holds ends by itself.

        `is_over` says whether the run is over, so that no result is waited for any more.
        """
        self._is_over = is_over
        self._stream = stream
        self._unread = b""
        self._stream.send_input(HELLO)

    def run_order(self, program: str, *words: str, seconds: float) -> OrderResult:
        """Have the host run one of its programs, and wait for its end; HostError if none comes."""
        self._stream.send_input(" ".join(("run", program, *words)).encode() + b"\n")
        return self.await_result(program, seconds)

    def await_result(self, program: str, seconds: float) -> OrderResult:
        """Wait for the end of a program; HostError where the host or the run ends before."""
        deadline = time.monotonic() + seconds
        while True:
            result = OrderResult.from_line(self._read_line(deadline))
            if result is not None and result.program == program:
                return result

    def keep_host(self) -> None:
        """Let the host outlive the gate."""
        self._stream.send_input(KEEP_ORDER)

    def close(self) -> None:
        """Let go; an engine that is gone has done so already."""
        with contextlib.suppress(OSError):
            self._stream.close()

    def _read_line(self, deadline: float) -> str:
        while b"\n" not in self._unread:
            self._unread = (self._unread + self._read_output(deadline))[-MAX_LINE_BYTES:]
        line, _, self._unread = self._unread.partition(b"\n")
        return line.decode(errors="replace")

    def _read_output(self, deadline: float) -> bytes:
        self._await_output(deadline)
        for channel, data in self._stream.read_frames(deadline):
            if channel == ExecStream.STDOUT:
                return data
        raise HostError("The test host ended while it was made ready.")

    def _await_output(self, deadline: float) -> None:
        """Wait in small pieces: a read that is broken off would lose the half of a frame."""
        while self._stream.is_idle():
            if self._is_over():
                raise HostError("The run ended while the test host was made ready.")
            if time.monotonic() > deadline:
                raise HostError("The test host did not answer in time.")
            time.sleep(PAUSE_SECONDS)
