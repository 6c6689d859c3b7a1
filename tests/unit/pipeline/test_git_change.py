"""What a change is: since which commit, and which files each of its commits makes or alters."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hardgate.pipeline.changed_files import ChangedFile, UnreadFile, read_changed_files
from hardgate.pipeline.git_change import (
    Change,
    FileChange,
    find_change,
    list_file_changes,
    read_raw_listing,
)
from hardgate.system.git import GitRefusedError, Repository, open_repository
from tests.unit.git_repositories import commit, git, make_repository

CI = {"CI": "true"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a repository with a commit on main."""
    return make_repository(tmp_path / "r")


def changed(folder: Path, asked: str = "", environ: Mapping[str, str] | None = None) -> set[str]:
    """Give what is looked at, as `FILE: NEW` with the first letters of the commit's message."""
    with open_repository(folder) as repository:
        assert repository is not None
        change = find_change(repository, asked, environ or {})
        return set(describe(repository, change))


def describe(repository: Repository, change: Change) -> Iterator[str]:
    scratch = repository.view.parent
    listed = list_file_changes(repository, change, scratch)
    for file in read_changed_files(repository, listed, scratch):
        if isinstance(file, UnreadFile):
            yield f"{file.path}: {file.reason}"
            continue
        title = (
            git(repository.root, "show", "-s", "--format=%s", file.commit) if file.commit else "-"
        )
        yield f"{title}: {file.path}"


def description(folder: Path, asked: str = "", environ: Mapping[str, str] | None = None) -> str:
    with open_repository(folder) as repository:
        assert repository is not None
        return find_change(repository, asked, environ or {}).description


def clone(folder: Path, *options: str) -> Path:
    """Clone it as CI systems do, over a transport."""
    git(folder, "config", "uploadpack.allowFilter", "true")
    target = folder.with_name("clone")
    git(folder.parent, "clone", "--quiet", *options, f"file://{folder}", str(target))
    return target


def push_event(tmp_path: Path, before: str) -> dict[str, str]:
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"before": before}))
    return {**CI, "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(file)}


def test_each_commit_since_the_base_is_looked_at(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": "hidden\n"}, "add")
    commit(folder, {"b": None}, "remove")
    assert changed(folder, "main") == {"add: b"}


def test_a_local_main_branch_is_a_base(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": "x\n"}, "add")
    assert changed(folder) == {"add: b"}
    git(folder, "branch", "-m", "main", "master")
    assert changed(folder) == {"add: b"}


def test_the_main_branch_of_the_remote_goes_before_a_local_one(folder: Path) -> None:
    target = clone(folder)
    commit(target, {"b": "x\n"}, "not pushed")
    assert changed(target) == {"not pushed: b"}


def test_what_is_not_committed_is_looked_at_too(folder: Path) -> None:
    (folder / "a").write_text("one\ntwo\nthree\n")
    (folder / "new").write_text("x\n")
    (folder / "staged").write_text("x\n")
    git(folder, "add", "staged")
    (folder / "staged").unlink()
    assert changed(folder, "main") == {"-: a", "-: new", "-: staged"}


def test_before_the_first_commit_all_files_are_looked_at(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "new").write_text("x\n")
    (tmp_path / "staged").write_text("x\n")
    git(tmp_path, "add", "staged")
    assert changed(tmp_path) == {"-: new", "-: staged"}
    assert "no commit here" in description(tmp_path)


def test_without_any_base_all_commits_are_looked_at(folder: Path) -> None:
    git(folder, "branch", "-m", "main", "develop")
    commit(folder, {"b": "x\n"}, "add")
    commit(folder, {"b": None}, "remove")
    assert changed(folder) == {"first: a", "add: b"}
    assert description(folder) == "all commits, for no main branch is known here"


@pytest.mark.parametrize("asked", ["nowhere", "0" * 40, "--output=x", "a b"])
def test_a_base_that_is_not_there_means_all_commits(folder: Path, asked: str) -> None:
    assert changed(folder, asked) == {"first: a"}
    assert f"'{asked}' cannot be reached from here" in description(folder, asked)


def test_on_the_main_branch_of_a_remote_the_last_commit_is_looked_at(folder: Path) -> None:
    commit(folder, {"b": "x\n"}, "second")
    commit(folder, {"c": "x\n"}, "third")
    assert changed(clone(folder)) == {"third: c"}


def test_a_merge_into_main_brings_all_commits_of_the_topic(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": "x\n"}, "add")
    commit(folder, {"b": None}, "remove")
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-ff", "-m", "merge", "topic")
    assert changed(clone(folder)) == {"add: b"}


def test_on_a_main_branch_without_a_remote_nobody_knows_what_is_new(folder: Path) -> None:
    commit(folder, {"b": "x\n"}, "second")
    assert changed(folder) == {"first: a", "second: b"}
    assert changed(folder, environ=CI) == {"second: b"}


def test_of_a_push_all_commits_since_before_are_looked_at(folder: Path, tmp_path: Path) -> None:
    before = git(folder, "rev-parse", "HEAD")
    commit(folder, {"b": "hidden\n"}, "add")
    commit(folder, {"b": None}, "remove")
    target = clone(folder)
    assert changed(target, environ=push_event(tmp_path, before)) == {"add: b"}
    gitlab = {**CI, "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BEFORE_SHA": before}
    assert changed(target, environ=gitlab) == {"add: b"}


@pytest.mark.parametrize("before", ["0" * 40, "1" * 40, ""])
def test_of_a_push_without_before_the_main_branch_counts(
    folder: Path, tmp_path: Path, before: str
) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": "x\n"}, "one")
    commit(folder, {"c": "x\n"}, "two")
    assert changed(folder, environ=push_event(tmp_path, before)) == {"one: b", "two: c"}


def test_of_a_push_of_main_from_a_commit_that_is_not_here_all_commits_are_looked_at(
    folder: Path, tmp_path: Path
) -> None:
    commit(folder, {"b": "hidden\n"}, "add")
    commit(folder, {"b": None}, "remove")
    lost = push_event(tmp_path, "1" * 40)
    assert changed(clone(folder), environ=lost) == {"first: a", "add: b"}


def test_in_a_cut_clone_such_a_push_is_refused(folder: Path, tmp_path: Path) -> None:
    commit(folder, {"b": "hidden\n"}, "add")
    commit(folder, {"b": None}, "remove")
    with pytest.raises(GitRefusedError, match="was cut when it was cloned"):
        changed(clone(folder, "--depth", "2"), environ=push_event(tmp_path, "1" * 40))


def test_a_push_of_a_topic_leaves_out_what_it_merged_from_main(
    folder: Path, tmp_path: Path
) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    before = commit(folder, {"b": "x\n"}, "pushed")
    git(folder, "checkout", "-q", "main")
    commit(folder, {"c": "x\n"}, "of main")
    git(folder, "checkout", "-q", "topic")
    git(folder, "merge", "-q", "-m", "merge", "main")
    commit(folder, {"d": "x\n"}, "mine")
    assert changed(folder, environ=push_event(tmp_path, before)) == {"mine: d"}


def test_a_forced_push_is_compared_with_where_the_two_part(folder: Path, tmp_path: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    before = commit(folder, {"b": "x\n"}, "old")
    git(folder, "reset", "-q", "--hard", "main")
    commit(folder, {"c": "x\n"}, "new")
    assert changed(folder, environ=push_event(tmp_path, before)) == {"new: c"}


def test_of_a_pull_request_its_target_is_the_base(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "release")
    commit(folder, {"b": "x\n"}, "of the release")
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"c": "x\n"}, "mine")
    target = clone(folder)
    assert changed(target, environ={**CI, "GITHUB_BASE_REF": "release"}) == {"mine: c"}
    gitlab = {**CI, "CI_MERGE_REQUEST_TARGET_BRANCH_NAME": "release"}
    assert changed(target, environ=gitlab) == {"mine: c"}


def test_a_tag_is_not_taken_for_the_main_branch(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"b": "x\n"}, "mine")
    git(folder, "tag", "main")
    git(folder, "tag", "origin/main")
    assert changed(folder) == {"mine: b"}


def merge_main(folder: Path, files: dict[str, str | bytes | None] | None = None) -> None:
    """Merge main into a topic; `files` is what the merge commit itself changes."""
    git(folder, "checkout", "-q", "-b", "topic")
    commit(folder, {"mine": "mine\n", "a": "mine\none\ntwo\n"}, "mine")
    git(folder, "checkout", "-q", "main")
    commit(folder, {"theirs": "theirs\n", "a": "one\ntwo\ntheirs\n"}, "theirs")
    git(folder, "checkout", "-q", "topic")
    git(folder, "merge", "-q", "--no-commit", "--no-ff", "main")
    commit(folder, files or {}, "merge")


def test_a_merge_of_main_adds_nothing_of_mains(folder: Path) -> None:
    """The file `a` is as in neither parent, and has no line that neither has."""
    merge_main(folder)
    assert changed(folder) == {"mine: a", "mine: mine", "merge: a"}


def test_what_a_merge_itself_adds_is_looked_at(folder: Path) -> None:
    merge_main(folder, {"mine": "mine\nevil\n", "new": "evil\n"})
    assert {"merge: mine", "merge: new"} <= changed(folder)


def test_a_merge_of_three_branches_is_looked_at(folder: Path) -> None:
    for name in ("one", "two"):
        git(folder, "checkout", "-q", "-b", name, "main")
        commit(folder, {name: "x\n"}, name)
    git(folder, "checkout", "-q", "-b", "topic", "main")
    commit(folder, {"mine": "x\n"}, "mine")
    git(folder, "merge", "-q", "-m", "merge", "one", "two")
    assert changed(folder) == {"mine: mine", "one: one", "two: two"}


def test_a_revert_adds_again(folder: Path) -> None:
    commit(folder, {"b": "x\n"}, "add")
    removed = commit(folder, {"b": None}, "remove")
    git(folder, "checkout", "-q", "-b", "topic")
    git(folder, "revert", "--no-edit", removed)
    assert changed(folder) == {'Revert "remove": b'}


def test_a_cut_history_is_refused_where_it_is_needed(folder: Path) -> None:
    commit(folder, {"b": "x\n"}, "second")
    with pytest.raises(GitRefusedError) as caught:
        changed(clone(folder, "--depth=1"))
    assert "cut when it was cloned" in caught.value.problem
    assert "git fetch --unshallow" in caught.value.remedy
    assert "fetch-depth: 0" in caught.value.remedy


def test_a_cut_history_is_not_refused_where_the_change_lies_within(folder: Path) -> None:
    for name in "bcdef":
        commit(folder, {name: "x\n"}, name)
    target = clone(folder, "--depth=3")
    assert changed(target) == {"f: f"}
    with pytest.raises(GitRefusedError, match="cut when it was cloned"):
        changed(target, "HEAD~2^0~0^{commit}^")


def test_a_base_beyond_the_cut_is_refused(folder: Path, tmp_path: Path) -> None:
    before = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "-b", "topic")
    for name in "bcdef":
        commit(folder, {name: "x\n"}, name)
    git(folder, "checkout", "-q", "main")
    target = clone(folder, "--depth=3", "--no-single-branch", "--branch=topic")
    for environ in ({"GITHUB_BASE_REF": "main"}, push_event(tmp_path, before), {}):
        with pytest.raises(GitRefusedError, match="cut when it was cloned"):
            changed(target, environ=environ)


@pytest.mark.parametrize("kept", ["blob:none", "tree:0"])
def test_a_partial_clone_is_refused_where_its_files_are_missing(folder: Path, kept: str) -> None:
    commit(folder, {"b": "x\n"}, "second")
    commit(folder, {"b": "y\n"}, "third")
    commit(folder, {"c": "y\n"}, "fourth")
    target = clone(folder, f"--filter={kept}")
    with pytest.raises(GitRefusedError) as caught:
        changed(target, git(folder, "rev-list", "--max-parents=0", "HEAD"))
    assert "git fetch --refetch --no-filter" in caught.value.remedy


@pytest.mark.parametrize(
    "options", [("--depth=1",), ("--filter=blob:none",), ("--filter=tree:0", "--depth=1")]
)
def test_the_line_of_the_remedy_mends_the_checkout(folder: Path, options: tuple[str, ...]) -> None:
    for name in "bc":
        commit(folder, {name: f"{name}\n"}, name)
        commit(folder, {name: None}, f"remove {name}")
    target = clone(folder, *options)
    first = git(folder, "rev-list", "--max-parents=0", "HEAD")
    with pytest.raises(GitRefusedError) as caught:
        changed(target, first)
    line = caught.value.remedy.partition("'")[2].partition("'")[0]
    subprocess.run(line.split(), cwd=target, check=True, capture_output=True)
    assert changed(target, first) == {"b: b", "c: c"}


def test_submodules_are_told_and_links_are_read_as_names(folder: Path) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    (folder / "link").symlink_to("/etc/passwd")
    head = git(folder, "rev-parse", "HEAD")
    git(folder, "update-index", "--add", "--cacheinfo", f"160000,{head},inner")
    git(folder, "add", "link")
    git(folder, "commit", "-q", "-m", "mine")
    assert changed(folder) == {"mine: link", "inner: a submodule"}


def test_a_link_out_of_the_repository_is_not_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x\n")
    commit(folder, {"sub/secret": "x\n"}, "second")
    (folder / "sub" / "secret").unlink()
    (folder / "sub").rmdir()
    (folder / "sub").symlink_to(tmp_path / "outside")
    (folder / "file").symlink_to(tmp_path / "outside" / "secret")
    with open_repository(folder) as repository:
        assert repository is not None
        files = list(
            read_changed_files(
                repository,
                list_file_changes(repository, Change(description=""), repository.view.parent),
                repository.view.parent,
            )
        )
    contents = {
        file.path: file.new for file in files if isinstance(file, ChangedFile) and not file.commit
    }
    assert contents == {name: os.fsencode((folder / name).readlink()) for name in ("sub", "file")}


def test_a_pipe_in_the_tree_does_not_stop_it(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "a").unlink()
    os.mkfifo(folder / "a")
    assert changed(folder, "main") == {"a: no regular file"}


def test_attributes_do_not_hide_a_file(folder: Path) -> None:
    (folder / ".gitattributes").write_text("* -diff binary export-ignore\n")
    (folder / "a").write_text("one\ntwo\nthree\n")
    assert changed(folder, "main") == {"-: .gitattributes", "-: a"}


@pytest.mark.parametrize(
    "name", ["line\nend", 'quote"', "tab\t", "\udcff", ":colon", " space ", "ü"]
)
def test_a_strange_name_is_a_name(folder: Path, name: str) -> None:
    git(folder, "checkout", "-q", "-b", "topic")
    (folder / name).write_text("x\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "mine")
    with open_repository(folder) as repository:
        assert repository is not None
        change = find_change(repository, "", {})
        listed = list_file_changes(repository, change, repository.view.parent)
        assert [one.path for one in listed] == [name]


def test_a_listing_of_a_merge_has_all_old_versions() -> None:
    old, new = ("1" * 40, "2" * 40), "3" * 40
    listing = f"{new}\0::100644 100644 100644 {old[0]} {old[1]} {new} MM\0f\0".encode()
    assert list(read_raw_listing(listing)) == [
        FileChange(path="f", commit=new, new_id=new, old_ids=old)
    ]
