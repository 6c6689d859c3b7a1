"""Looks for credentials in what a change adds: text of any encoding, and members of archives."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardgate.errors import HardgateError
from hardgate.pipeline.added_lines import AddedLines, find_added_lines
from hardgate.pipeline.archive_members import Member, UnreadMember, read_members
from hardgate.pipeline.changed_files import ChangedFile, UnreadFile
from hardgate.pipeline.file_text import FileText, read_file_text
from hardgate.pipeline.kingfisher import COPY_SUFFIX, Match, find_credentials
from hardgate.text.plain import one_line

BATCH_BYTES = 256 * 1024 * 1024
BATCH_COPIES = 20_000
MAX_SECONDS = 1800
MAX_COMPARED_VALUES = 1000


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Something of a credential's shape: where, and of which kind; never what."""

    file: str
    line: int
    commit: str
    rule: str
    kind: str

    @property
    def place(self) -> str:
        """Write it as editors know it, with the commit that added it."""
        commit = f" (commit {self.commit[:12]})" if self.commit else ""
        return f"{one_line(self.file)}:{self.line}{commit}"


@dataclass(frozen=True, kw_only=True)
class _Reading:
    """A copy's origin: one way to read one file of one commit."""

    commit: str
    file: str
    member: str
    added: AddedLines
    is_second: bool
    """Another reading of the same file is more likely, or an archive's members are read, too."""

    @property
    def path(self) -> str:
        return f"{self.file}!{self.member}" if self.member else self.file


@dataclass(kw_only=True)
class SecretSearch:
    """Collects copies of what was added, and looks for credentials in many at once."""

    folder: Path
    """A private one that is not there yet."""
    credentials: list[Credential] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    """What was not looked into, by its path, and what it is."""
    deadline: float = field(default_factory=lambda: time.monotonic() + MAX_SECONDS)
    _readings: dict[str, list[_Reading]] = field(default_factory=dict)
    """By the name of their common copy."""
    _bytes: int = 0

    def search(self, files: Iterable[ChangedFile | UnreadFile]) -> None:
        """Look for credentials in what the files add; raises where that takes too long."""
        self._copies.mkdir(parents=True)
        for file in files:
            if isinstance(file, UnreadFile):
                self.unread.setdefault(file.path, file.reason)
            else:
                self._add_file(file)
            if self._bytes > BATCH_BYTES or len(self._readings) > BATCH_COPIES:
                self._look()
            self._refuse_late()
        self._look()
        self.credentials.sort(key=lambda one: (one.file, one.line, one.commit))

    @property
    def _copies(self) -> Path:
        return self.folder / "copies"

    def _refuse_late(self) -> None:
        if time.monotonic() > self.deadline:
            raise HardgateError(
                f"Not all that was added could be looked at within {MAX_SECONDS // 60} minutes.",
                "Name a nearer base by '--base REF'.",
            )

    def _add_file(self, file: ChangedFile) -> None:
        old_members = [_MembersByPath(data) for data in file.old]
        for part in read_members(file.new):
            path = f"{file.path}!{part.path}" if part.path else file.path
            if isinstance(part, UnreadMember):
                self.unread.setdefault(path, part.reason)
                continue
            text = read_file_text(part.data)
            if text.unread and not part.is_archive:
                self.unread.setdefault(path, text.unread)
            old = [members.get_text(part.path) for members in old_members]
            self._add_readings(file, part, text, [one for one in old if one is not None])

    def _add_readings(
        self, file: ChangedFile, part: Member, text: FileText, old: Sequence[FileText]
    ) -> None:
        for index, reading in enumerate(text.readings):
            versions = [one.readings[min(index, len(one.readings) - 1)] for one in old]
            added = find_added_lines(reading, versions)
            if added is not None:
                origin = _Reading(
                    commit=file.commit,
                    file=file.path,
                    member=part.path,
                    added=added,
                    is_second=index > 0 or part.is_archive,
                )
                self._add_copy(origin)

    def _add_copy(self, reading: _Reading) -> None:
        text = reading.added.text
        name = hashlib.sha256(text).hexdigest() + COPY_SUFFIX
        if name not in self._readings:
            (self._copies / name).write_bytes(text)
            self._bytes += len(text)
        self._readings.setdefault(name, []).append(reading)

    def _look(self) -> None:
        found: dict[tuple[str, str], list[tuple[_Reading, Match]]] = {}
        for match in find_credentials(self._copies):
            for reading in self._readings[match.copy]:
                if reading.added.has(match.first_line, match.last_line, match.value.encode()):
                    place = (reading.commit, reading.file)
                    found.setdefault(place, []).append((reading, match))
        for matches in found.values():
            self.credentials += _merge_matches(matches)
        for name in self._readings:
            (self._copies / name).unlink()
        self._readings.clear()
        self._bytes = 0


@dataclass
class _MembersByPath:
    """An earlier version of a file, opened when it is asked for."""

    data: bytes
    _members: dict[str, bytes] | None = None

    def get_text(self, path: str) -> FileText | None:
        """Read the file itself, or a member of it; None where it had none."""
        if not path:
            return read_file_text(self.data)
        if self._members is None:
            parts = read_members(self.data)
            self._members = {one.path: one.data for one in parts if isinstance(one, Member)}
        data = self._members.get(path)
        return None if data is None else read_file_text(data)


def _merge_matches(matches: Iterable[tuple[_Reading, Match]]) -> Iterator[Credential]:
    """Yield each place once, though several rules or readings found it."""
    ends: dict[tuple[str, bool, int], int] = {}
    """Where the last one ends, by its path, reading and line."""
    values: set[str] = set()
    for reading, match in sorted(matches, key=lambda pair: (pair[0].is_second, pair[1].start)):
        line = (reading.path, reading.is_second, match.first_line)
        known = reading.is_second and _is_known(match.value, values)
        if known or match.start <= ends.get(line, -1):
            continue
        ends[line] = match.end
        values.add(match.value)
        yield Credential(
            file=reading.path,
            line=match.first_line,
            commit=reading.commit,
            rule=match.rule,
            kind=match.kind,
        )


def _is_known(value: str, values: set[str]) -> bool:
    """Tell whether a value was found already, or more or less of it."""
    if value in values or len(values) > MAX_COMPARED_VALUES:
        return value in values
    return any(value in one or one in value for one in values)
