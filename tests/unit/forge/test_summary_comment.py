"""`--comment`: one comment, ours, of the newest run; and never a verdict of its own."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from hardgate.forge.http import ForgeError
from hardgate.forge.pull_request import read_pull_request
from hardgate.forge.summary_comment import (
    MAX_COMMENT_CHARS,
    hash_key,
    post_summary_comment,
    read_marker,
    shorten_summary,
)
from hardgate.forge.token import TOKEN_VARIABLE
from hardgate.report.console import Console
from tests.unit.forge_server import TOKEN, Said, Scene, comment_of, serve_scene

FORGES = ("gitea", "forgejo", "github")
HEAD = "0123456789abcdef0123456789abcdef01234567"


def job_of(tmp_path: Path, base: str, **changes: str) -> dict[str, str]:
    """Give the variables of a pull request's job."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 5, "head": {"sha": HEAD}}}))
    return {
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_SERVER_URL": base,
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "70",
        "GITHUB_RUN_ATTEMPT": "1",
        TOKEN_VARIABLE: TOKEN,
    } | changes


def post(
    scene: Scene, tmp_path: Path, markdown: str, key: str = "gate .", **changes: str
) -> list[str]:
    """Post a summary, and give what the terminal shows."""
    stream = io.StringIO()
    with serve_scene(scene) as base:
        environ = job_of(tmp_path, base, **changes)
        post_summary_comment(markdown, key, Console(stream, environ={}), environ)
    return stream.getvalue().splitlines()


def marker(key: str, run: str = "1.1") -> str:
    return f"<!-- hardgate {hash_key(key)} run {run} -->"


@pytest.mark.parametrize("kind", FORGES)
def test_the_first_run_writes_a_comment_and_the_next_one_changes_it(
    tmp_path: Path, kind: str
) -> None:
    scene = Scene(kind=kind)
    (said,) = post(scene, tmp_path, "### RED")
    assert said == f"Comment: {scene.comments[0]['html_url']}"
    (said,) = post(scene, tmp_path, "### GREEN", GITHUB_RUN_ID="71")
    (comment,) = scene.comments
    assert "### GREEN" in comment["body"]
    assert "RED" not in comment["body"]
    assert f"Commit {HEAD[:12]}" in comment["body"]
    assert "/o/r/actions/runs/71" in comment["body"]


@pytest.mark.parametrize("kind", FORGES)
def test_other_comments_and_other_sessions_are_left_alone(tmp_path: Path, kind: str) -> None:
    scene = Scene(kind=kind)
    scene.comments = [comment_of(scene, n, f"text {n}", "somebody") for n in range(1, 251)]
    post(scene, tmp_path, "first", "gate .")
    post(scene, tmp_path, "second", "static .")
    post(scene, tmp_path, "third", "gate .")
    assert len(scene.comments) == 252
    assert [one["body"].splitlines()[1] for one in scene.comments[250:]] == ["third", "second"]
    assert [one["body"] for one in scene.comments[:250]] == [f"text {n}" for n in range(1, 251)]


@pytest.mark.parametrize("kind", FORGES)
def test_a_comment_that_somebody_else_marked_as_ours_is_not_written_to(
    tmp_path: Path, kind: str
) -> None:
    scene = Scene(kind=kind)
    forged = f"{marker('gate .')}\n### GREEN"
    scene.comments = [comment_of(scene, 1, forged, "mallory")]
    post(scene, tmp_path, "### RED")
    assert scene.comments[0]["body"] == forged
    assert "### RED" in scene.comments[1]["body"]


@pytest.mark.parametrize(
    ("kind", "bot"),
    [
        ("github", "github-actions[bot]"),
        ("gitea", "gitea-actions"),
        ("forgejo", "forgejo-actions"),
    ],
)
def test_a_jobs_own_token_knows_its_comment_by_the_forges_bot(
    tmp_path: Path, kind: str, bot: str
) -> None:
    scene = Scene(kind=kind, login=bot, login_told=False)
    post(scene, tmp_path, "one")
    post(scene, tmp_path, "two")
    (comment,) = scene.comments
    assert "two" in comment["body"]


def test_a_token_that_does_not_tell_whose_it_is_adds_no_second_comment(tmp_path: Path) -> None:
    scene = Scene(kind="gitea", login="tester", login_told=False)
    scene.comments = [comment_of(scene, 1, f"{marker('gate .')}\nold", "tester")]
    (said,) = post(scene, tmp_path, "new")
    assert said.startswith("Notice: No comment was written.")
    assert "read:user" in said
    assert len(scene.comments) == 1


def test_an_earlier_run_that_ends_late_does_not_replace_a_later_ones_word(tmp_path: Path) -> None:
    scene = Scene(kind="github")
    post(scene, tmp_path, "later", GITHUB_RUN_ID="71")
    (said,) = post(scene, tmp_path, "earlier", GITHUB_RUN_ID="70", GITHUB_RUN_ATTEMPT="1")
    assert "later run" in said
    assert "later" in scene.comments[0]["body"]
    post(scene, tmp_path, "again", GITHUB_RUN_ID="71", GITHUB_RUN_ATTEMPT="2")
    assert "again" in scene.comments[0]["body"]


def change(**settings: Any) -> dict[str, Any]:
    return {"scene": {}, "environ": {}} | settings


LACKS = {
    "no token": (change(environ={TOKEN_VARIABLE: ""}), "There is no token"),
    "no pull request": (
        change(environ={"GITHUB_EVENT_PATH": "/nowhere"}),
        "This is not a job of a pull request",
    ),
    "no forge": (
        change(environ={"GITHUB_SERVER_URL": "http://127.0.0.1:1"}),
        "cannot be reached",
    ),
    "the token unencrypted": (
        change(environ={"GITHUB_SERVER_URL": "http://forge.example"}),
        "unencrypted",
    ),
    "no right": (change(scene={"may_comment": False}), "The token is not allowed"),
    "another token": (change(environ={TOKEN_VARIABLE: "other-token-0"}), "does not accept"),
    "a busy forge": (
        change(scene={"overrides": {"/api/v1/repos/o/r/issues/5/comments": Said(status=503)}}),
        "cannot answer now",
    ),
    "no list": (
        change(scene={"overrides": {"/api/v1/repos/o/r/issues/5/comments": Said(body=b"{}")}}),
        "are not a list",
    ),
    "no JSON": (
        change(scene={"overrides": {"/api/v1/repos/o/r/issues/5/comments": Said(body=b"<p>")}}),
        "something else than JSON",
    ),
}


@pytest.mark.parametrize("lack", LACKS)
def test_what_keeps_a_comment_from_being_written_is_told_in_one_line(
    tmp_path: Path, lack: str
) -> None:
    changes, expected = LACKS[lack]
    said = post(Scene(kind="gitea", **changes["scene"]), tmp_path, "text", **changes["environ"])
    assert len(said) == 1
    assert said[0].startswith("Notice: No comment was written. ")
    assert expected in said[0]


@pytest.mark.parametrize("kind", FORGES)
def test_the_token_is_in_no_line_and_goes_to_the_api_alone(tmp_path: Path, kind: str) -> None:
    scene = Scene(kind=kind, may_comment=False)
    said = post(scene, tmp_path, "text")
    assert TOKEN not in "".join(said)
    sent = {asked.path: asked.authorization for asked in scene.asked}
    assert all(TOKEN not in header for path, header in sent.items() if path.endswith("version"))


def test_a_comment_that_is_too_long_is_cut_at_a_line_and_closed() -> None:
    long = "### RED\n<details><summary>all</summary>\n" + "| row | text |\n" * 9000
    short = shorten_summary(long)
    assert len(short) < 65_000
    assert short.count("<details>") == short.count("</details>")
    assert "read the job's reports" in short
    assert shorten_summary("x" * MAX_COMMENT_CHARS) == "x" * MAX_COMMENT_CHARS


def test_a_long_comment_is_taken_by_the_forge(tmp_path: Path) -> None:
    scene = Scene(kind="github")
    post(scene, tmp_path, "| row | text |\n" * 9000)
    assert read_marker(scene.comments[0]["body"]) == (hash_key("gate ."), (70, 1))


@pytest.mark.parametrize(
    ("event", "ref", "number"),
    [
        ({"pull_request": {"number": 5}}, "", 5),
        ({"pull_request": {"number": True}}, "refs/pull/6/merge", 6),
        ({"pull_request": "7"}, "refs/pull/7/head", 7),
        ([], "refs/pull/8/merge", 8),
        ({"number": 9}, "refs/heads/main", 0),
        ({"pull_request": {"number": -1}}, "refs/pull/0/merge", 0),
    ],
)
def test_the_number_is_the_events_or_the_refs(
    tmp_path: Path, event: Any, ref: str, number: int
) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    environ = {
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_REF": ref,
        "GITHUB_SERVER_URL": "https://forge.example",
        "GITHUB_REPOSITORY": "o/r",
    }
    if number:
        assert read_pull_request(environ).number == number
    else:
        with pytest.raises(ForgeError, match="not a job of a pull request"):
            read_pull_request(environ)
