"""System calls that failed, as programs tell of them in their own words."""

import re
from collections.abc import Collection, Iterable, Iterator

from hardgate.model.observation import Failure

WORDS_OF_ERRNO = {
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
OPEN, SHUT = "‘'\"", "’'\""  # noqa: RUF001 - as programs quote
_PATH = re.compile(
    rf"^(?P<program>[\w./-]+): .*?[{OPEN}]?(?P<target>/[^‘’'\":,;]*?)[{SHUT}]?"  # noqa: RUF001
    rf"(?: for [a-z]+)?: (?P<words>{'|'.join(WORDS_OF_ERRNO)})\.?$"
)
_LINE_NUMBER = re.compile(r"^(\S+): \d+: ")
_REFUSED = re.compile(
    r"Failed to connect to (?P<host>\S+) port (?P<port>\d+)\b.*?: "
    r"(?:(?P<refused>Connection refused)|(?:Could not|Couldn't) connect to server)"
)
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})


def told_failures(lines: Iterable[str], known: Collection[str]) -> tuple[Failure, ...]:
    """Read what lines tell of, but for the targets that are known already."""
    told = {
        failure.target: failure
        for line in lines
        for failure in (*_path(line), *_address(line))
        if failure.target not in known
    }
    return tuple(told.values())


def _path(line: str) -> Iterator[Failure]:
    found = _PATH.match(_LINE_NUMBER.sub(r"\1: ", line))
    if found:
        yield Failure(
            program=found["program"].rpartition("/")[2],
            call="",
            target=found["target"],
            errno=WORDS_OF_ERRNO[found["words"]],
        )


def _address(line: str) -> Iterator[Failure]:
    found = _REFUSED.search(line)
    # To another machine curl 8 says the same where there is no way at all.
    if found and (found["refused"] or found["host"] in _LOCAL):
        target = f"{found['host']}:{found['port']}"
        yield Failure(program="curl", call="connect", target=target, errno="ECONNREFUSED")
