"""Runs one command after the other on the host's side, each as an exec of its own would run it.

    run_commands.py LIMIT

A line of JSON on standard input is a command: `id`, `words`, `seconds`. The answer is a line of
JSON with the same `id`, and the bytes that the command wrote on standard output and standard error,
of which at most LIMIT each are kept. The end of standard input ends it, and what still runs then.

A program of Python's is run by a child of this process, which has read it before the workspace was
started: an interpreter of its own would take 30 ms to start and to compile it.
"""

# The import of pathlib would be a third of this program's time.
# ruff: noqa: PTH118, PTH120, PTH123

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import CodeType
from typing import Any, BinaryIO

CHUNK_BYTES = 65536
NOT_FOUND, NOT_EXECUTABLE = 127, 126
PYTHON_WORDS = ["python3", "-I", "-S", "-B"]
"""This interpreter, as it was started itself."""
PROGRAM_PLACE = len(PYTHON_WORDS)
READ_AHEAD = "look_around.py"
"""Beside this program."""
FIRST_FREE_DESCRIPTOR, MAX_DESCRIPTORS = 3, 256
programs: dict[str, CodeType] = {}
"""What was compiled, by its path."""


def main() -> None:
    """Answer until the input ends."""
    limit = int(sys.argv[1])
    compile_program(os.path.join(os.path.dirname(os.path.realpath(__file__)), READ_AHEAD))
    for line in sys.stdin.buffer:
        request = json.loads(line)
        head, outputs = run_command(request["words"], float(request["seconds"]), limit)
        head |= {"id": request["id"], "sizes": [len(output) for output in outputs]}
        sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + b"".join(outputs))
        sys.stdout.buffer.flush()


def run_command(words: list[str], seconds: float, limit: int) -> tuple[dict[str, Any], list[bytes]]:
    """Run a command to its end, or to its deadline; say how it ended, and what it wrote."""
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=make_program_runner(words),  # noqa: PLW1509 - there is one thread here
        )
    except OSError as error:
        status = NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE
        return {"status": status, "truncated": False, "timed_out": False}, [
            b"",
            f"{error}".encode(),
        ]
    kept, truncated, timed_out = read_outputs(process, deadline, limit)
    if not timed_out:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            timed_out = True
    if timed_out:
        os.killpg(process.pid, signal.SIGKILL)
    status = process.wait()
    # As the engine gives it: 128 and the signal's number.
    status = status if status >= 0 else 128 - status
    return {"status": status, "truncated": truncated, "timed_out": timed_out}, kept


def compile_program(path: str) -> CodeType:
    """Compile a program once."""
    if path not in programs:
        with open(path, "rb") as stream:
            programs[path] = compile(stream.read(), path, "exec")
    return programs[path]


def make_program_runner(words: list[str]) -> Callable[[], None] | None:
    """Give what runs a program of Python's in the child that was forked for it; else None."""
    if words[:PROGRAM_PLACE] != PYTHON_WORDS or len(words) == PROGRAM_PLACE:
        return None
    try:
        program = compile_program(words[PROGRAM_PLACE])
    except (OSError, SyntaxError, ValueError):
        return None  # the interpreter is to say so

    def run_program() -> None:
        """Run it to its end; the child executes nothing else."""
        # The parent waits at one of them for the child to execute something.
        os.closerange(FIRST_FREE_DESCRIPTOR, MAX_DESCRIPTORS)
        sys.argv = words[PROGRAM_PLACE:]
        status = 0
        try:
            try:
                exec(program, {"__name__": "__main__", "__file__": sys.argv[0]})  # noqa: S102
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else bool(ended.code)
            if isinstance(ended.code, str):
                sys.stderr.write(f"{ended.code}\n")
        except BaseException:
            sys.excepthook(*sys.exc_info())
            status = 1
        finally:
            os._exit(status)

    return run_program


def read_outputs(
    process: "subprocess.Popen[bytes]", deadline: float, limit: int
) -> tuple[list[bytes], bool, bool]:
    """Read both outputs to their end; say too whether one was cut, and whether time was over."""
    pipes: list[BinaryIO] = [process.stdout, process.stderr]  # type: ignore[list-item]
    kept, truncated = [bytearray(), bytearray()], False
    with selectors.DefaultSelector() as selector:
        for number, pipe in enumerate(pipes):
            selector.register(pipe, selectors.EVENT_READ, number)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return [bytes(output) for output in kept], truncated, True
            for key, _ in selector.select(left):
                data = os.read(key.fd, CHUNK_BYTES)
                if not data:
                    selector.unregister(key.fileobj)
                    continue
                room = limit - len(kept[key.data])
                kept[key.data] += data[:room]
                truncated |= len(data) > room
    return [bytes(output) for output in kept], truncated, False


if __name__ == "__main__":
    main()
