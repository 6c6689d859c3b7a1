"""What `strace` told of a probe's second look, read: text in, values out.

Written for `strace -f -yy --decode-pids=pidns -o FILE` (6.1 and later). A trace may begin late and
end early, and lines of several processes are mixed; what cannot be read is left out.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from posixpath import basename, dirname

from hardgate.diagnosis.evidence.strace_lines import ProcessExit, SystemCall, parse_strace_lines
from hardgate.model.observation import DiscardedOutput, FailedCall, HttpExchange, TracedCommand

MAX_TEXT_CHARS = 4096
"""Characters of what one process wrote to one place."""
MAX_COMMAND_CHARS = 512
MAX_ENTRIES = 40
"""Entries of each kind; the last ones, for a probe fails at its end."""

NULL_DEVICE = "<char 1:3>"
CLOSED_TARGET = "closed"
PIPE_TARGET = "pipe"

WRITE_CALLS = frozenset({"write", "writev", "pwrite64", "sendto"})
READ_CALLS = frozenset({"read", "recvfrom"})
FORK_CALLS = frozenset({"fork", "vfork", "clone", "clone3"})
LOOKUP_CALLS = frozenset(
    {"execve", "stat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "openat", "open"}
)
"""Calls by which shells and others look for a command along PATH."""
PATHLESS_CALLS = frozenset({"setuid", "setgid", "setresuid", "setresgid", "setgroups", "unshare"})
"""Calls that are about no path."""
IGNORED_ERRNO = re.compile(
    r"E(?:AGAIN|INTR|INPROGRESS|ALREADY|CHILD|NOTTY|SRCH|INVAL|NOSYS|NOPROTOOPT|NOTCONN|OPNOTSUPP"
    r"|RANGE|NODATA|ISCONN|ADDRNOTAVAIL|PIPE)\Z"
)
"""Errors that are how programs ask, and no answer of use."""

IGNORED_PATH = re.compile(
    r"""\.so(?:\.\d+)*$ | /glibc-hwcaps/ | ^/etc/ld[.]so | /locale(?:/|$) | /gconv/ | /zoneinfo
    | terminfo | ^/dev/(?:tty|log|urandom)$ | /nscd/ | /userdb | /io[.]systemd | ^/usr/share/
    | ^/etc/(?:selinux|default|gai[.]conf|localtime|krb5|pam[.]d|security|environment|mdns|sudo)
    | ^/etc/(?:gnutls|inputrc|profile|bash|login[.]defs|ethertypes|services|protocols|crypto-pol)
    | ^/sys/ | ^/selinux | /[.]?_?(?:curlrc|wgetrc|netrc|inputrc)$ | cli-plugins | /[.]docker(?:/|$)
    | ^/proc/(?:sys|self|filesystems|\d+/(?:fd|task|stat|loginuid)) | /[0-9a-f]{8}[.]\d+$
    | /python3 | pyvenv[.]cfg | pybuilddir | /Setup[.]local$ | /<\w+>$ | __pycache__ | [.]pyc?$
    | docker-credential | (?:^|/)pass$ | /openssl[.]cnf | /nsswitch | /perl | /sendmail$
    | /busybox[.]conf$ | /sudo_as_admin | ^/run/sudo | ^/var/(?:lib|run)/sudo | /hwcap
    | ^/lib(?:64|x?32)?/tls
    """,
    re.VERBOSE,
)
"""Paths that programs try on their way, there or not."""

COMMAND_PATH = re.compile(r"/s?bin/[^/]+\Z")
"""What a command is looked for as."""

HELPER_PROGRAMS = frozenset({"unix_chkpwd"})
"""Programs that only talk to their parent."""

MOUNT_NAMESPACE = re.compile(r"CLONE_NEWNS|<mnt:|/ns/mnt")
"""What shows that a process goes where other mounts are."""

LAST_WORD = re.compile(r"(?<![^\s\"',;])[^\s\"',;]*+\Z")
FIRST_WORD = re.compile(r"\A[^\s\"',;]*")

XTRACE_PREFIX = re.compile(r"\++ ")
HTTP_REQUEST_LINE = re.compile(r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT) \S+ HTTP/\d")
HTTP_STATUS_LINE = re.compile(r"HTTP/\d\S* \d{3}[^\r\n]*")


@dataclass(frozen=True, kw_only=True)
class StreamNames:
    """What the traced script's own standard streams are called in the trace: `pipe:[4711]`."""

    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What came of a second look."""

    discarded: tuple[DiscardedOutput, ...] = ()
    commands: tuple[TracedCommand, ...] = ()
    failures: tuple[FailedCall, ...] = ()
    exchanges: tuple[HttpExchange, ...] = ()
    stderr: str = ""
    """The stderr of the script, put in order where several shells wrote at once, with what `sh -x`
    told where nobody read it; empty where the stream itself is as good."""
    piped: bool = False
    """What `sh -x` told went into a pipe or a file of the script's, and may have misled it."""
    alive: tuple[int, ...] = ()
    """Processes whose end was not seen, by their pids where the trace was made."""


def parse_strace(lines: Iterable[str], streams: StreamNames) -> Trace:
    """Read a trace. Its first process is the shell that waits to become the script's."""
    reader = _StraceReader(streams)
    for event in parse_strace_lines(lines):
        reader.handle_event(event)
    return reader.build_trace()


@dataclass(kw_only=True)
class _StartedProgram:
    """A program that was started, by the process that became it."""

    program: str
    command: str
    pid: int
    exit_status: int | None = None


@dataclass(kw_only=True)
class _WrittenText:
    """What one process wrote to one place."""

    writer: _StartedProgram
    fd: int
    target: str
    text: str = ""

    def append_text(self, data: str) -> None:
        """Keep its beginning and its end; programs say at the end why they give up."""
        self.text += data
        if len(self.text) > 2 * MAX_TEXT_CHARS:
            self.text = elide_middle(self.text, MAX_TEXT_CHARS)


@dataclass(kw_only=True)
class _FailedAttempt:
    """One failed call, and where in the order of them it stands."""

    failure: FailedCall
    order: int
    folders: set[str] = field(default_factory=set)


class _StraceReader:
    """Takes in one event after the other."""

    def __init__(self, streams: StreamNames) -> None:
        self._streams = streams
        self._shell = _StartedProgram(program="sh", command="", pid=0)
        self._running: dict[int, _StartedProgram] = {}
        self._forking: list[int] = []
        self._in_other_root: set[int] = set()
        self._commands: list[_StartedProgram] = []
        self._texts: dict[tuple[int, int, int, str], _WrittenText] = {}
        self._attempts: dict[tuple[int, str] | FailedCall, _FailedAttempt] = {}
        self._order = 0
        self._peers: dict[str, str] = {}
        self._requests: dict[str, tuple[str, str]] = {}
        self._exchanges: list[HttpExchange] = []
        self._records: dict[int, str] = {}
        self._stderr: list[str] = []
        self._shell_arguments: list[str] = []
        self._garbled = self._piped = False

    def handle_event(self, event: SystemCall | ProcessExit) -> None:
        """Take in one event."""
        self._order += 1
        if isinstance(event, ProcessExit):
            self._handle_exit(event)
            return
        self._ensure_program(event.pid)
        name = event.name
        if name in FORK_CALLS:
            self._handle_fork(event)
        elif name == "execve" and event.succeeded:
            self._handle_exec(event)
        elif name in WRITE_CALLS and not event.unfinished:
            self._handle_write(event)
        elif name in READ_CALLS and not event.unfinished:
            self._handle_read(event)
        elif name == "getsockopt":
            self._handle_getsockopt(event)
        if name not in WRITE_CALLS | READ_CALLS | FORK_CALLS:
            self._handle_call(event)

    def build_trace(self) -> Trace:
        """Give what was taken in."""
        return Trace(
            discarded=tuple(self._collect_discarded())[-MAX_ENTRIES:],
            commands=tuple(
                TracedCommand(
                    program=started.program,
                    command=started.command,
                    exit_status=started.exit_status,
                )
                for started in self._commands
                if started.program not in HELPER_PROGRAMS
            )[-MAX_ENTRIES:],
            failures=tuple(self._collect_failures())[-MAX_ENTRIES:],
            exchanges=tuple(self._exchanges)[-MAX_ENTRIES:],
            stderr="".join([*self._stderr, *self._records.values()]) if self._garbled else "",
            piped=self._piped,
            alive=tuple(self._running),
        )

    # Processes

    def _ensure_program(self, pid: int) -> _StartedProgram:
        """Give what a process runs; a new one runs what its parent does."""
        if not self._running and not self._shell.pid:
            self._shell.pid = pid
            self._running[pid] = self._shell
        if pid not in self._running:
            parent = self._forking[-1] if self._forking else self._shell.pid
            self._inherit_program(pid, parent)
        return self._running[pid]

    def _handle_fork(self, call: SystemCall) -> None:
        if call.unfinished:
            self._forking.append(call.pid)
            return
        if call.pid in self._forking:
            self._forking.remove(call.pid)
        child = call.child_pid
        if child and self._running.get(child, self._shell).pid != child:
            self._inherit_program(child, call.pid)

    def _inherit_program(self, child: int, parent: int) -> None:
        self._running[child] = self._running.get(parent, self._shell)
        self._in_other_root.discard(child)
        if parent in self._in_other_root:
            self._in_other_root.add(child)

    def _handle_exec(self, call: SystemCall) -> None:
        arguments = call.string_list_argument() or call.string_arguments()[:1]
        path = (call.string_arguments() or ["?"])[0]
        program = basename(arguments[0] if arguments else path) or path
        if call.pid == self._shell.pid and self._shell_arguments in ([], arguments[1:]):
            self._shell_arguments = arguments[1:]  # The shell that waited becomes the script's.
            return
        started = _StartedProgram(
            program=program,
            command=truncate_text(shlex.join(arguments), MAX_COMMAND_CHARS),
            pid=call.pid,
        )
        self._running[call.pid] = started
        self._commands.append(started)

    def _handle_exit(self, event: ProcessExit) -> None:
        command = self._running.pop(event.pid, None)
        if command is not None and command.pid == event.pid:
            command.exit_status = event.status

    # What was written

    def _handle_write(self, call: SystemCall) -> None:
        fd, where = call.first_descriptor()
        data = call.transferred_text()
        if call.errno == "EBADF" and fd in (1, 2):
            target = CLOSED_TARGET
        elif call.errno and call.errno != "EPIPE" and where.startswith("/"):
            self._add_failure(call, call.name, where, call.errno)
            return
        elif call.errno or fd is None or not data:
            return
        elif NULL_DEVICE in where:
            target = "/dev/null"
        elif where in (self._streams.stdout, self._streams.stderr):
            target = ""
        elif where.startswith(("TCP", "UNIX", "socket")):
            self._handle_send(call, where, data)
            return
        elif fd in (1, 2) or self._is_xtrace_record(call.pid, data):
            target = PIPE_TARGET if where.startswith("pipe:") else where
        else:
            return
        self._store_output(call, fd or 0, target, where, data)

    def _store_output(self, call: SystemCall, fd: int, target: str, where: str, data: str) -> None:
        if self._is_xtrace_record(call.pid, data):
            self._store_record(call.pid, data, lost=where != self._streams.stderr)
            self._piped |= target not in ("", "/dev/null", CLOSED_TARGET)
        elif where == self._streams.stderr:
            self._garbled |= bool(self._records)
            self._stderr.append(data)
        elif target:
            writer = self._running[call.pid]
            key = (call.pid, id(writer), fd, target)
            text = self._texts.setdefault(key, _WrittenText(writer=writer, fd=fd, target=target))
            text.append_text(data)

    def _is_xtrace_record(self, pid: int, data: str) -> bool:
        """Tell what `sh -x` tells from what its commands say; a record may come in pieces."""
        of_shell = self._running[pid] is self._shell
        return of_shell and (pid in self._records or XTRACE_PREFIX.match(data) is not None)

    def _store_record(self, pid: int, data: str, *, lost: bool) -> None:
        """Take a piece of a record; several shells write theirs at once."""
        self._garbled |= lost or bool(self._records.keys() - {pid})
        record = self._records.pop(pid, "") + data
        if record.endswith("\n"):
            self._stderr.append(record)
        else:
            self._records[pid] = record

    def _collect_discarded(self) -> Iterator[DiscardedOutput]:
        for text in self._texts.values():
            stripped = text.text.strip("\0\r\n")
            if stripped.strip("… \t\0") and text.writer.program not in HELPER_PROGRAMS:
                yield DiscardedOutput(
                    program=text.writer.program,
                    command=text.writer.command,
                    fd=text.fd,
                    text=elide_middle(stripped, MAX_TEXT_CHARS),
                    target=text.target,
                )

    # HTTP in clear

    def _handle_send(self, call: SystemCall, where: str, data: str) -> None:
        found = HTTP_REQUEST_LINE.match(data)
        if found:
            line = data.partition("\n")[0].strip()
            self._requests[where] = (
                self._running[call.pid].program,
                truncate_text(line, MAX_COMMAND_CHARS),
            )

    def _handle_read(self, call: SystemCall) -> None:
        _, where = call.first_descriptor()
        if where not in self._requests or call.errno:
            return
        found = HTTP_STATUS_LINE.match(call.transferred_text())
        if found:
            program, request = self._requests.pop(where)
            self._exchanges.append(
                HttpExchange(program=program, request=request, answer=found[0].strip())
            )

    # What failed

    def _handle_getsockopt(self, call: SystemCall) -> None:
        """A connection that was not waited for fails here."""
        _, where = call.first_descriptor()
        if found := re.search(r"SO_ERROR, \[(E[A-Z0-9]+)\]", call.arguments):
            self._add_failure(call, "connect", self._peers.get(where, ""), found[1])

    def _handle_call(self, call: SystemCall) -> None:
        if call.unfinished:
            return
        if call.name == "connect":
            _, where = call.first_descriptor()
            target = call.socket_address()
            self._peers[where] = target
        else:
            target = call.arguments if call.name in PATHLESS_CALLS else call.path_argument()
        name = basename(target)
        if call.succeeded:
            if call.name in LOOKUP_CALLS:
                self._attempts.pop((call.pid, name), None)
            if call.name == "chroot" or (
                call.name == "setns" and MOUNT_NAMESPACE.search(call.arguments)
            ):
                self._in_other_root.add(call.pid)
        elif call.errno == "ENOENT" and call.name in LOOKUP_CALLS and COMMAND_PATH.search(target):
            self._add_lookup_miss(call, target)
        elif call.errno:
            self._add_failure(call, call.name, target, call.errno)

    def _add_lookup_miss(self, call: SystemCall, path: str) -> None:
        """Take a step of a search along PATH; a step that succeeds ends it without a word."""
        failure = self._make_failed_call(call, call.name, path, "ENOENT")
        key = (call.pid, basename(path))
        attempt = self._attempts.setdefault(key, _FailedAttempt(failure=failure, order=self._order))
        attempt.order = self._order
        attempt.folders.add(dirname(path))

    def _add_failure(self, call: SystemCall, name: str, target: str, errno: str) -> None:
        if IGNORED_ERRNO.match(errno) or IGNORED_PATH.search(target) or not target:
            return
        failure = self._make_failed_call(call, name, target, errno)
        self._attempts[failure] = _FailedAttempt(failure=failure, order=self._order)

    def _make_failed_call(self, call: SystemCall, name: str, target: str, errno: str) -> FailedCall:
        return FailedCall(
            program=self._running[call.pid].program,
            call=name,
            target=target,
            errno=errno,
            elsewhere=call.pid in self._in_other_root,
        )

    def _collect_failures(self) -> Iterator[FailedCall]:
        yielded = set()
        for attempt in sorted(self._attempts.values(), key=lambda entry: entry.order):
            failure = attempt.failure
            if len(attempt.folders) > 1:
                failure = replace(failure, call="execve", target=basename(failure.target))
            if failure not in yielded and not IGNORED_PATH.search(failure.target):
                yielded.add(failure)
                yield failure


def truncate_text(text: str, limit: int) -> str:
    """Keep a text's beginning, up to the end of a word: half a secret is not known as one."""
    return text if len(text) <= limit else LAST_WORD.sub("", text[:limit]) + "…"


def elide_middle(text: str, limit: int) -> str:
    """Keep a text's beginning and, three times as long, its end; whole words of both."""
    if len(text) <= limit:
        return text
    end = FIRST_WORD.sub("", text[-limit * 3 // 4 :])
    return f"{LAST_WORD.sub('', text[: limit // 4])}…{end}"
