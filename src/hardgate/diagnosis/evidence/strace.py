"""What `strace` told of a probe's second look, read: text in, values out.

Written for `strace -f -yy --decode-pids=pidns -o FILE` (6.1 and later). A trace may begin late and
end early, and lines of several processes are mixed; what cannot be read is left out.
"""

import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from posixpath import basename, dirname

from hardgate.diagnosis.evidence.strace_lines import Call, Ending, read_lines
from hardgate.model.observation import Discarded, Exchange, Failure, TracedCommand

TEXT_LIMIT = 4096
"""Characters of what one process wrote to one place."""
COMMAND_LIMIT = 512
KEPT = 40
"""Entries of each kind; the last ones, for a probe fails at its end."""

NULL = "<char 1:3>"
CLOSED = "closed"
PIPE = "pipe"

WRITES = frozenset({"write", "writev", "pwrite64", "sendto"})
READS = frozenset({"read", "recvfrom"})
FORKS = frozenset({"fork", "vfork", "clone", "clone3"})
LOOKUPS = frozenset(
    {"execve", "stat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "openat", "open"}
)
"""Calls by which shells and others look for a command along PATH."""
BARE = frozenset({"setuid", "setgid", "setresuid", "setresgid", "setgroups", "unshare"})
"""Calls that are about no path."""
QUIET = re.compile(
    r"E(?:AGAIN|INTR|INPROGRESS|ALREADY|CHILD|NOTTY|SRCH|INVAL|NOSYS|NOPROTOOPT|NOTCONN|OPNOTSUPP"
    r"|RANGE|NODATA|ISCONN|ADDRNOTAVAIL|PIPE)\Z"
)
"""Errors that are how programs ask, and no answer of use."""

NOISE = re.compile(
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

SEARCHED = re.compile(r"/s?bin/[^/]+\Z")
"""What a command is looked for as."""

INNER = frozenset({"unix_chkpwd"})
"""Programs that only talk to their parent."""

MOUNTS = re.compile(r"CLONE_NEWNS|<mnt:|/ns/mnt")
"""What shows that a process goes where other mounts are."""

LAST_WORD = re.compile(r"[^\s\"',;]*\Z")
FIRST_WORD = re.compile(r"\A[^\s\"',;]*")

RECORD = re.compile(r"\++ ")
REQUEST = re.compile(r"(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|CONNECT) \S+ HTTP/\d")
ANSWER = re.compile(r"HTTP/\d\S* \d{3}[^\r\n]*")


@dataclass(frozen=True, kw_only=True)
class Streams:
    """What the traced script's own standard streams are called in the trace: `pipe:[4711]`."""

    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What came of a second look."""

    discarded: tuple[Discarded, ...] = ()
    commands: tuple[TracedCommand, ...] = ()
    failures: tuple[Failure, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    stderr: str = ""
    """The stderr of the script, put in order where several shells wrote at once, with what `sh -x`
    told where nobody read it; empty where the stream itself is as good."""
    piped: bool = False
    """What `sh -x` told went into a pipe or a file of the script's, and may have misled it."""
    alive: tuple[int, ...] = ()
    """Processes whose end was not seen, by their pids where the trace was made."""


def read_trace(lines: Iterable[str], streams: Streams) -> Trace:
    """Read a trace. Its first process is the shell that waits to become the script's."""
    reader = _Reader(streams)
    for event in read_lines(lines):
        reader.take(event)
    return reader.trace()


@dataclass(kw_only=True)
class _Command:
    """A program that was started, by the process that became it."""

    program: str
    command: str
    pid: int
    exit_status: int | None = None


@dataclass(kw_only=True)
class _Text:
    """What one process wrote to one place."""

    writer: _Command
    fd: int
    target: str
    text: str = ""

    def add(self, data: str) -> None:
        """Keep its beginning and its end; programs say at the end why they give up."""
        self.text += data
        if len(self.text) > 2 * TEXT_LIMIT:
            self.text = shorten(self.text, TEXT_LIMIT)


@dataclass(kw_only=True)
class _Attempt:
    """One failed call, and where in the order of them it stands."""

    failure: Failure
    order: int
    folders: set[str] = field(default_factory=set)


class _Reader:
    """Takes in one event after the other."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._shell = _Command(program="sh", command="", pid=0)
        self._running: dict[int, _Command] = {}
        self._forking: list[int] = []
        self._elsewhere: set[int] = set()
        self._commands: list[_Command] = []
        self._texts: dict[tuple[int, int, int, str], _Text] = {}
        self._attempts: dict[tuple[int, str] | Failure, _Attempt] = {}
        self._order = 0
        self._peers: dict[str, str] = {}
        self._requests: dict[str, tuple[str, str]] = {}
        self._exchanges: list[Exchange] = []
        self._records: dict[int, str] = {}
        self._stderr: list[str] = []
        self._shell_words: list[str] = []
        self._garbled = self._piped = False

    def take(self, event: Call | Ending) -> None:
        """Take in one event."""
        self._order += 1
        if isinstance(event, Ending):
            self._end(event)
            return
        self._known(event.pid)
        name = event.name
        if name in FORKS:
            self._fork(event)
        elif name == "execve" and event.succeeded:
            self._execute(event)
        elif name in WRITES and not event.begun:
            self._write(event)
        elif name in READS and not event.begun:
            self._read(event)
        elif name == "getsockopt":
            self._ask_socket(event)
        if name not in WRITES | READS | FORKS:
            self._try(event)

    def trace(self) -> Trace:
        """Give what was taken in."""
        return Trace(
            discarded=tuple(self._discarded())[-KEPT:],
            commands=tuple(
                TracedCommand(program=one.program, command=one.command, exit_status=one.exit_status)
                for one in self._commands
                if one.program not in INNER
            )[-KEPT:],
            failures=tuple(self._failures())[-KEPT:],
            exchanges=tuple(self._exchanges)[-KEPT:],
            stderr="".join([*self._stderr, *self._records.values()]) if self._garbled else "",
            piped=self._piped,
            alive=tuple(self._running),
        )

    # Processes

    def _known(self, pid: int) -> _Command:
        """Give what a process runs; a new one runs what its parent does."""
        if not self._running and not self._shell.pid:
            self._shell.pid = pid
            self._running[pid] = self._shell
        if pid not in self._running:
            parent = self._forking[-1] if self._forking else self._shell.pid
            self._inherit(pid, parent)
        return self._running[pid]

    def _fork(self, call: Call) -> None:
        if call.begun:
            self._forking.append(call.pid)
            return
        if call.pid in self._forking:
            self._forking.remove(call.pid)
        child = call.child
        if child and self._running.get(child, self._shell).pid != child:
            self._inherit(child, call.pid)

    def _inherit(self, child: int, parent: int) -> None:
        self._running[child] = self._running.get(parent, self._shell)
        self._elsewhere.discard(child)
        if parent in self._elsewhere:
            self._elsewhere.add(child)

    def _execute(self, call: Call) -> None:
        words = call.list_of_strings() or call.strings()[:1]
        path = (call.strings() or ["?"])[0]
        program = basename(words[0] if words else path) or path
        if call.pid == self._shell.pid and self._shell_words in ([], words[1:]):
            self._shell_words = words[1:]  # The shell that waited becomes the script's.
            return
        started = _Command(
            program=program, command=cut(shlex.join(words), COMMAND_LIMIT), pid=call.pid
        )
        self._running[call.pid] = started
        self._commands.append(started)

    def _end(self, event: Ending) -> None:
        command = self._running.pop(event.pid, None)
        if command is not None and command.pid == event.pid:
            command.exit_status = event.status

    # What was written

    def _write(self, call: Call) -> None:
        fd, where = call.descriptor()
        data = call.data()
        if call.errno == "EBADF" and fd in (1, 2):
            target = CLOSED
        elif call.errno and call.errno != "EPIPE" and where.startswith("/"):
            self._fail(call, call.name, where, call.errno)
            return
        elif call.errno or fd is None or not data:
            return
        elif NULL in where:
            target = "/dev/null"
        elif where in (self._streams.stdout, self._streams.stderr):
            target = ""
        elif where.startswith(("TCP", "UNIX", "socket")):
            self._send(call, where, data)
            return
        elif fd in (1, 2) or self._is_record(call.pid, data):
            target = PIPE if where.startswith("pipe:") else where
        else:
            return
        self._keep(call, fd or 0, target, where, data)

    def _keep(self, call: Call, fd: int, target: str, where: str, data: str) -> None:
        if self._is_record(call.pid, data):
            self._record(call.pid, data, lost=where != self._streams.stderr)
            self._piped |= target not in ("", "/dev/null", CLOSED)
        elif where == self._streams.stderr:
            self._garbled |= bool(self._records)
            self._stderr.append(data)
        elif target:
            writer = self._running[call.pid]
            key = (call.pid, id(writer), fd, target)
            text = self._texts.setdefault(key, _Text(writer=writer, fd=fd, target=target))
            text.add(data)

    def _is_record(self, pid: int, data: str) -> bool:
        """Tell what `sh -x` tells from what its commands say; a record may come in pieces."""
        of_shell = self._running[pid] is self._shell
        return of_shell and (pid in self._records or RECORD.match(data) is not None)

    def _record(self, pid: int, data: str, *, lost: bool) -> None:
        """Take a piece of a record; several shells write theirs at once."""
        self._garbled |= lost or bool(self._records.keys() - {pid})
        record = self._records.pop(pid, "") + data
        if record.endswith("\n"):
            self._stderr.append(record)
        else:
            self._records[pid] = record

    def _discarded(self) -> Iterator[Discarded]:
        for text in self._texts.values():
            told = text.text.strip("\0\r\n")
            if told.strip("… \t\0") and text.writer.program not in INNER:
                yield Discarded(
                    program=text.writer.program,
                    command=text.writer.command,
                    fd=text.fd,
                    text=shorten(told, TEXT_LIMIT),
                    target=text.target,
                )

    # HTTP in clear

    def _send(self, call: Call, where: str, data: str) -> None:
        found = REQUEST.match(data)
        if found:
            line = data.partition("\n")[0].strip()
            self._requests[where] = (self._running[call.pid].program, cut(line, COMMAND_LIMIT))

    def _read(self, call: Call) -> None:
        _, where = call.descriptor()
        if where not in self._requests or call.errno:
            return
        found = ANSWER.match(call.data())
        if found:
            program, request = self._requests.pop(where)
            self._exchanges.append(
                Exchange(program=program, request=request, answer=found[0].strip())
            )

    # What failed

    def _ask_socket(self, call: Call) -> None:
        """A connection that was not waited for fails here."""
        _, where = call.descriptor()
        if found := re.search(r"SO_ERROR, \[(E[A-Z0-9]+)\]", call.arguments):
            self._fail(call, "connect", self._peers.get(where, ""), found[1])

    def _try(self, call: Call) -> None:
        if call.begun:
            return
        if call.name == "connect":
            _, where = call.descriptor()
            target = call.address()
            self._peers[where] = target
        else:
            target = call.arguments if call.name in BARE else call.path()
        name = basename(target)
        if call.succeeded:
            if call.name in LOOKUPS:
                self._attempts.pop((call.pid, name), None)
            if call.name == "chroot" or (call.name == "setns" and MOUNTS.search(call.arguments)):
                self._elsewhere.add(call.pid)
        elif call.errno == "ENOENT" and call.name in LOOKUPS and SEARCHED.search(target):
            self._miss(call, target)
        elif call.errno:
            self._fail(call, call.name, target, call.errno)

    def _miss(self, call: Call, path: str) -> None:
        """Take a step of a search along PATH; a step that succeeds ends it without a word."""
        failure = self._failure(call, call.name, path, "ENOENT")
        key = (call.pid, basename(path))
        attempt = self._attempts.setdefault(key, _Attempt(failure=failure, order=self._order))
        attempt.order = self._order
        attempt.folders.add(dirname(path))

    def _fail(self, call: Call, name: str, target: str, errno: str) -> None:
        if QUIET.match(errno) or NOISE.search(target) or not target:
            return
        failure = self._failure(call, name, target, errno)
        self._attempts[failure] = _Attempt(failure=failure, order=self._order)

    def _failure(self, call: Call, name: str, target: str, errno: str) -> Failure:
        return Failure(
            program=self._running[call.pid].program,
            call=name,
            target=target,
            errno=errno,
            elsewhere=call.pid in self._elsewhere,
        )

    def _failures(self) -> Iterator[Failure]:
        told = set()
        for attempt in sorted(self._attempts.values(), key=lambda one: one.order):
            failure = attempt.failure
            if len(attempt.folders) > 1:
                failure = replace(failure, call="execve", target=basename(failure.target))
            if failure not in told and not NOISE.search(failure.target):
                told.add(failure)
                yield failure


def cut(text: str, limit: int) -> str:
    """Keep a text's beginning, up to the end of a word: half a secret is not known as one."""
    return text if len(text) <= limit else LAST_WORD.sub("", text[:limit]) + "…"


def shorten(text: str, limit: int) -> str:
    """Keep a text's beginning and, three times as long, its end; whole words of both."""
    if len(text) <= limit:
        return text
    end = FIRST_WORD.sub("", text[-limit * 3 // 4 :])
    return f"{LAST_WORD.sub('', text[: limit // 4])}…{end}"
