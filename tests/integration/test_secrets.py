"""`secrets` for real: each shape is found where it was added, and no value is told."""

import gzip
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from hardgate.pipeline.changed_files import ChangedFile
from hardgate.pipeline.secret_search import SecretSearch
from tests.scanners.further_shapes import FURTHER
from tests.scanners.harmless import list_harmless_lines
from tests.scanners.shapes import CHANCE, FORMS, SHAPES
from tests.unit.git_repositories import commit, git, make_repository

pytestmark = pytest.mark.independent

TOKEN = SHAPES["GitHub personal"].make
FILTERED_SUFFIXES = "png jpg jpeg gif bmp tif tiff svg ttf otf woff woff2 eot gem tar zip gz lock"


def search(folder: Path, files: Mapping[str, str | bytes], **old: bytes) -> SecretSearch:
    """Look at files as one commit adds them; `old` are their earlier versions."""
    made = SecretSearch(folder=folder / "search")
    made.search(
        ChangedFile(
            path=name,
            commit="c" * 40,
            new=text if isinstance(text, bytes) else text.encode(),
            old=(old[name],) if name in old else (),
        )
        for name, text in files.items()
    )
    return made


def places(folder: Path, files: Mapping[str, str | bytes], **old: bytes) -> list[str]:
    return [f"{one.file}:{one.line}" for one in search(folder, files, **old).credentials]


@pytest.mark.parametrize("form", FORMS)
def test_each_kind_is_found_at_its_line(tmp_path: Path, form: str) -> None:
    CHANCE.seed(2)
    files, lines = {}, set()
    for kind, shape in SHAPES.items():
        value = shape.make()
        files[kind] = text = "\n" * 6 + FORMS[form](shape.variable, value)
        first = json.dumps(value.split("\n")[0])[1:-1]
        lines.add(f"{kind}:{text[: text.index(first)].count(chr(10)) + 1}")
    assert set(places(tmp_path, files)) == lines


def test_further_kinds_are_found(tmp_path: Path) -> None:
    CHANCE.seed(1)
    files = {kind: f"{make()}\n" for kind, make in FURTHER.items()}
    found = {place.rpartition(":")[0] for place in places(tmp_path, files)}
    assert len(set(files) - found) <= 2, set(files) - found  # a few may look like a word


def test_nothing_harmless_is_found(tmp_path: Path) -> None:
    lines = {str(number): f"{line}\n" for number, line in enumerate(list_harmless_lines())}
    assert [lines[place.partition(":")[0]] for place in places(tmp_path, lines)] == []


def test_a_note_in_the_line_hides_nothing(tmp_path: Path) -> None:
    notes = (
        "kingfisher:ignore",
        "gitleaks:allow",
        "nosec",
        "betterleaks:allow",
        "pragma: allowlist",
    )
    files = {f"{number}.py": f"{TOKEN()}  # {note}" for number, note in enumerate(notes)}
    assert places(tmp_path, files) == [f"{name}:1" for name in files]


def test_the_name_of_a_file_hides_nothing(tmp_path: Path) -> None:
    names = [f"logo.{suffix}" for suffix in FILTERED_SUFFIXES.split()]
    names += [
        "package-lock.json",
        "go.sum",
        ".gitleaks.toml",
        "node_modules/a.min.js",
        "x!y",
        "a\nb",
    ]
    files = {name: f"<!-- KEY={TOKEN()} -->\n" for name in names}
    assert sorted(places(tmp_path, files)) == sorted(f"{name}:1" for name in names)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = f"first line\r\nKEY={TOKEN()}\r\nlast line\r\n"
    assert places(tmp_path, {"a.env": text.encode(encoding)}) == ["a.env:2"]


def test_latin_1_is_read(tmp_path: Path) -> None:
    assert places(tmp_path, {"a": f"größe\nKEY={TOKEN()}\n".encode("latin-1")}) == ["a:2"]


def test_text_in_two_encodings_is_read(tmp_path: Path) -> None:
    data = f"KEY={TOKEN()}\n".encode("utf-16") + f"KEY={TOKEN()}\n".encode()
    assert len(places(tmp_path, {"a": data})) == 2


def test_a_notebook_is_read(tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": ["import os\n", f'key = "{TOKEN()}"\n'], "outputs": []}
    text = json.dumps({"cells": [cell], "nbformat": 4}, indent=1)
    line = next(number for number, line in enumerate(text.split("\n"), 1) if "ghp_" in line)
    assert places(tmp_path, {"a.ipynb": text}) == [f"a.ipynb:{line}"]


def test_a_minified_line_is_read(tmp_path: Path) -> None:
    filler = ";".join(f"var a{number}=function(b){{return b+{number}}}" for number in range(40_000))
    assert places(tmp_path, {"a.js": f'{filler};k="{TOKEN()}";{filler}'}) == ["a.js:1"]


def test_of_a_minified_line_that_changes_only_what_is_new_counts(tmp_path: Path) -> None:
    filler = ";".join(f"var a{number}=function(b){{return b}}" for number in range(1000))
    old = f'{filler};k="{TOKEN()}"'
    assert places(tmp_path, {"a": f"{old};c=1"}, a=old.encode()) == []
    assert places(tmp_path / "2", {"a": f'{old};c="{TOKEN()}"'}, a=old.encode()) == ["a:1"]


def make_tar(name: str, data: bytes, mode: str = "w") -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode=mode) as archive:  # type: ignore[call-overload]
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return held.getvalue()


def make_zip(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return held.getvalue()


def test_members_of_archives_are_read(tmp_path: Path) -> None:
    secrets = {name: f"one\nKEY={TOKEN()}\n".encode() for name in ("tar", "tgz", "zip", "gz", "2")}
    files = {
        "a.tar": make_tar("a/.env", secrets["tar"]),
        "a.tgz": make_tar("a/.env", secrets["tgz"], "w:gz"),
        "a.whl": make_zip("a/.env", secrets["zip"]),
        "a.gz": gzip.compress(secrets["gz"]),
        "b.tar": make_tar("in.zip", make_zip("a/.env", secrets["2"])),
    }
    assert places(tmp_path, files) == [
        "a.gz:2",
        "a.tar!a/.env:2",
        "a.tgz!a/.env:2",
        "a.whl!a/.env:2",
        "b.tar!in.zip!a/.env:2",
    ]


def test_of_an_archive_that_changes_only_what_is_new_counts(tmp_path: Path) -> None:
    old = f"KEY={TOKEN()}\n".encode()
    new = old + f"KEY={TOKEN()}\n".encode()
    files = {"a": make_zip(".env", new)}
    assert places(tmp_path, files, a=make_zip(".env", old)) == ["a!.env:2"]


def test_text_behind_an_archives_end_is_read(tmp_path: Path) -> None:
    data = make_tar("a", b"x") + f"KEY={TOKEN()}\n".encode()
    assert len(places(tmp_path, {"a.tar": data})) == 1


def test_what_is_not_looked_into_is_told(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    packed = make_tar("c", make_zip("b", make_zip("a", b"x")))
    found = search(
        tmp_path,
        {"lfs": pointer, "elf": b"\x7fELF" + bytes(99), "a.tar": packed},
    )
    assert found.unread == {
        "lfs": "a pointer to a file in Git LFS",
        "elf": "binary",
        "a.tar!c!b": "an archive in 2 archives",
    }
    assert not found.credentials


def test_a_key_in_a_binary_file_is_found(tmp_path: Path) -> None:
    data = b"\x89PNG\r\n\x1a\n" + os.urandom(5000) + f"KEY={TOKEN()}".encode() + os.urandom(5000)
    assert len(places(tmp_path, {"a.png": data})) == 1


def test_two_places_are_two_findings(tmp_path: Path) -> None:
    one, other = TOKEN(), TOKEN()
    files = {
        "a": f"KEY={one}\nKEY={one}\n",
        "b": f"KEY={one}\n",
        "c": f"{one} {one}\n{one} {other}\n",
    }
    assert places(tmp_path, files) == ["a:1", "a:2", "b:1", "c:1", "c:1", "c:2", "c:2"]


def hardgate(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "hardgate", *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def all_output(folder: Path, printed: str) -> str:
    reports = (file for file in (folder / "reports").rglob("*") if file.is_file())
    return printed + "".join(file.read_text() for file in reports)


def test_the_answer_names_file_and_line_and_never_the_value(tmp_path: Path) -> None:
    token = SHAPES["Anthropic"].make()
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "notes").write_text(f"one\n{token}\n")
    ended = hardgate(tmp_path, "secrets", "-v")
    assert ended.returncode == 1
    assert "notes:2: this looks like a credential" in ended.stdout
    assert "no git here" in ended.stdout
    told = all_output(tmp_path, ended.stdout)
    assert token not in told
    assert token[20:60] not in told


def test_what_a_merge_brings_from_main_is_not_the_topics(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"Dockerfile": "FROM scratch\n"}, "mine")
    git(folder, "checkout", "-q", "main")
    commit(folder, {"fixtures.py": f"KEY = '{TOKEN()}'\n"}, "theirs")
    git(folder, "checkout", "-q", "topic")
    git(folder, "merge", "-q", "--no-edit", "main")
    assert hardgate(folder, "secrets").returncode == 0
    git(folder, "reset", "-q", "--hard", "HEAD~1")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "main")
    evil = commit(folder, {"Dockerfile": f"FROM scratch\nENV KEY={TOKEN()}\n"}, "merge")
    ended = hardgate(folder, "secrets")
    assert ended.returncode == 1
    assert f"Dockerfile:2 (commit {evil[:12]})" in ended.stdout
    assert "fixtures.py" not in ended.stdout


def test_another_owners_checkout_is_unknown_and_never_green(tmp_path: Path) -> None:
    folder = make_repository(tmp_path / "r")
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"notes": f"KEY={TOKEN()}\n"}, "add")
    commit(folder, {"notes": None}, "remove")
    assert hardgate(folder, "secrets").returncode == 1
    for place in (folder, *folder.rglob("*")):
        os.lchown(place, 12345, 12345)
    ended = hardgate(folder, "secrets")
    assert ended.returncode == 3
    assert "dubious ownership" in ended.stdout
    assert f"git config --global --add safe.directory {folder}" in ended.stdout
    ended = hardgate(folder, "validate", "--no-run")
    assert ended.returncode != 0
    assert "dubious ownership" in ended.stdout
    static = hardgate(folder, "static")
    assert "Notice: The commit is not known." in static.stdout
    answer = json.loads((folder / "reports" / "static" / "latest" / "answer.json").read_text())
    assert answer["commit"] == "unknown"
