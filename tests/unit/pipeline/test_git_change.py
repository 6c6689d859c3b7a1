"""Added lines: counted, whatever stands in them, and in every commit of a change."""

import subprocess
from pathlib import Path

import pytest

from hardgate.pipeline.git_change import Added, added_lines, find_change, read_diff


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    who = ("-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false")
    words = ("git", "-C", str(folder), *who, *words)
    subprocess.run(words, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Make one with a commit on main."""
    git(tmp_path, "init", "-q", "-b", "main")
    (tmp_path / "a").write_text("one\ntwo\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def texts(folder: Path, base: str) -> list[tuple[str, int, str]]:
    """Give file, line and text."""
    return [(one.file, one.line, one.text) for one in added_lines(folder, base) if one.text]


def test_lines_that_look_like_a_diff_are_lines() -> None:
    diff = "--- a/f\n+++ b/f\n@@ -0,0 +1,2 @@\n+++ b/other\n+@@ -1 +1 @@\n"
    assert list(read_diff(diff, "")) == [
        Added(commit="", file="f", line=1, text="++ b/other"),
        Added(commit="", file="f", line=2, text="@@ -1 +1 @@"),
    ]


def test_a_line_that_a_later_commit_removes_was_added(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "topic")
    (repository / "a").write_text("one\ntwo\nhidden\n")
    git(repository, "commit", "-q", "-am", "add")
    (repository / "a").write_text("one\ntwo\n")
    git(repository, "commit", "-q", "-am", "remove")
    change = find_change(repository, "main", {})
    assert texts(repository, change.base) == [("a", 3, "hidden")]


def test_what_is_not_committed_was_added_too(repository: Path) -> None:
    (repository / "a").write_text("one\ntwo\nthree\n")
    (repository / "new").write_text("x\n")
    change = find_change(repository, "main", {})
    assert texts(repository, change.base) == [("a", 3, "three"), ("new", 1, "x")]


def test_attributes_do_not_hide_a_file(repository: Path) -> None:
    (repository / ".gitattributes").write_text("* -diff binary\n")
    (repository / "a").write_text("one\ntwo\nthree\n")
    assert ("a", 3, "three") in texts(repository, find_change(repository, "main", {}).base)


@pytest.mark.parametrize(
    ("asked", "environ", "told"),
    [
        ("nowhere", {}, "the whole tree, for 'nowhere' cannot be reached from here"),
        ("0" * 40, {}, f"the whole tree, for '{'0' * 40}' cannot be reached from here"),
        ("--output=x", {}, "the whole tree, for '--output=x' cannot be reached from here"),
        ("main", {}, "the whole tree, for nothing was added since 'main'"),
        ("", {"GITHUB_BASE_REF": "gone"}, "the whole tree, for 'origin/gone' cannot be reached"),
        ("", {}, "the whole tree, for the main branch cannot be reached from here"),
    ],
)
def test_where_there_is_no_base_the_whole_tree_is_looked_at(
    repository: Path, asked: str, environ: dict[str, str], told: str
) -> None:
    change = find_change(repository, asked, environ)
    assert not change.base
    assert told in change.told


def test_outside_git_the_whole_tree_is_looked_at(tmp_path: Path) -> None:
    assert not find_change(tmp_path, "main", {}).base
