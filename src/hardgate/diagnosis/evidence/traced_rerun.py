"""A silent probe's second look: run once more with `sh -x`, and traced from the host's side.

The traced shell is started by the engine as the first one was, by the same user and in the same
environment. It waits until `strace` is attached, and then becomes `sh -xc PROBE` with the same
standard streams: nothing is put into the image, and nothing of the probe is changed.
See D10 in ARCHITECTURE.md.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

import docker

from hardgate.diagnosis.evidence.strace import StreamNames, Trace, parse_strace
from hardgate.engine.exec import (
    ENGINE_ERRORS,
    engine_error_text,
    execute_in_container,
    finish_execution,
)
from hardgate.engine.exec_stream import ExecStream, open_exec
from hardgate.host.probe import Probe, ProbeContext
from hardgate.model.observation import Execution, LookKind, LookRecorder

WAITING_SCRIPT = 'unset SHLVL; echo; read -r _ || exit 126; exec sh "$1" "$0" </dev/null'
"""Says that it is there, waits, and becomes the probe, as deep in shells as the first time. A
probe's first run has /dev/null as its standard input too. Nobody there any more: no probe."""

TRACER_PATH = "/usr/local/lib/hardgate/second-look"
TRACED_CALLS = (
    "?read,?write,?writev,?pwrite64,?sendto,?recvfrom,?connect,?bind,?getsockopt,?execve,?execveat,"
    "?fork,?vfork,?clone,?clone3,?open,?openat,?openat2,?creat,?stat,?lstat,?newfstatat,?statx,"
    "?access,?faccessat,?faccessat2,?readlink,?readlinkat,?chdir,?mkdir,?mkdirat,?unlink,?unlinkat,"
    "?rmdir,?rename,?renameat,?renameat2,?chmod,?fchmodat,?chown,?lchown,?fchown,?fchownat,?link,"
    "?linkat,?symlink,?symlinkat,?mknod,?mknodat,?truncate,?mount,?umount2,?chroot,?pivot_root,"
    "?setns,?unshare,?setuid,?setgid,?setresuid,?setresgid,?setreuid,?setregid,?setgroups"
)
"""Not every architecture has them all."""

MAX_STRING_CHARS = 1024
"""Characters of each string in the trace."""
MAX_TRACE_BYTES = 4 * 2**20
"""A probe that writes more than this into the void goes on untraced."""
TRACE_SECONDS = 15.0
"""So does one that takes longer than this, or than four times its first run."""
READY_MARKER = b"\n"
READY_SECONDS = 3.0
ATTACH_SECONDS = 10.0
LINGER_SECONDS = 0.5
"""How long the trace of a probe that has ended may take to end, too."""

NOT_ATTACHED = (
    "strace could not be attached{reason}, so that what the probe threw away is not shown."
)
RERUN_TIMED_OUT = "The second look took longer than the probe may, and was ended."
TRACE_CUT = "It did so much that only its beginning was traced."
WORKSPACE_ENDED = "The workspace ended in the second look, which says nothing about the first."
NO_XTRACE = "The image's 'sh' does not trace ('sh -x'), so it was looked at without."
XTRACE_IN_PIPES = (
    "What 'sh -x' writes went into the probe's own pipes: how it ended, and what it wrote, are "
    "from one more run without."
)


@dataclass(frozen=True, kw_only=True)
class TracedRerun:
    """What it showed; evidence, and never judged."""

    rerun: Execution
    trace: Trace = field(default_factory=Trace)


def rerun_traced(
    probe: Probe, context: ProbeContext, first: Execution, recorder: LookRecorder
) -> TracedRerun:
    """Run a probe once more and watch it. Trouble on the way is said in the `rerun`'s problem."""
    with recorder.record_look(LookKind.RERUN):
        traced = _rerun_once(probe, context, first, "-xc")
    note = ""
    if traced.trace.piped:
        note = XTRACE_IN_PIPES
    elif traced.rerun.exit_status and not _has_xtrace(traced.rerun):
        note = NO_XTRACE
    if not note or traced.rerun.problem or traced.rerun.timed_out:
        return traced
    with recorder.record_look(LookKind.RERUN):
        plain = _rerun_once(probe, context, first, "-c")
    rerun = plain.rerun if note is NO_XTRACE else replace(plain.rerun, stderr=traced.rerun.stderr)
    problem = " ".join(filter(None, (note, plain.rerun.problem)))
    return TracedRerun(rerun=replace(rerun, problem=problem), trace=plain.trace)


def _has_xtrace(rerun: Execution) -> bool:
    return any(line.startswith("+") for line in rerun.stderr.splitlines())


def _rerun_once(probe: Probe, context: ProbeContext, first: Execution, flags: str) -> TracedRerun:
    try:
        shell = _WaitingShell.open_shell(probe, context, flags)
    except ENGINE_ERRORS as error:
        return _rerun_without_strace(probe, context, flags, f" ({engine_error_text(error)})")
    if not shell.is_waiting:
        shell.stream.close()
        return _rerun_without_strace(
            probe, context, flags, ": the image's 'sh' does not wait for it"
        )
    try:
        tracer = _Tracer(probe, context, seconds=max(TRACE_SECONDS, 4 * first.seconds))
    except ENGINE_ERRORS as error:
        shell.stream.close()
        return _rerun_without_strace(probe, context, flags, f" ({engine_error_text(error)})")
    with tracer:
        attached = tracer.attach_to_shell(context.client, shell.stream)
        rerun = shell.start_probe(probe, context)
        tracer.wait_for_end()
    if not attached:
        return TracedRerun(
            rerun=_add_note(rerun, NOT_ATTACHED.format(reason=tracer.failure_reason))
        )
    trace = parse_strace(tracer.trace_lines, tracer.stream_names)
    if rerun.timed_out and trace.alive:
        context.observer.run_on_host("kill", "-KILL", *map(str, trace.alive))
    rerun = replace(rerun, stderr=trace.stderr or rerun.stderr)
    notes = (TRACE_CUT if tracer.is_cut else "", RERUN_TIMED_OUT if rerun.timed_out else "")
    return TracedRerun(rerun=_add_note(rerun, " ".join(filter(None, notes))), trace=trace)


def _rerun_without_strace(
    probe: Probe, context: ProbeContext, flags: str, reason: str
) -> TracedRerun:
    rerun = execute_in_container(
        context.client,
        context.workspace.id,
        ["sh", flags, probe.script],
        user=str(context.agent_uid),
        environment=context.build_probe_environment(probe),
        timeout=probe.timeout,
        end_process=context.observer.make_process_ender(probe.id),
    )
    return TracedRerun(rerun=_add_note(rerun, NOT_ATTACHED.format(reason=reason)))


def _add_note(rerun: Execution, note: str) -> Execution:
    return replace(rerun, problem=" ".join(filter(None, (note, rerun.problem))))


@dataclass(frozen=True, kw_only=True)
class _WaitingShell:
    """A shell of the image's that waits to become a probe."""

    stream: ExecStream
    is_waiting: bool
    first_frames: tuple[tuple[int, bytes], ...]

    @classmethod
    def open_shell(cls, probe: Probe, context: ProbeContext, flags: str) -> "_WaitingShell":
        stream = open_exec(
            context.client,
            context.workspace.id,
            ["sh", "-c", WAITING_SCRIPT, probe.script, flags],
            user=str(context.agent_uid),
            environment=context.build_probe_environment(probe),
            stdin=True,
        )
        try:
            channel, data = next(stream.read_frames(time.monotonic() + READY_SECONDS), (0, b""))
        except TimeoutError:
            # A shell that says nothing may wait all the same.
            return cls(stream=stream, is_waiting=True, first_frames=())
        waits = channel == ExecStream.STDOUT and data.startswith(READY_MARKER)
        rest = data.removeprefix(READY_MARKER) if waits else b""
        return cls(stream=stream, is_waiting=waits, first_frames=((channel, rest),) if rest else ())

    def start_probe(self, probe: Probe, context: ProbeContext) -> Execution:
        """Let it become the probe, and read it to its end."""
        with suppress(OSError):
            self.stream.send_input(b"\n")
        return finish_execution(
            context.client,
            self.stream,
            begun=time.monotonic(),
            timeout=probe.timeout,
            end_process=context.observer.make_process_ender(probe.id),
            already=self.first_frames,
        )


class _Tracer:
    """`strace` on the host's side, and what it tells, taken in as it comes."""

    def __init__(self, probe: Probe, context: ProbeContext, *, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        lookout = context.observer
        self._stream = open_exec(
            lookout.client,
            lookout.container,
            [TRACER_PATH, probe.id, TRACED_CALLS, str(MAX_STRING_CHARS)],
            stdin=True,
        )
        self._trace_output = bytearray()
        self._error_output = bytearray()
        self._reported = threading.Event()
        self.is_cut = False
        self._collector = threading.Thread(target=self._collect_output, daemon=True)

    def __enter__(self) -> "_Tracer":
        self._collector.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._detach_strace()
        self._collector.join(ATTACH_SECONDS)
        self._stream.close()

    def attach_to_shell(self, client: docker.APIClient, stream: ExecStream) -> bool:
        """Attach it to the shell that waits; False where that cannot be done."""
        with suppress(*ENGINE_ERRORS):
            pid = client.exec_inspect(stream.exec_id)["Pid"]
            self._stream.send_input(f"{pid}\n".encode())
            self._reported.wait(ATTACH_SECONDS)
        return b" attached" in self._error_output

    @property
    def failure_reason(self) -> str:
        error_lines = self._error_output.decode(errors="replace").strip().splitlines()
        return f" ({error_lines[-1].rstrip('.')})" if error_lines else ""

    @property
    def trace_lines(self) -> list[str]:
        return self._trace_output.decode(errors="replace").splitlines()

    @property
    def stream_names(self) -> StreamNames:
        named = dict(line.partition(" ")[::2] for line in self.trace_lines[:2])
        return StreamNames(stdout=named.get("stdout", ""), stderr=named.get("stderr", ""))

    def wait_for_end(self) -> None:
        """Wait for the end of what it tells; what the probe left running goes on untraced."""
        self._collector.join(LINGER_SECONDS)

    def _collect_output(self) -> None:
        """Keep the end away from nobody: a tracer that cannot write holds up what it traces."""
        with suppress(OSError):
            for channel, data in self._stream.read_frames():
                if channel == ExecStream.STDERR:
                    self._error_output += (
                        data if len(self._error_output) < MAX_STRING_CHARS else b""
                    )
                    self._reported.set()
                elif len(self._trace_output) < MAX_TRACE_BYTES:
                    self._trace_output += data
                if len(self._trace_output) >= MAX_TRACE_BYTES or time.monotonic() > self._deadline:
                    self._cut_trace()
        self._reported.set()

    def _cut_trace(self) -> None:
        if not self.is_cut:
            self.is_cut = True
            self._detach_strace()

    def _detach_strace(self) -> None:
        with suppress(OSError):
            self._stream.send_input(b"over\n")
