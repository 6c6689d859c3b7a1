"""What sessions look at is a copy of exactly the files that the digest in their answers is of."""

import os
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from hardgate.errors import HardgateError
from hardgate.pipeline.content import measure_source
from hardgate.pipeline.snapshot import take_snapshot
from hardgate.pipeline.template import Template
from tests.unit.git_repositories import commit, git, make_repository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    repository = make_repository(tmp_path / "template")
    commit(
        repository,
        {
            "Dockerfile": "FROM scratch\n",
            "deep/er/file": "content",
            ".gitignore": "ignored\n",
            ".dockerignore": "left-out\n",
        },
    )
    return repository


def make_link(root: Path) -> None:
    (root / "link").symlink_to("Dockerfile")
    (root / "dangling").symlink_to("/nowhere/at all")
    (root / "to-a-folder").symlink_to("deep")


def make_odd_names(root: Path) -> None:
    for name in (b"\xff\xfe", b"with\nline end", b" ", "\u202e".encode()):
        (root / os.fsdecode(name)).write_bytes(name)


def delete_tracked(root: Path) -> None:
    (root / "deep/er/file").unlink()


def replace_folder_by_link(root: Path) -> None:
    (root / "deep/er/file").unlink()
    (root / "deep/er").rmdir()
    (root / "deep/er").symlink_to("/etc")


def make_executable(root: Path) -> None:
    (root / "Dockerfile").chmod(0o755)


def make_pipe(root: Path) -> None:
    os.mkfifo(root / "pipe")


def make_bare_look_alike(root: Path) -> None:
    folder = root / "bare"
    for name in ("HEAD", "config", "objects/x", "refs/x"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")


def make_submodule(root: Path) -> None:
    other = make_repository(root.parent / "other")
    commit(other, {"file": "of the submodule"})
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "module")


TREES: Mapping[str, Callable[[Path], object]] = {
    "as it was committed": lambda _root: None,
    "links": make_link,
    "names that are not text": make_odd_names,
    "a tracked file that is gone": delete_tracked,
    "a link in a tracked folder's place": replace_folder_by_link,
    "a program": make_executable,
    "a pipe": make_pipe,
    "a folder laid out as a bare repository": make_bare_look_alike,
    "a submodule": make_submodule,
    "a new file": lambda root: (root / "new").write_text("x"),
    "a file that git ignores and a build takes": lambda root: (root / "ignored").write_text("x"),
    "an empty folder": lambda root: (root / "empty" / "er").mkdir(parents=True),
}


@pytest.mark.parametrize("in_git", [True, False], ids=["git", "no git"])
@pytest.mark.parametrize("name", TREES)
def test_a_copy_has_the_digest_of_what_it_is_a_copy_of(root: Path, name: str, in_git: bool) -> None:
    TREES[name](root)
    if not in_git:
        subprocess.run(["rm", "-rf", str(root / ".git")], check=True)
    template = Template.from_folder(str(root))
    with take_snapshot(template) as snapshot:
        assert snapshot.source == measure_source(template)
        assert snapshot.template.root != root
        assert snapshot.template.repository_root == root
        if not in_git:
            assert measure_source(snapshot.template).content == snapshot.source.content
        place = snapshot.template.root
    assert not place.exists()


def test_a_copy_holds_what_counts_and_nothing_else(root: Path) -> None:
    (root / "ignored").write_text("a build takes it")
    (root / "left-out").write_text("git has it new")
    for name in ("reports/static/1/answer.json", ".nox/x", "deep/__pycache__/x.pyc"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    with take_snapshot(Template.from_folder(str(root))) as snapshot:
        place = snapshot.template.root
        files = {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file()}
    assert files == {
        "a",
        "Dockerfile",
        "deep/er/file",
        ".gitignore",
        ".dockerignore",
        "ignored",
        "left-out",
    }


@pytest.mark.parametrize("name", TREES)
def test_a_builds_copy_has_the_digest_of_all_and_holds_what_it_reads(root: Path, name: str) -> None:
    TREES[name](root)
    (root / "docker").mkdir()
    for file in ("docker/Own", "docker/Own.dockerignore", "docker/other", "deep/new"):
        if (root / file).parent.is_dir():
            (root / file).write_text(file)
    template = Template.from_folder(str(root / "deep"), "../docker/Own")
    assert template.root == root
    with take_snapshot(template, build_alone=True) as snapshot:
        assert snapshot.source == measure_source(template)
        place = snapshot.template.root
        assert snapshot.template.context == place / "deep"
        assert snapshot.template.dockerfile.read_text() == "docker/Own"
        held = {file.relative_to(place).parts[0] for file in place.rglob("*")}
        assert held == {"deep", "docker"}
        assert {file.name for file in (place / "docker").iterdir()} == {
            "Own",
            "Own.dockerignore",
        }
        assert (place / "deep/new").read_text() == "deep/new"


def test_an_empty_folder_that_a_build_takes_is_in_the_digest_and_in_the_copy(root: Path) -> None:
    template = Template.from_folder(str(root))
    before = measure_source(template)
    (root / "data").mkdir(mode=0o750)
    assert measure_source(template) != before
    with take_snapshot(template) as snapshot:
        copy = snapshot.template.root / "data"
        assert copy.is_dir()
        assert stat.S_IMODE(copy.stat().st_mode) == 0o750
    (root / ".dockerignore").write_text("left-out\ndata\n")
    with take_snapshot(template) as snapshot:
        assert not (snapshot.template.root / "data").exists()


def test_a_copy_shares_no_file_and_keeps_mode_and_time(root: Path) -> None:
    file = root / "deep/er/file"
    file.chmod(0o640)
    os.utime(file, (1_000_000_000, 1_000_000_000))
    with take_snapshot(Template.from_folder(str(root))) as snapshot:
        copy = snapshot.template.root / "deep/er/file"
        assert copy.stat().st_ino != file.stat().st_ino
        assert stat.S_IMODE(copy.stat().st_mode) == 0o640
        assert copy.stat().st_mtime == 1_000_000_000
        file.write_text("other")
        assert copy.read_text() == "content"


def test_a_dockerfile_from_elsewhere_is_copied_with_its_ignore_file(root: Path) -> None:
    outside = root.parent / "My.Dockerfile"
    outside.write_text("FROM scratch\n")
    (root.parent / "My.Dockerfile.dockerignore").write_text("deep\n")
    template = Template.from_folder(str(root), str(outside))
    with take_snapshot(template) as snapshot:
        assert snapshot.source == measure_source(template)
        assert snapshot.source.dockerfile == str(outside)
        copy = snapshot.template.dockerfile
        outside.write_text("FROM other\n")
        assert copy.read_text() == "FROM scratch\n"
        assert copy.with_name("My.Dockerfile.dockerignore").read_text() == "deep\n"


def test_a_context_below_the_top_is_below_the_copys_top(root: Path) -> None:
    commit(root, {"sub/Dockerfile": "FROM scratch\n"})
    with take_snapshot(Template.from_folder(str(root / "sub"))) as snapshot:
        assert snapshot.source.context == "sub"
        assert snapshot.template.context == snapshot.template.root / "sub"
        assert snapshot.template.own_context == root / "sub"
        assert snapshot.locate_copy(root / "Dockerfile") == snapshot.template.root / "Dockerfile"
        assert snapshot.locate_copy(Path("/etc/hostname")) == Path("/etc/hostname")


def test_without_room_for_the_copy_it_is_said_what_is_needed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_words: object) -> None:
        raise OSError(28, "No space left on device", "/tmp/x")

    monkeypatch.setattr("shutil.copyfileobj", fail)
    with (
        pytest.raises(HardgateError, match="No space left on device") as caught,
        take_snapshot(Template.from_folder(str(root))),
    ):
        pass
    assert "TMPDIR" in caught.value.remedy


def test_a_tracked_script_is_the_authors_in_whatever_folder_it_lies(root: Path) -> None:
    script = "#!/bin/sh\ntrue\n"
    commit(root, {"venv/run.sh": script, "src/node_modules/x/go": script, "link/away.sh": script})
    (root / "venv/ours.sh").write_text(script)
    (root / "link/away.sh").unlink()
    (root / "link").rmdir()
    (root / "link").symlink_to("/usr/bin")
    with take_snapshot(Template.from_folder(str(root))) as snapshot:
        top = snapshot.template.context
        found = [str(file.relative_to(top)) for file in snapshot.template.shell_scripts]
    assert found == ["src/node_modules/x/go", "venv/run.sh"]
