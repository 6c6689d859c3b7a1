"""Runs a program: the one module that knows subprocess.

A program that is not there, one that a signal killed, and one that exited with a status are three
different things here, and stay so.
"""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal, assert_never

from hardgate.errors import HardgateError
from hardgate.system.interruption import raise_in_thread

MAX_OUTPUT_BYTES = 4 * 1024 * 1024
"""Bytes kept of each of stdout and stderr: the last ones, for an error stands at the end."""

MAX_LINE_BYTES = 64 * 1024
"""Bytes after which a line without an end is handed over in pieces."""

TERMINATE_SECONDS = 5.0
"""Seconds between the polite and the impolite end of a program."""

PIPE_LINGER_SECONDS = 0.5
"""Seconds to read on after the program's end, while a child of its holds the pipes open."""

MAX_KILL_ROUNDS = 50
KILL_PAUSE_SECONDS = 0.02

_CHUNK_BYTES = 64 * 1024


class CommandMissingError(HardgateError):
    """The program is not installed, or cannot be started."""


@dataclass(frozen=True, kw_only=True)
class CommandResult:
    """How a program ended: either `status` or `signal` is known, never both."""

    argv: tuple[str, ...]
    status: int | None
    """Its exit status; None where a signal killed it."""
    signal: int | None
    """The signal that killed it; None where it exited."""
    stdout: str
    stderr: str
    """Both decoded as UTF-8 with replacement; the last MAX_OUTPUT_BYTES."""
    truncated: bool
    """More was written than is kept here."""
    timed_out: bool
    """It was still running at its deadline, and was ended."""
    seconds: float

    @property
    def ok(self) -> bool:
        """It exited by itself, with status 0."""
        return self.status == 0 and not self.timed_out

    @property
    def end_description(self) -> str:
        """How it ended, for a sentence: `'apt-get' …`."""
        if self.timed_out:
            return f"was still running after {self.seconds:.0f} s"
        if self.signal is not None:
            return f"was killed by signal {self.signal}"
        return f"exited {self.status}"


REMOVER_SCRIPT = """
read -r _
[ -e "$1" ] || exit 0
find_processes() { grep -l -a -F -e "$1" /proc/[0-9]*/environ 2>/dev/null; }
rounds=50
while found=$(find_processes "$1"); [ -n "$found" ] && [ "$rounds" -gt 0 ]; do
    for file in $found; do
        pid=${file#/proc/}
        kill -s KILL "${pid%/environ}"
    done
    rounds=$((rounds - 1))
    sleep 0.02
done
exec rm -rf --one-file-system -- "$1"
"""
"""What still works in the folder ends first: its environment names it. One may start another
meanwhile, so it looks until it finds none."""


def start_remover(folder: Path) -> "subprocess.Popen[bytes]":
    """Start a process that removes `folder` once this one is gone, or dismisses it."""
    return subprocess.Popen(
        ["/bin/sh", "-c", REMOVER_SCRIPT, "sh", str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )


def dismiss_remover(remover: "subprocess.Popen[bytes]") -> None:
    """Let a remover end; it removes what is left of its folder."""
    remover.stdin.close()  # type: ignore[union-attr]  # it was opened as a pipe
    remover.wait()


def end_processes_of(folder: Path) -> None:
    """Kill the processes whose environment names a folder, until none is found.

    One may start another during a look. This process itself is left alone.
    """
    for _ in range(MAX_KILL_ROUNDS):
        found = list(_find_processes_of(folder))
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_PAUSE_SECONDS)


def _find_processes_of(folder: Path) -> Iterator[int]:
    folder_bytes = os.fsencode(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        if int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if folder_bytes in (entry / "environ").read_bytes():
                yield int(entry.name)


def run_interactive(argv: Sequence[str | Path]) -> int:
    """Run `argv` on this process's own terminal or pipes; give its exit status, 128+N for a signal.

    SIGINT belongs to the program as long as it runs: a terminal sends it to both.
    """
    # A handler that does nothing; an ignored signal the program would inherit.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        code = subprocess.run([str(word) for word in argv], check=False).returncode
    except OSError as error:
        raise CommandMissingError(
            f"'{argv[0]}' cannot be started: {error.strerror or error}.",
            f"Install it, or make sure that PATH finds '{argv[0]}'.",
        ) from error
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code


def run_command(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    input: bytes | None = None,  # noqa: A002 - the word that everybody knows from subprocess
    timeout: float | None = None,
    cwd: Path | None = None,
    on_line: Callable[[str], None] | None = None,
    output_file: Path | None = None,
) -> CommandResult:
    """Run `argv` without a shell, in a process group of its own, and wait for its end.

    `on_line` gets each line of stdout and stderr as it comes. `output_file` takes the whole of
    stdout, of which nothing is kept then. The whole group is ended at
    `timeout`, and whenever an exception, such as KeyboardInterrupt, passes through here.
    """
    arguments = tuple(str(word) for word in argv)
    started = time.monotonic()
    with contextlib.ExitStack() as files:
        stdout = (
            subprocess.PIPE if output_file is None else files.enter_context(output_file.open("wb"))
        )
        process = _start_process(
            arguments, env=env, cwd=cwd, wants_input=input is not None, stdout=stdout
        )
    exchange = _PipeExchange(
        process=process,
        pending=memoryview(input or b""),
        on_line=on_line,
        deadline=None if timeout is None else started + timeout,
    )
    try:
        timed_out = not exchange.exchange_all()
    except BaseException:
        _terminate_group(process)
        raise
    finally:
        exchange.close()
    if timed_out:
        _terminate_group(process)
    code = process.wait()
    # What it left running in the background goes with it: its answer is complete.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    return CommandResult(
        argv=arguments,
        status=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        stdout=exchange.out.text(),
        stderr=exchange.err.text(),
        truncated=exchange.out.cut or exchange.err.cut,
        timed_out=timed_out,
        seconds=time.monotonic() - started,
    )


def _start_process(
    argv: tuple[str, ...],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    wants_input: bool,
    stdout: int | IO[bytes],
) -> subprocess.Popen[bytes]:
    if cwd is not None and not cwd.is_dir():
        raise CommandMissingError(
            f"'{argv[0]}' cannot be started in '{cwd}', which is not a folder.", "Name another one."
        )
    try:
        return subprocess.Popen(
            argv,
            env=env,
            cwd=cwd,
            stdin=subprocess.PIPE if wants_input else subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CommandMissingError(
            f"There is no program '{argv[0]}' on this machine.",
            "Install it, or add its folder to PATH.",
        ) from error
    except OSError as error:
        raise CommandMissingError(
            f"The program '{argv[0]}' cannot be started: {error.strerror}.", "Install it again."
        ) from error


def _terminate_group(process: subprocess.Popen[bytes]) -> None:
    """End the program with all that it started, first politely."""
    for number, patience in ((signal.SIGTERM, TERMINATE_SECONDS), (signal.SIGKILL, None)):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    # The program itself may have gone at SIGTERM while a child of its stayed: the second round
    # is never left out.


@dataclass(kw_only=True)
class _OutputTail:
    """The last bytes of one stream, and its unfinished line."""

    on_line: Callable[[str], None] | None
    kept: bytearray = field(default_factory=bytearray)
    line: bytearray = field(default_factory=bytearray)
    cut: bool = False

    def add_bytes(self, data: bytes) -> None:
        self.kept += data
        if len(self.kept) > MAX_OUTPUT_BYTES:
            del self.kept[: len(self.kept) - MAX_OUTPUT_BYTES]
            self.cut = True
        if self.on_line is None:
            return
        *lines, rest = (bytes(self.line) + data).split(b"\n")
        for line in lines:
            self.on_line(_decode_output(line.rstrip(b"\r")))
        self.line[:] = rest
        if len(rest) > MAX_LINE_BYTES:
            self.flush_line()

    def flush_line(self) -> None:
        if self.line and self.on_line is not None:
            self.on_line(_decode_output(bytes(self.line)))
        self.line.clear()

    def text(self) -> str:
        return _decode_output(bytes(self.kept))


def _decode_output(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


@dataclass(kw_only=True)
class _PipeExchange:
    """Input on its way in and output on its way out, until both sides are done."""

    process: subprocess.Popen[bytes]
    pending: memoryview
    on_line: Callable[[str], None] | None
    deadline: float | None
    selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    def __post_init__(self) -> None:
        self.out = _OutputTail(on_line=self.on_line)
        self.err = _OutputTail(on_line=self.on_line)
        for stream, kind in (
            (self.process.stdout, "out"),
            (self.process.stderr, "err"),
            (self.process.stdin, "in"),
        ):
            if stream is not None:
                os.set_blocking(stream.fileno(), False)
                event = selectors.EVENT_WRITE if kind == "in" else selectors.EVENT_READ
                self.selector.register(stream, event, kind)

    def exchange_all(self) -> bool:
        """Exchange everything. False: the deadline came first."""
        quiet_since: float | None = None
        while self.selector.get_map():
            raise_in_thread()
            ready = self.selector.select(0.1)
            for key, _ in ready:
                self._serve_stream(key.fileobj, key.data)  # type: ignore[arg-type] # what was registered
            now = time.monotonic()
            if self.deadline is not None and now > self.deadline:
                return False
            if ready or self.process.poll() is None:
                quiet_since = None
            elif quiet_since is None:
                quiet_since = now
            elif now - quiet_since > PIPE_LINGER_SECONDS:
                break
        self.out.flush_line()
        self.err.flush_line()
        return self._wait_for_exit()

    def _serve_stream(self, stream: IO[bytes], kind: Literal["in", "out", "err"]) -> None:
        match kind:
            case "in":
                self._write_input(stream)
            case "out":
                self._read_output(stream, self.out)
            case "err":
                self._read_output(stream, self.err)
            case _:
                assert_never(kind)

    def _write_input(self, stream: IO[bytes]) -> None:
        try:
            self.pending = self.pending[os.write(stream.fileno(), self.pending[:_CHUNK_BYTES]) :]
        except BrokenPipeError:
            self.pending = memoryview(b"")
        if not self.pending:
            self._close_stream(stream)

    def _read_output(self, stream: IO[bytes], output: _OutputTail) -> None:
        data = os.read(stream.fileno(), _CHUNK_BYTES)
        if data:
            output.add_bytes(data)
        else:
            self._close_stream(stream)

    def _close_stream(self, stream: IO[bytes]) -> None:
        self.selector.unregister(stream)
        stream.close()

    def _wait_for_exit(self) -> bool:
        """Wait for a program that closed its streams and runs on."""
        left = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        try:
            self.process.wait(left)
        except subprocess.TimeoutExpired:
            return False
        return True

    def close(self) -> None:
        for key in list(self.selector.get_map().values()):
            self._close_stream(key.fileobj)  # type: ignore[arg-type] # what was registered
        self.selector.close()
