"""System calls that failed, as programs tell of them in their own words."""

import re
from collections.abc import Collection, Iterable, Iterator

from hardgate.model.observation import FailedCall

ERRNO_BY_MESSAGE = {
    "No such file or directory": "ENOENT",
    "Permission denied": "EACCES",
    "Operation not permitted": "EPERM",
    "Read-only file system": "EROFS",
    "No space left on device": "ENOSPC",
    "Disk quota exceeded": "EDQUOT",
    "Not a directory": "ENOTDIR",
    "Is a directory": "EISDIR",
    "File exists": "EEXIST",
    "Directory nonexistent": "ENOENT",
    "nonexistent directory": "ENOENT",
}
OPENING_QUOTES, CLOSING_QUOTES = "‘'\"", "’'\""  # noqa: RUF001 - as programs quote
_PROGRAM = re.compile(r"[\w./-]+")
_PURPOSE = re.compile(r"(?<=[^ ]) for [a-z]+\Z")
_TARGET_ENDS = f"{OPENING_QUOTES}{CLOSING_QUOTES}:,;"
_LINE_NUMBER = re.compile(r"^(\S+): \d+: ")
_CURL_REFUSED = re.compile(
    r"Failed to connect to (?P<host>\S+) port (?P<port>\d+)\b.*?: "
    r"(?:(?P<refused>Connection refused)|(?:Could not|Couldn't) connect to server)"
)
_LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})


def parse_error_messages(lines: Iterable[str], known: Collection[str]) -> tuple[FailedCall, ...]:
    """Read what lines tell of, but for the targets that are known already."""
    failures = {
        failure.target: failure
        for line in lines
        for failure in (*_parse_path_error(line), *_parse_refused_connection(line))
        if failure.target not in known
    }
    return tuple(failures.values())


def _parse_path_error(line: str) -> Iterator[FailedCall]:
    """Read `PROGRAM: … '/PATH' for reading: MESSAGE`, from both ends."""
    head, _, message = _LINE_NUMBER.sub(r"\1: ", line).removesuffix(".").rpartition(": ")
    program, _, rest = head.partition(": ")
    errno = ERRNO_BY_MESSAGE.get(message)
    if errno is None or not _PROGRAM.fullmatch(program):
        return
    rest = _PURPOSE.sub("", rest)
    rest = rest[:-1] if rest.endswith(tuple(CLOSING_QUOTES)) else rest
    word = rest[max(map(rest.rfind, _TARGET_ENDS)) + 1 :]
    if "/" in word:
        yield FailedCall(
            program=program.rpartition("/")[2],
            call="",
            target=word[word.index("/") :],
            errno=errno,
        )


def _parse_refused_connection(line: str) -> Iterator[FailedCall]:
    found = _CURL_REFUSED.search(line)
    # To another machine curl 8 says the same where there is no way at all.
    if found and (found["refused"] or found["host"] in _LOCAL_HOSTS):
        target = f"{found['host']}:{found['port']}"
        yield FailedCall(program="curl", call="connect", target=target, errno="ECONNREFUSED")
