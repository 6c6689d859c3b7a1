"""A silent probe's second look: run once more with `sh -x`, and traced from the host's side.

The traced shell is started by the engine as the first one was, by the same user and in the same
environment. It waits until `strace` is attached, and then becomes `sh -xc PROBE` with the same
standard streams: nothing is put into the image, and nothing of the probe is changed.
"""

import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace

import docker

from hardgate.diagnosis.evidence.strace import Streams, Trace, read_trace
from hardgate.engine.exec import TROUBLE, execute, finish, words
from hardgate.engine.exec_stream import Stream, open_exec
from hardgate.host.probe import Probe, Setting
from hardgate.model.observation import Execution

GATE = 'unset SHLVL; echo; read -r _ || exit 126; exec sh "$1" "$0" </dev/null'
"""Says that it is there, waits, and becomes the probe, as deep in shells as the first time. A
probe's first run has /dev/null as its standard input too. Nobody there any more: no probe."""

TRACER = "/usr/local/lib/hardgate/second-look"
CALLS = (
    "?read,?write,?writev,?pwrite64,?sendto,?recvfrom,?connect,?bind,?getsockopt,?execve,?execveat,"
    "?fork,?vfork,?clone,?clone3,?open,?openat,?openat2,?creat,?stat,?lstat,?newfstatat,?statx,"
    "?access,?faccessat,?faccessat2,?readlink,?readlinkat,?chdir,?mkdir,?mkdirat,?unlink,?unlinkat,"
    "?rmdir,?rename,?renameat,?renameat2,?chmod,?fchmodat,?chown,?lchown,?fchown,?fchownat,?link,"
    "?linkat,?symlink,?symlinkat,?mknod,?mknodat,?truncate,?mount,?umount2,?chroot,?pivot_root,"
    "?setns,?unshare,?setuid,?setgid,?setresuid,?setresgid,?setreuid,?setregid,?setgroups"
)
"""Not every architecture has them all."""

TEXT_LIMIT = 1024
"""Characters of each string in the trace."""
TRACE_BYTES = 4 * 2**20
"""A probe that writes more than this into the void goes on untraced."""
TRACE_SECONDS = 15.0
"""So does one that takes longer than this, or than four times its first run."""
READY = b"\n"
READY_SECONDS = 3.0
ATTACH_SECONDS = 10.0
LINGER_SECONDS = 0.5
"""How long the trace of a probe that has ended may take to end, too."""

NOT_ATTACHED = (
    "strace could not be attached{reason}, so that what the probe threw away is not shown."
)
TIMED_OUT = "The second look took longer than the probe may, and was ended."
CUT = "It did so much that only its beginning was traced."
ENDED = "The workspace ended in the second look, which says nothing about the first."
NO_TRACE = "The image's 'sh' does not trace ('sh -x'), so it was looked at without."
MISLED = (
    "What 'sh -x' writes went into the probe's own pipes: how it ended, and what it wrote, are "
    "from one more run without."
)


@dataclass(frozen=True, kw_only=True)
class SecondLook:
    """What it showed; evidence, and never judged."""

    rerun: Execution
    trace: Trace = field(default_factory=Trace)


def look_again(probe: Probe, setting: Setting, first: Execution) -> SecondLook:
    """Run a probe once more and watch it. Trouble on the way is said in the `rerun`'s problem."""
    look = _look(probe, setting, first, "-xc")
    note = ""
    if look.trace.piped:
        note = MISLED
    elif look.rerun.exit_status and not _traces(look.rerun):
        note = NO_TRACE
    if not note or look.rerun.problem or look.rerun.timed_out:
        return look
    plain = _look(probe, setting, first, "-c")
    told = plain.rerun if note is NO_TRACE else replace(plain.rerun, stderr=look.rerun.stderr)
    problem = " ".join(filter(None, (note, plain.rerun.problem)))
    return SecondLook(rerun=replace(told, problem=problem), trace=plain.trace)


def _traces(rerun: Execution) -> bool:
    return any(line.startswith("+") for line in rerun.stderr.splitlines())


def _look(probe: Probe, setting: Setting, first: Execution, flags: str) -> SecondLook:
    try:
        gated = _Gated.open(probe, setting, flags)
    except TROUBLE as error:
        return _plainly(probe, setting, flags, f" ({words(error)})")
    if not gated.waits:
        gated.stream.close()
        return _plainly(probe, setting, flags, ": the image's 'sh' does not wait for it")
    try:
        tracer = _Tracer(probe, setting, seconds=max(TRACE_SECONDS, 4 * first.seconds))
    except TROUBLE as error:
        gated.stream.close()
        return _plainly(probe, setting, flags, f" ({words(error)})")
    with tracer:
        attached = tracer.attach(setting.client, gated.stream)
        rerun = gated.let_go(probe, setting)
        tracer.await_end()
    if not attached:
        return SecondLook(rerun=_noted(rerun, NOT_ATTACHED.format(reason=tracer.reason)))
    trace = read_trace(tracer.lines, tracer.streams)
    if rerun.timed_out and trace.alive:
        setting.lookout.run("kill", "-KILL", *map(str, trace.alive))
    rerun = replace(rerun, stderr=trace.stderr or rerun.stderr)
    notes = (CUT if tracer.cut else "", TIMED_OUT if rerun.timed_out else "")
    return SecondLook(rerun=_noted(rerun, " ".join(filter(None, notes))), trace=trace)


def _plainly(probe: Probe, setting: Setting, flags: str, reason: str) -> SecondLook:
    rerun = execute(
        setting.client,
        setting.workspace.id,
        ["sh", flags, probe.script],
        user=str(setting.agent_uid),
        environment=setting.environment_of(probe),
        timeout=probe.timeout,
        end_process=setting.lookout.ender(probe.id),
    )
    return SecondLook(rerun=_noted(rerun, NOT_ATTACHED.format(reason=reason)))


def _noted(rerun: Execution, note: str) -> Execution:
    return replace(rerun, problem=" ".join(filter(None, (note, rerun.problem))))


@dataclass(frozen=True, kw_only=True)
class _Gated:
    """A shell of the image's that waits to become a probe."""

    stream: Stream
    waits: bool
    already: tuple[tuple[int, bytes], ...]

    @classmethod
    def open(cls, probe: Probe, setting: Setting, flags: str) -> "_Gated":
        stream = open_exec(
            setting.client,
            setting.workspace.id,
            ["sh", "-c", GATE, probe.script, flags],
            user=str(setting.agent_uid),
            environment=setting.environment_of(probe),
            stdin=True,
        )
        try:
            channel, data = next(stream.frames(time.monotonic() + READY_SECONDS), (0, b""))
        except TimeoutError:
            # A shell that says nothing may wait all the same.
            return cls(stream=stream, waits=True, already=())
        waits = channel == Stream.STDOUT and data.startswith(READY)
        rest = data.removeprefix(READY) if waits else b""
        return cls(stream=stream, waits=waits, already=((channel, rest),) if rest else ())

    def let_go(self, probe: Probe, setting: Setting) -> Execution:
        """Let it become the probe, and read it to its end."""
        with suppress(OSError):
            self.stream.send(b"\n")
        return finish(
            setting.client,
            self.stream,
            begun=time.monotonic(),
            timeout=probe.timeout,
            end_process=setting.lookout.ender(probe.id),
            already=self.already,
        )


class _Tracer:
    """`strace` on the host's side, and what it tells, taken in as it comes."""

    def __init__(self, probe: Probe, setting: Setting, *, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        lookout = setting.lookout
        self._stream = open_exec(
            lookout.client,
            lookout.container,
            [TRACER, probe.id, CALLS, str(TEXT_LIMIT)],
            stdin=True,
        )
        self._told = bytearray()
        self._said = bytearray()
        self._spoke = threading.Event()
        self.cut = False
        self._collector = threading.Thread(target=self._collect, daemon=True)

    def __enter__(self) -> "_Tracer":
        self._collector.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._detach()
        self._collector.join(ATTACH_SECONDS)
        self._stream.close()

    def attach(self, client: docker.APIClient, gated: Stream) -> bool:
        """Attach it to the shell that waits; False where that cannot be done."""
        with suppress(*TROUBLE):
            pid = client.exec_inspect(gated.exec_id)["Pid"]
            self._stream.send(f"{pid}\n".encode())
            self._spoke.wait(ATTACH_SECONDS)
        return b" attached" in self._said

    @property
    def reason(self) -> str:
        said = self._said.decode(errors="replace").strip().splitlines()
        return f" ({said[-1].rstrip('.')})" if said else ""

    @property
    def lines(self) -> list[str]:
        return self._told.decode(errors="replace").splitlines()

    @property
    def streams(self) -> Streams:
        named = dict(line.partition(" ")[::2] for line in self.lines[:2])
        return Streams(stdout=named.get("stdout", ""), stderr=named.get("stderr", ""))

    def await_end(self) -> None:
        """Wait for the end of what it tells; what the probe left running goes on untraced."""
        self._collector.join(LINGER_SECONDS)

    def _collect(self) -> None:
        """Keep the end away from nobody: a tracer that cannot write holds up what it traces."""
        with suppress(OSError):
            for channel, data in self._stream.frames():
                if channel == Stream.STDERR:
                    self._said += data if len(self._said) < TEXT_LIMIT else b""
                    self._spoke.set()
                elif len(self._told) < TRACE_BYTES:
                    self._told += data
                if len(self._told) >= TRACE_BYTES or time.monotonic() > self._deadline:
                    self._cut()
        self._spoke.set()

    def _cut(self) -> None:
        if not self.cut:
            self.cut = True
            self._detach()

    def _detach(self) -> None:
        with suppress(OSError):
            self._stream.send(b"over\n")
