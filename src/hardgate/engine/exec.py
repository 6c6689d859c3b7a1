"""One script, run once in a container: bounded, timed, and believed only as far as it goes."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import docker
from docker.errors import APIError, DockerException
from requests.exceptions import RequestException

from hardgate.engine.exec_stream import ExecStream, open_exec
from hardgate.model.observation import Execution

MAX_EXEC_OUTPUT_BYTES = 64 * 1024
"""Bytes of each of stdout and stderr that are kept; the rest is read and dropped."""
SETTLE_SECONDS = 10.0
"""How long the engine may take, after the end of the stream, to say how it ended."""

ENGINE_ERRORS = (DockerException, RequestException, OSError)
"""What an engine that is gone, or that refuses, comes to."""

EndProcess = Callable[[int], None]
"""Ends a process and all that descends from it, given its pid on the engine's machine."""


def execute_in_container(
    client: docker.APIClient,
    container: str,
    command: Sequence[str],
    *,
    timeout: float,
    end_process: EndProcess,
    user: str = "",
    environment: Mapping[str, str] | None = None,
) -> Execution:
    """Run a command, and say what came of it; trouble is a `problem`, never an exception.

    `timeout` is in seconds. A command that is still running then is ended by `end_process`.
    """
    begun = time.monotonic()
    try:
        stream = open_exec(client, container, command, user=user, environment=environment)
    except ENGINE_ERRORS as error:
        return Execution(
            exit_status=None, problem=f"The engine could not run it: {engine_error_text(error)}"
        )
    return finish_execution(client, stream, begun=begun, timeout=timeout, end_process=end_process)


def finish_execution(
    client: docker.APIClient,
    stream: ExecStream,
    *,
    begun: float,
    timeout: float,
    end_process: EndProcess,
    already: Iterable[tuple[int, bytes]] = (),
) -> Execution:
    """Read a started command to its end, as `execute` does; `already` was read of it before."""
    deadline = begun + timeout
    output = _BoundedOutput()
    for channel, data in already:
        output.add_frame(channel, data)
    try:
        # A script may close its output and go on: it ends when the engine says so.
        late = _drain_stream(stream, output, deadline)
        state = _await_end(client, stream.exec_id, deadline)
        timed_out = late or state["Running"]
        if timed_out:
            if state["Running"] and state["Pid"]:
                end_process(state["Pid"])
            # What is still in the pipe would keep the engine from seeing the end.
            _drain_stream(stream, output, time.monotonic() + SETTLE_SECONDS)
            state = client.exec_inspect(stream.exec_id)
        status, problem = _await_exit_status(client, stream.exec_id, state)
    except ENGINE_ERRORS as error:
        status, timed_out, problem = (
            None,
            False,
            f"The engine could not run it: {engine_error_text(error)}",
        )
    finally:
        stream.close()
    return Execution(
        exit_status=status,
        stdout=output.text(ExecStream.STDOUT),
        stderr=output.text(ExecStream.STDERR),
        truncated=output.truncated,
        seconds=round(time.monotonic() - begun, 3),
        timed_out=timed_out,
        problem="" if timed_out else problem,
    )


class _BoundedOutput:
    """What was written, up to the limit."""

    def __init__(self) -> None:
        self._kept = {ExecStream.STDOUT: bytearray(), ExecStream.STDERR: bytearray()}
        self.truncated = False

    def add_frame(self, channel: int, data: bytes) -> None:
        kept = self._kept[channel]
        room = MAX_EXEC_OUTPUT_BYTES - len(kept)
        kept += data[:room]
        self.truncated |= len(data) > room

    def text(self, channel: int) -> str:
        return self._kept[channel].decode(errors="replace")


def _drain_stream(stream: ExecStream, output: _BoundedOutput, deadline: float) -> bool:
    """Read to the end of the stream; True where the deadline came first."""
    try:
        for channel, data in stream.read_frames(deadline):
            output.add_frame(channel, data)
    except TimeoutError:
        return True
    return False


def _await_end(client: docker.APIClient, exec_id: str, deadline: float) -> Mapping[str, Any]:
    """Wait for a process whose output has ended; give what the engine has of it, at the latest
    what it has at the deadline.
    """
    while (state := client.exec_inspect(exec_id))["Running"] and time.monotonic() <= deadline:
        time.sleep(0.02)
    return dict(state)


def _await_exit_status(
    client: docker.APIClient, exec_id: str, state: Mapping[str, Any]
) -> tuple[int | None, str]:
    """Ask how it ended, until the engine says a number; `state` was asked already."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        status = state["ExitCode"]
        if not state["Running"] and isinstance(status, int):
            return status, ""
        if time.monotonic() > deadline:
            return None, "Its output ended, and the engine did not say how it ended."
        time.sleep(0.02)
        state = client.exec_inspect(exec_id)


def engine_error_text(error: Exception) -> str:
    """Give the engine's own words, where it was the engine that refused."""
    return str(error.explanation or error) if isinstance(error, APIError) else str(error)
