"""One door to git: what a repository brings along neither runs nor moves the root; refusals."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import which

import pytest

from hardgate.system.git import GitRefusedError, find_repository_root, open_repository, read_commit
from tests.unit.git_repositories import commit, git, make_repository


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "r")


def look_at_everything(folder: Path) -> None:
    """Ask all that this program ever asks of git."""
    read_commit(folder)
    with open_repository(folder) as opened:
        assert opened is not None
        head = opened.head
        assert head is not None
        opened.has_changes()
        opened.read_text("diff-index", "--raw", "-z", "HEAD")
        opened.read_text("diff-index", "--cached", "--raw", "-z", "HEAD")
        opened.read_text("diff-tree", "-r", "-c", "--root", "--raw", "-z", head)
        opened.read_text("ls-files", "-z", "-o", "-c", "--exclude-standard")
        opened.ask("grep", "-l", "-F", "-e", "nothing", expected=(0, 1))
        opened.ask("cat-file", "--batch", input=f"{head}\n{'0' * 40}\n".encode())


def touch(mark: Path) -> str:
    """Give a shell command by which it would be seen that something ran."""
    return f"touch '{mark}'; cat"


def set_fsmonitor(folder: Path, mark: Path) -> None:
    git(folder, "config", "core.fsmonitor", f"touch '{mark}'; false")


def set_filter(folder: Path, mark: Path) -> None:
    git(folder, "config", "filter.x.clean", touch(mark))
    git(folder, "config", "filter.x.smudge", touch(mark))
    git(folder, "config", "filter.x.process", touch(mark))
    (folder / ".gitattributes").write_text("* filter=x\n")
    (folder / "a").write_text("changed\n")


def set_textconv(folder: Path, mark: Path) -> None:
    git(folder, "config", "diff.x.textconv", touch(mark))
    git(folder, "config", "diff.x.command", touch(mark))
    git(folder, "config", "diff.external", touch(mark))
    (folder / ".gitattributes").write_text("* diff=x\n")
    (folder / "a").write_text("changed\n")


def set_hooks(folder: Path, mark: Path) -> None:
    for name in ("post-index-change", "fsmonitor-watchman", "reference-transaction", "query"):
        hook = folder / ".git" / "hooks" / name
        hook.parent.mkdir(exist_ok=True)
        hook.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
        hook.chmod(0o755)
    git(folder, "config", "core.hooksPath", str(folder / ".git" / "hooks"))
    os.utime(folder / "a", (1, 1))


def set_include(folder: Path, mark: Path) -> None:
    (folder / "more").write_text(f"[core]\n\tfsmonitor = \"touch '{mark}'; false\"\n")
    git(folder, "config", "include.path", "../more")


def set_worktree_config(folder: Path, mark: Path) -> None:
    git(folder, "config", "extensions.worktreeConfig", "true")
    git(folder, "config", "--worktree", "core.fsmonitor", f"touch '{mark}'; false")


def set_programs(folder: Path, mark: Path) -> None:
    for key in ("core.pager", "gpg.program", "core.alternateRefsCommand", "core.gitProxy"):
        git(folder, "config", key, touch(mark))
    for key in ("credential.helper", "core.askPass", "core.editor", "core.sshCommand"):
        git(folder, "config", key, f"!{touch(mark)}")
    git(folder, "config", "log.showSignature", "true")
    git(folder, "config", "alias.status", f"!{touch(mark)}")


def set_lazy_fetch(folder: Path, mark: Path) -> None:
    git(folder, "config", "core.repositoryFormatVersion", "1")
    git(folder, "config", "extensions.partialClone", "origin")
    git(folder, "config", "remote.origin.promisor", "true")
    git(folder, "config", "remote.origin.url", f"ext::sh -c touch% {mark}")
    git(folder, "config", "remote.origin.uploadpack", touch(mark))
    git(folder, "config", "protocol.ext.allow", "always")


def set_submodule(folder: Path, mark: Path) -> None:
    inner = make_repository(folder / "inner")
    set_fsmonitor(inner, mark)
    head = git(inner, "rev-parse", "HEAD")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{head},inner")
    git(folder, "commit", "--quiet", "--message", "submodule")
    (inner / "a").write_text("changed\n")


HOSTILE = (
    *(set_fsmonitor, set_filter, set_textconv, set_hooks, set_include, set_worktree_config),
    *(set_programs, set_lazy_fetch, set_submodule),
)


@pytest.mark.parametrize("prepare", HOSTILE, ids=lambda one: one.__name__)
def test_no_program_that_the_repository_names_is_run(
    repository: Path, tmp_path: Path, prepare: Callable[[Path, Path], None]
) -> None:
    mark = tmp_path / "ran"
    prepare(repository, mark)
    look_at_everything(repository)
    assert not mark.exists()


@pytest.mark.parametrize("prepare", [set_fsmonitor, set_filter, set_include, set_worktree_config])
def test_the_same_settings_do_run_a_program_by_plain_git(
    repository: Path, tmp_path: Path, prepare: Callable[[Path, Path], None]
) -> None:
    """Otherwise the test above would hold for nothing."""
    mark = tmp_path / "ran"
    prepare(repository, mark)
    git(repository, "status")
    assert mark.exists()


def make_bare_folder(folder: Path, mark: Path) -> Path:
    """Lay a bare repository out as files that a clone would bring along."""
    bare = folder / "sub"
    for name in ("objects/info", "objects/pack", "refs/heads"):
        (bare / name).mkdir(parents=True)
        (bare / name / ".keep").touch()
    (bare / "HEAD").write_text("ref: refs/heads/main\n")
    (bare / "config").write_text(
        "[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = /\n"
        f"\tfsmonitor = \"touch '{mark}'; false\"\n"
    )
    return bare


def test_a_bare_repository_in_the_tree_is_files(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bare = make_bare_folder(repository, mark)
    head = commit(repository, {"Dockerfile": "FROM scratch\n"})
    assert find_repository_root(bare) == repository
    assert read_commit(bare) == head
    look_at_everything(bare)
    assert not mark.exists()


def test_a_bare_repository_outside_git_is_files(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    bare = make_bare_folder(tmp_path, mark)
    assert find_repository_root(bare) is None
    assert read_commit(bare) == ""
    assert not mark.exists()


def test_the_setting_of_a_worktree_does_not_move_the_root(repository: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    git(repository, "config", "core.worktree", str(elsewhere))
    (repository / "new").touch()
    with open_repository(repository / ".." / "r") as opened:
        assert opened is not None
        assert opened.root == repository
        assert "new" in opened.read_text("ls-files", "-z", "-o")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "{elsewhere}/.git"),
        ("GIT_WORK_TREE", "{elsewhere}"),
        ("GIT_INDEX_FILE", "/dev/null"),
        ("GIT_OBJECT_DIRECTORY", "{elsewhere}/.git/objects"),
        ("GIT_COMMON_DIR", "{elsewhere}/.git"),
        ("GIT_CONFIG_PARAMETERS", "'core.worktree={elsewhere}'"),
        ("GIT_NAMESPACE", "other"),
        ("GIT_CEILING_DIRECTORIES", "/"),
    ],
)
def test_the_environment_does_not_lead_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    elsewhere = make_repository(tmp_path / "elsewhere")
    commit(elsewhere, {"b": "other\n"})
    head = git(repository, "rev-parse", "HEAD")
    monkeypatch.setenv(name, value.format(elsewhere=elsewhere))
    assert read_commit(repository) == head


def test_the_environment_runs_nothing(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    (repository / "a").write_text("changed\n")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", touch(mark))
    monkeypatch.setenv("GIT_PAGER", touch(mark))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.fsmonitor")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"touch '{mark}'; false")
    look_at_everything(repository)
    assert not mark.exists()


def test_a_program_git_in_the_tree_is_not_run(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "ran"
    (repository / "git").write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    (repository / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    monkeypatch.chdir(repository)
    look_at_everything(repository)
    assert not mark.exists()


def test_nothing_is_written_into_the_repository(repository: Path) -> None:
    os.utime(repository / "a", (1, 1))
    before = {file: file.stat().st_mtime_ns for file in (repository / ".git").rglob("*")}
    look_at_everything(repository)
    assert before == {file: file.stat().st_mtime_ns for file in (repository / ".git").rglob("*")}


def test_objects_of_an_alternate_are_read_and_its_settings_are_not(
    repository: Path, tmp_path: Path
) -> None:
    mark = tmp_path / "ran"
    git(tmp_path, "clone", "--quiet", "--shared", str(repository), "shared")
    set_fsmonitor(repository, mark)
    git(tmp_path / "shared", "config", "core.alternateRefsCommand", touch(mark))
    look_at_everything(tmp_path / "shared")
    assert read_commit(tmp_path / "shared") == git(repository, "rev-parse", "HEAD")
    assert not mark.exists()


def test_a_replaced_object_is_not_taken_for_the_commit(repository: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    second = commit(repository, {"a": "other\n"})
    git(repository, "replace", second, first)
    with open_repository(repository) as opened:
        assert opened is not None
        assert opened.read_text("rev-list", "HEAD").split() == [second, first]


def test_a_linked_worktree_has_its_own_commit(repository: Path, tmp_path: Path) -> None:
    git(repository, "worktree", "add", "--quiet", "-b", "topic", str(tmp_path / "linked"))
    head = commit(tmp_path / "linked", {"b": "x\n"})
    assert find_repository_root(tmp_path / "linked") == tmp_path / "linked"
    assert read_commit(tmp_path / "linked") == head
    (tmp_path / "linked" / "b").write_text("y\n")
    assert read_commit(tmp_path / "linked") == f"{head}-dirty"


def test_a_submodule_has_its_own_commit(repository: Path, tmp_path: Path) -> None:
    outer = make_repository(tmp_path / "outer")
    git(outer, "submodule", "--quiet", "add", str(repository), "inner")
    assert find_repository_root(outer / "inner") == outer / "inner"
    assert read_commit(outer / "inner") == git(repository, "rev-parse", "HEAD")


def test_a_split_index_is_read(repository: Path) -> None:
    git(repository, "update-index", "--split-index")
    head = git(repository, "rev-parse", "HEAD")
    assert read_commit(repository) == head


def test_a_repository_of_long_ids_is_read(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--object-format=sha256")
    head = commit(tmp_path, {"a": "x\n"})
    assert len(head) == 64
    assert read_commit(tmp_path) == head


@pytest.mark.parametrize("change", ["edit", "add", "remove", "stage"])
def test_a_changed_tree_is_dirty(repository: Path, change: str) -> None:
    if change == "edit":
        (repository / "a").write_text("one\n")
    elif change == "add":
        (repository / "b").touch()
    elif change == "remove":
        (repository / "a").unlink()
    else:
        (repository / "a").write_text("one\n")
        git(repository, "add", "a")
        (repository / "a").write_text("one\ntwo\n")
    assert read_commit(repository).endswith("-dirty")


def test_changes_beside_the_folder_do_not_make_it_dirty(repository: Path) -> None:
    head = commit(repository, {"sub/b": "x\n"})
    (repository / "a").write_text("one\n")
    assert read_commit(repository / "sub") == head
    assert read_commit(repository) == f"{head}-dirty"


def test_a_file_of_git_lfs_is_clean_where_it_is_what_its_pointer_names(repository: Path) -> None:
    content = b"a large file\n"
    digest = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 13\n"
    head = commit(repository, {".gitattributes": "*.bin filter=lfs\n", "a.bin": pointer})
    (repository / "a.bin").write_bytes(content)
    assert read_commit(repository) == head
    (repository / "a.bin").write_bytes(b"another file\n")
    assert read_commit(repository) == f"{head}-dirty"


def test_outside_git_and_before_the_first_commit_there_is_no_commit(tmp_path: Path) -> None:
    assert read_commit(tmp_path) == ""
    git(tmp_path, "init", "--quiet")
    assert read_commit(tmp_path) == ""


def refusal(folder: Path) -> GitRefusedError:
    with pytest.raises(GitRefusedError) as caught:
        look_at_everything(folder)
    assert caught.value.exit_code == 3
    return caught.value


def test_another_owner_is_a_refusal_with_the_line_that_trusts_the_folder(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git itself refuses: by this variable it takes every folder for somebody else's."""
    program = tmp_path / "bin" / "git"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {which("git")} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    error = refusal(repository)
    assert "dubious ownership" in error.problem
    assert f"git config --global --add safe.directory {repository}" in error.remedy


@pytest.mark.parametrize("name", ["HEAD", "objects", "refs/heads/main"])
def test_a_damaged_store_is_a_refusal_and_not_no_commit(repository: Path, name: str) -> None:
    target = repository / ".git" / name
    if target.is_dir():
        subprocess.run(["rm", "-r", str(target)], check=True)
    else:
        target.write_bytes(b"")
    assert "Git does not answer" in str(refusal(repository)) or "is damaged" in str(
        refusal(repository)
    )


def test_a_missing_object_is_a_refusal(repository: Path) -> None:
    tree = git(repository, "rev-parse", "HEAD^{tree}")
    (repository / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    error = refusal(repository)
    assert "Git does not answer" in error.problem
    assert "git fsck" in error.remedy


def test_a_worktree_whose_repository_is_gone_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n")
    assert "not a git repository" in refusal(tmp_path).problem


def test_git_that_is_not_installed_is_a_refusal_in_a_repository_alone(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "There is no program 'git'" in refusal(repository).problem
    assert read_commit(tmp_path) == ""
