"""Where a template installs hardgate from: what others can install, else an error that asks."""

from pathlib import Path
from typing import Any

import pytest

from hardgate.errors import UsageError
from hardgate.pipeline import hardgate_source
from hardgate.pipeline.hardgate_source import (
    HardgateSource,
    explain_unusable_source,
    find_source,
)
from hardgate.pipeline.noxfile_source import find_requirements
from tests.unit.git_repositories import commit, git, make_repository

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("requirement", "problem"),
    [
        (f"hardgate[pipeline] @ git+https://forge.example/o/hardgate@{COMMIT}", ""),
        (f"hardgate[pipeline]@git+ssh://git@forge.example/o/hardgate@{COMMIT}", ""),
        (f"git+https://forge.example/o/hardgate.git@{COMMIT}", ""),
        ("hardgate[pipeline] @ https://forge.example/hardgate-1.0-py3-none-any.whl", ""),
        ("hardgate[pipeline]==1.2", ""),
        ("hardgate[pipeline]", "bare name"),
        ("hardgate", "bare name"),
        ("hardgate[pipeline]>=1", "no version"),
        ("hardgate[pipeline] @ file:///home/me/hardgate", "path of one machine"),
        (f"hardgate[pipeline] @ git+file:///home/me/hardgate@{COMMIT}", "path of one machine"),
        ("/home/me/hardgate[pipeline]", "path of one machine"),
        ("./hardgate[pipeline]", "path of one machine"),
        ("../hardgate", "path of one machine"),
        (f"hardgate @ git+https://token@forge.example/o/hardgate@{COMMIT}", "credential"),
        (f"hardgate @ git+https://me:word@forge.example/o/hardgate@{COMMIT}", "credential"),
        (f"hardgate @ git+ssh://git:word@forge.example/o/hardgate@{COMMIT}", "credential"),
        ("hardgate[pipeline] @ git+https://forge.example/o/hardgate", "no commit"),
        ("git+ssh://git@forge.example/o/hardgate", "no commit"),
    ],
)
def test_a_source_that_others_cannot_install_is_known_by_its_reason(
    requirement: str, problem: str
) -> None:
    reason = explain_unusable_source(requirement)
    assert problem in reason
    assert bool(reason) == bool(problem)


def test_a_noxfiles_source_is_told_from_its_commands() -> None:
    noxfile = (
        '"""The gate for hardgate: hardgate[pipeline] is installed."""\n'
        'A = "hardgate[pipeline] @ file:///x"\nB = ["hardgate", "gate"]\nC = "./hardgate"\n'
        'D = "hardgate-of-mine"\nE = f"hardgate {A}"\nF = "../tools/hardgate[pipeline]"\n'
    )
    assert find_requirements(noxfile) == [
        "hardgate[pipeline] @ file:///x",
        "./hardgate",
        "../tools/hardgate[pipeline]",
    ]
    assert find_requirements("not python (") == []


def test_a_chosen_source_is_taken_and_a_bare_url_gets_its_name() -> None:
    url = f"git+https://forge.example/o/hardgate@{COMMIT}"
    expected = HardgateSource(requirement=f"hardgate[pipeline] @ {url}")
    assert find_source(url) == find_source(f"hardgate[pipeline] @ {url}") == expected


@pytest.mark.parametrize(
    "chosen", ["/home/me/hardgate", "hardgate", "file:///x", "git+https://t@f/h@1"]
)
def test_a_chosen_source_that_others_cannot_install_is_refused(chosen: str) -> None:
    with pytest.raises(UsageError) as refused:
        find_source(chosen)
    assert "--source git+https://" in refused.value.remedy
    assert "t@f" not in refused.value.problem


@pytest.fixture
def install_from(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the installer have recorded an origin."""
    return lambda record: monkeypatch.setattr(
        hardgate_source, "_read_install_record", lambda: record
    )


def test_an_install_from_git_is_pinned_to_its_commit_without_a_credential(
    install_from: Any,
) -> None:
    install_from(
        {
            "url": "https://token@forge.example/o/hardgate.git",
            "vcs_info": {"vcs": "git", "commit_id": COMMIT},
        }
    )
    expected = f"hardgate[pipeline] @ git+https://forge.example/o/hardgate.git@{COMMIT}"
    assert find_source().requirement == expected


def test_where_nothing_is_recorded_the_source_is_asked_for(install_from: Any) -> None:
    install_from({})
    with pytest.raises(UsageError, match="not recorded"):
        find_source()


@pytest.fixture
def checkout(tmp_path: Path, install_from: Any) -> Path:
    """Give a checkout that hardgate was installed from."""
    folder = make_repository(tmp_path / "hard gate")
    install_from({"url": (folder).as_uri(), "dir_info": {}})
    return folder


def push(checkout: Path, remote: str, url: str) -> str:
    """Let a remote, as last fetched, have what is checked out."""
    git(checkout, "remote", "add", remote, url)
    head = git(checkout, "rev-parse", "HEAD")
    git(checkout, "update-ref", f"refs/remotes/{remote}/main", head)
    return head


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://me:secret@forge.example/o/h.git", "git+https://forge.example/o/h.git"),
        ("https://forge.example:8443/o/h", "git+https://forge.example:8443/o/h"),
        ("git@forge.example:o/h.git", "git+ssh://git@forge.example/o/h.git"),
        ("ssh://git@forge.example:2222/o/h.git", "git+ssh://git@forge.example:2222/o/h.git"),
    ],
)
def test_a_checkouts_remote_is_written_without_credentials(
    checkout: Path, url: str, written: str
) -> None:
    head = push(checkout, "origin", url)
    source = find_source()
    assert source.requirement == f"hardgate[pipeline] @ {written}@{head}"
    assert ("SSH" in source.notice) == ("ssh" in written)


def test_a_commit_that_no_remote_has_is_not_written(checkout: Path) -> None:
    push(checkout, "origin", "https://forge.example/o/h")
    commit(checkout, {"b": "mine alone"})
    with pytest.raises(UsageError, match="on no branch of a remote") as refused:
        find_source()
    assert "Push it" in refused.value.remedy


def test_the_remote_that_has_the_commit_is_taken(checkout: Path) -> None:
    push(checkout, "origin", "https://forge.example/o/h")
    commit(checkout, {"b": "of a fork"})
    head = push(checkout, "fork", "https://forge.example/me/h")
    assert find_source().requirement.endswith(f"git+https://forge.example/me/h@{head}")


@pytest.mark.parametrize(
    "url", ["/srv/hardgate.git", "file:///srv/h", "../h", "http://localhost/h"]
)
def test_a_remote_that_is_a_path_is_of_no_use_to_others(checkout: Path, url: str) -> None:
    push(checkout, "origin", url)
    with pytest.raises(UsageError, match="no remote that others reach"):
        find_source()


def test_what_is_not_committed_is_told_of(checkout: Path) -> None:
    push(checkout, "origin", "https://forge.example/o/h")
    (checkout / "a").write_text("changed")
    assert "not committed" in find_source().notice


def test_a_folder_without_git_has_no_source(tmp_path: Path, install_from: Any) -> None:
    (tmp_path / "plain").mkdir()
    install_from({"url": (tmp_path / "plain").as_uri(), "dir_info": {}})
    with pytest.raises(UsageError, match="in no git repository"):
        find_source()
