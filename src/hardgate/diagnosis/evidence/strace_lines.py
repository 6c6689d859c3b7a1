"""The lines of `strace`: calls put together from their halves, and ends of processes."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from posixpath import join, normpath

_LINE = re.compile(r"(\d+)\s+(.*)", re.DOTALL)
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (\?|-?\d+|0x[0-9a-f]+)(.*)", re.DOTALL)
_UNFINISHED = re.compile(r"(\w+)\((.*?) ?<unfinished \.\.\.>\Z", re.DOTALL)
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_EXITED = re.compile(r"\+\+\+ exited with (\d+) \+\+\+")
_SIGNALLED = re.compile(r"\+\+\+ killed by (SIG\w+)")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?', re.DOTALL)
_LAST_WORD = re.compile(r"(?<![^\s\"',;])[^\s\"',;]*+\Z")
_ERRNO = re.compile(r"\s(E[A-Z0-9]+)\b")
_TRANSLATED = re.compile(r"/\* (\d+) in strace's PID NS \*/")
_PORT = re.compile(r"sin6?_port=htons\((\d+)\)")
_IPV4 = re.compile(r'inet_addr\("([^"]+)"\)')
_IPV6 = re.compile(r'inet_pton\(AF_INET6, "([^"]+)"')
_UNIX = re.compile(r'sun_path=(@?)"((?:[^"\\]|\\.)*)"')
_PAYLOAD = re.compile(r'(?:iov_base=|\A[^"]*?, )("(?:[^"\\]|\\.)*"(?:\.\.\.)?)', re.DOTALL)

SIGNAL_NUMBERS = {
    "SIGHUP": 1, "SIGINT": 2, "SIGQUIT": 3, "SIGILL": 4, "SIGABRT": 6, "SIGBUS": 7, "SIGFPE": 8,
    "SIGKILL": 9, "SIGUSR1": 10, "SIGSEGV": 11, "SIGUSR2": 12, "SIGPIPE": 13, "SIGALRM": 14,
    "SIGTERM": 15, "SIGXCPU": 24, "SIGXFSZ": 25, "SIGSYS": 31,
}  # fmt: skip
"""Linux's numbers, wherever this runs."""


@dataclass(frozen=True, kw_only=True)
class ProcessExit:
    """A process, or a thread, that ended."""

    pid: int
    status: int
    """128 and more for a signal."""


@dataclass(frozen=True, kw_only=True)
class SystemCall:
    """One system call."""

    pid: int
    name: str
    arguments: str
    value: str = ""
    """What it returned; empty where it is still under way."""
    rest: str = ""
    unfinished: bool = False
    """Only its first half was seen so far."""

    @property
    def errno(self) -> str:
        """Name its error; empty where it has none."""
        found = _ERRNO.match(self.rest) if self.value == "-1" else None
        return found[1] if found else ""

    @property
    def succeeded(self) -> bool:
        """It returned, and without an error."""
        return (
            not self.unfinished and self.value not in ("", "?") and not self.value.startswith("-")
        )

    @property
    def child_pid(self) -> int:
        """Give the process that it made, by the number that its own lines begin with."""
        if not self.succeeded or not self.value.isdigit():
            return 0
        found = _TRANSLATED.search(self.rest)
        return int(found[1] if found else self.value)

    def string_arguments(self) -> list[str]:
        """Give its quoted arguments, decoded."""
        return [decode_quoted(found[0]) for found in _STRING.finditer(self.arguments)]

    def string_list_argument(self) -> list[str]:
        """Give the list of strings that comes second, such as a program's arguments."""
        _, bracket, rest = self.arguments.partition(", [")
        items: list[str] = []
        position = 0
        while bracket and (found := _STRING.match(rest, position)):
            items.append(decode_quoted(found[0]))
            position = found.end()
            if not rest.startswith(", ", position):
                break
            position += 2
        return items

    def transferred_text(self) -> str:
        """Give what it wrote or read; cut where the trace cut it."""
        found = _PAYLOAD.findall(self.arguments)
        return "".join(decode_quoted(part) for part in found)

    def first_descriptor(self) -> tuple[int | None, str]:
        """Give its first argument as a descriptor, and what that is: `pipe:[4711]`."""
        number, where, _ = _split_descriptor(self.arguments)
        return (int(number) if number.isdigit() else None), where

    def path_argument(self) -> str:
        """Give the path that it is about, as absolute as can be told; else what it refers to."""
        number, where, rest = _split_descriptor(self.arguments)
        quoted = _STRING.search(rest if number else self.arguments)
        if quoted is None:
            return where
        path = decode_quoted(quoted[0])
        if path.startswith("/") or not where.startswith("/"):
            return path
        return normpath(join(where, path))

    def socket_address(self) -> str:
        """Give the address that it is about: a path, or an address and a port."""
        if found := _UNIX.search(self.arguments):
            return found[1] + decode_quoted(f'"{found[2]}"')
        port, ipv4 = _PORT.search(self.arguments), _IPV4.search(self.arguments)
        if port and ipv4:
            return f"{ipv4[1]}:{port[1]}"
        ipv6 = _IPV6.search(self.arguments)
        return f"[{ipv6[1]}]:{port[1]}" if port and ipv6 else ""


def parse_strace_lines(lines: Iterable[str]) -> Iterator[SystemCall | ProcessExit]:
    """Yield what the lines tell; a call in two halves comes twice, the second time whole."""
    halves: dict[tuple[int, str], str] = {}
    for line in lines:
        numbered = _LINE.match(line.rstrip("\n"))
        if numbered is None:
            continue
        pid, text = int(numbered[1]), numbered[2]
        if resumed := _RESUMED.match(text):
            first_half = halves.pop((pid, resumed[1]), None)
            if first_half is None:
                continue
            text = f"{resumed[1]}({first_half}{resumed[2]}"
        if unfinished := _UNFINISHED.match(text):
            halves[pid, unfinished[1]] = unfinished[2]
            yield SystemCall(pid=pid, name=unfinished[1], arguments=unfinished[2], unfinished=True)
        elif whole := _CALL.match(text):
            yield SystemCall(
                pid=pid, name=whole[1], arguments=whole[2], value=whole[3], rest=whole[4]
            )
        elif exited := _EXITED.match(text):
            yield ProcessExit(pid=pid, status=int(exited[1]))
        elif killed := _SIGNALLED.match(text):
            yield ProcessExit(pid=pid, status=128 + SIGNAL_NUMBERS.get(killed[1], 0))


def decode_quoted(quoted: str) -> str:
    """Read a string as `strace` quotes it; one that was cut loses its last, broken word."""
    inner = quoted.removesuffix("...")[1:-1].encode("ascii", "replace")
    # Its escapes are C's, and so are Python's; what is not ASCII is among them, byte by byte.
    raw = inner.decode("unicode_escape", "replace").encode("latin-1", "replace")
    text = raw.decode("utf-8", "replace")
    return _LAST_WORD.sub("", text) + "…" if quoted.endswith("...") else text


def _split_descriptor(arguments: str) -> tuple[str, str, str]:
    """Split off the first argument, if it is a descriptor: its number, what it is, and the rest."""
    found = re.match(r"(\d+|AT_FDCWD)(<?)", arguments)
    if found is None:
        return "", "", arguments
    if not found[2]:
        return found[1], "", arguments[found.end() :]
    depth, position = 1, found.end()
    while position < len(arguments) and depth:
        letter = arguments[position]
        if letter == "<":
            depth += 1
        elif letter == ">" and arguments[position - 1] != "-":
            depth -= 1
        position += 1
    return found[1], arguments[found.end() : position - 1], arguments[position:]
