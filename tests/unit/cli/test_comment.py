"""A session's `--comment`: its summary on the pull request, and the same verdict without one."""

import json
from pathlib import Path

import pytest

from hardgate.cli.main import main
from hardgate.cli.validate import make_session_argv
from hardgate.forge.token import TOKEN_VARIABLE
from tests.unit.forge_server import TOKEN, Scene, serve_scene
from tests.unit.git_repositories import commit, make_repository


@pytest.fixture(autouse=True)
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A template whose answers are not there."""
    repository = make_repository(tmp_path / "template")
    commit(repository, {"Dockerfile": "FROM scratch\n"})
    monkeypatch.chdir(repository)
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_ACTIONS", "GITHUB_REF", "GITHUB_EVENT_PATH"):
        monkeypatch.delenv(name, raising=False)
    return repository


def validate(capsys: pytest.CaptureFixture[str], out: Path, *more: str) -> tuple[int, list[str]]:
    code = main(["validate", "--out", str(out), *more])
    return code, capsys.readouterr().out.splitlines()


def test_validate_comments_its_table_before_its_last_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5}}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    scene = Scene(kind="forgejo")
    with serve_scene(scene) as base:
        monkeypatch.setenv("GITHUB_SERVER_URL", base)
        code, lines = validate(capsys, tmp_path / "out", "--comment")
    (comment,) = scene.comments
    assert code == 1
    assert lines[-1].startswith("HARDGATE VALIDATE RED")
    assert f"Comment: {comment['html_url']}" in lines
    assert "HARDGATE VALIDATE RED" in comment["body"]
    assert "| t4 | " in comment["body"]


def test_a_comment_that_cannot_be_written_changes_no_verdict(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = validate(capsys, tmp_path / "a")
    with_comment = validate(capsys, tmp_path / "b", "--comment")
    assert with_comment[0] == code
    assert with_comment[1][-1] == lines[-1]
    added = [line for line in with_comment[1] if "No comment" in line]
    assert len(added) == 1
    assert added[0].startswith("Notice: No comment was written.")


def test_the_sessions_that_validate_runs_leave_the_comment_to_it() -> None:
    argv = ["--run", "--comment", "--context", "image"]
    for session in ("static", "secrets", "t4"):
        assert "--comment" not in make_session_argv(session, argv, "")
        assert "image" in make_session_argv(session, argv, "")


@pytest.mark.parametrize(
    "name", ["gate", "static", "adapter", "secrets", "runtime", "validate", "runner", "fleet"]
)
def test_every_session_that_writes_a_job_summary_takes_the_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert "--comment" in capsys.readouterr().out
