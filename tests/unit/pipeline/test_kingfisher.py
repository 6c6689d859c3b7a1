"""What kingfisher reports is believed only where it looked at all that it was given."""

import json
import sys
from pathlib import Path

import pytest

from hardgate.errors import HardgateError
from hardgate.pipeline.kingfisher import find_credentials

COPY = "1.txt"


def make_finding(path: str) -> dict[str, object]:
    return {
        "rule": {"id": "x.some-token", "name": "some-token", "description": "Found a token."},
        "finding": {"path": path, "line": 3, "column_start": 4, "column_end": 9, "snippet": "a\nb"},
    }


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / COPY).write_text("text\n")
    return folder


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, rows: list[object], status: int) -> None:
    """Put a program beside the interpreter that prints rows as kingfisher does."""
    program = folder / "bin" / "kingfisher"
    program.parent.mkdir()
    lines = "\n".join(json.dumps(row) for row in rows)
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{lines}\nEND\nexit {status}\n")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))


def make_audit(read: int, state: str = "completed") -> dict[str, object]:
    scan = {"status": state}
    return {"audit": {"repositories": [{"scan": scan, "stats": {"blobs_scanned": read}}]}}


def test_a_finding_is_read(copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, monkeypatch, [make_finding(COPY), make_audit(1)], 200)
    (match,) = find_credentials(copies)
    assert (match.copy, match.first_line, match.last_line) == (COPY, 3, 4)
    assert (match.start, match.end, match.kind) == (4, 9, "some token")
    assert "a\nb" not in repr(match)


@pytest.mark.parametrize(
    ("rows", "status"),
    [
        ([], 0),
        ([], 2),
        ([make_audit(0)], 0),
        ([make_audit(1, "failed")], 0),
        ([make_finding(COPY)], 200),
        ([make_audit(2)], 0),
    ],
)
def test_what_was_not_all_looked_at_is_an_error(
    copies: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[object],
    status: int,
) -> None:
    install(tmp_path, monkeypatch, rows, status)
    with pytest.raises(HardgateError, match="'kingfisher' looked at"):
        list(find_credentials(copies))


@pytest.mark.parametrize("path", ["other.txt", "other.txt!a/.env", "../1", ""])
def test_a_finding_in_an_unknown_file_is_an_error(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    install(tmp_path, monkeypatch, [make_finding(path), make_audit(1)], 200)
    with pytest.raises(HardgateError, match="in a file that it was not given"):
        list(find_credentials(copies))


def test_a_finding_in_a_member_of_a_copy_is_the_copys(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch, [make_finding(f"{COPY}!a/.env"), make_audit(1)], 200)
    assert [match.copy for match in find_credentials(copies)] == [COPY]


def test_without_the_program_there_is_an_error_with_its_remedy(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(HardgateError, match=r"hardgate\[secrets\]"):
        list(find_credentials(copies))


def test_nothing_to_look_at_needs_no_program(tmp_path: Path) -> None:
    assert list(find_credentials(tmp_path)) == []
