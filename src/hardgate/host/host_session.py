"""One long exec on the host's side that runs many commands: an exec for each costs 70 ms of CPU.

What answers is the host's own Python and `run_commands.py`, and no program of the image: a command
is as far from the workspace as in an exec of its own. A session that has ended is noticed before a
command is handed to it; whoever asks then runs the command by an exec.
"""

import contextlib
import json
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

import docker

from hardgate.engine.exec import ENGINE_ERRORS, MAX_EXEC_OUTPUT_BYTES
from hardgate.engine.exec_stream import ExecStream, open_exec
from hardgate.model.observation import Execution

RUN_COMMANDS_COMMAND = (
    *("python3", "-I", "-S", "-B", "/usr/local/lib/hardgate/run_commands.py"),
    str(MAX_EXEC_OUTPUT_BYTES),
)
PATIENCE_SECONDS = 0.05
"""How long another command is waited for: an exec beside it takes as long."""
ANSWER_SECONDS = 10.0
"""How long an answer may take beyond the command's own time."""
MAX_HEAD_BYTES = 4096
BROKEN_OFF = "The host's side broke off while the command ran"


class CommandRunner(ABC):
    """Runs commands on the host's side, one at a time."""

    def __init__(self) -> None:
        """Be free for the first."""
        self._lock = threading.Lock()

    def run(self, words: Sequence[str], seconds: float) -> Execution | None:
        """Run a command as `execute_in_container` does.

        None where it is busy with another one or cannot be had; nothing was run then.
        """
        if not self._lock.acquire(timeout=PATIENCE_SECONDS):
            return None
        try:
            return self._run_alone(words, seconds)
        finally:
            self._lock.release()

    @abstractmethod
    def _run_alone(self, words: Sequence[str], seconds: float) -> Execution | None:
        """Run a command while no other one is run."""


def describe_broken_off(begun: float, reason: object) -> Execution:
    """Give what is known of a command of which no answer came; `begun` is monotonic."""
    return Execution(
        exit_status=None,
        seconds=round(time.monotonic() - begun, 3),
        problem=f"{BROKEN_OFF}: {reason}.",
    )


class HostSession(CommandRunner):
    """Runs commands by one exec, which is started with the first of them, or before."""

    def __init__(self, client: docker.APIClient, container: str) -> None:
        """Start nothing yet."""
        super().__init__()
        self._client = client
        self._container = container
        self._stream: ExecStream | None = None
        self._read_ahead = b""
        self._number = 0

    def open(self) -> None:
        """Start the exec, and wait for no word of it; what keeps it from that is told later."""
        with self._lock, contextlib.suppress(*ENGINE_ERRORS, ValueError):
            self._open_stream()

    def close(self) -> None:
        """End the exec, and what it still runs."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._read_ahead = None, b""

    def _run_alone(self, words: Sequence[str], seconds: float) -> Execution | None:
        begun = time.monotonic()
        self._number += 1
        request = {"id": self._number, "words": list(words), "seconds": seconds}
        try:
            stream = self._open_stream()
            stream.send_input(json.dumps(request).encode() + b"\n")
        except (*ENGINE_ERRORS, ValueError):
            self.close()
            return None
        try:
            return self._read_answer(stream, begun, begun + seconds + ANSWER_SECONDS)
        except (*ENGINE_ERRORS, ValueError, KeyError, TypeError) as error:
            self.close()
            return describe_broken_off(begun, error or "it took too long to answer")

    def _open_stream(self) -> ExecStream:
        if self._stream is not None and not self._stream.is_idle():
            self.close()
        if self._stream is None:
            self._stream = open_exec(
                self._client, self._container, RUN_COMMANDS_COMMAND, stdin=True
            )
        return self._stream

    def _read_answer(self, stream: ExecStream, begun: float, deadline: float) -> Execution:
        head = json.loads(self._read_line(stream, deadline))
        if head["id"] != self._number:
            raise ValueError("it answered another command")
        stdout, stderr = (self._read_bytes(stream, int(size), deadline) for size in head["sizes"])
        timed_out = bool(head["timed_out"])
        return Execution(
            exit_status=int(head["status"]),
            stdout=stdout.decode(errors="replace"),
            stderr=stderr.decode(errors="replace"),
            truncated=bool(head["truncated"]),
            seconds=round(time.monotonic() - begun, 3),
            timed_out=timed_out,
        )

    def _read_line(self, stream: ExecStream, deadline: float) -> bytes:
        while b"\n" not in self._read_ahead:
            if len(self._read_ahead) > MAX_HEAD_BYTES:
                raise ValueError("it gave no answer, but something else")
            self._read_ahead += self._read_output(stream, deadline)
        line, _, self._read_ahead = self._read_ahead.partition(b"\n")
        return line

    def _read_bytes(self, stream: ExecStream, size: int, deadline: float) -> bytes:
        if not 0 <= size <= MAX_EXEC_OUTPUT_BYTES:
            raise ValueError("it announced more than was asked for")
        while len(self._read_ahead) < size:
            self._read_ahead += self._read_output(stream, deadline)
        data, self._read_ahead = self._read_ahead[:size], self._read_ahead[size:]
        return data

    def _read_output(self, stream: ExecStream, deadline: float) -> bytes:
        for channel, data in stream.read_frames(deadline):
            if channel == ExecStream.STDOUT:
                return data
        raise ValueError("it ended")
