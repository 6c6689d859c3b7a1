"""A forge's word: green only where the run, its jobs and all five answers of that commit are."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardgate.cli.main import main
from hardgate.cli.parser import CommandParser
from hardgate.cli.prove import add_prove_options, read_prove_request
from hardgate.errors import ExitCode, UsageError
from hardgate.forge.prove import ProveRequest, prove_workflow
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.forge.token import TokenError, read_forge_token
from hardgate.model.verdict import Outcome
from hardgate.pipeline.session_result import SessionResult, read_session_results
from hardgate.report.console import Console
from tests.unit.answers import DIGEST
from tests.unit.forge_server import (
    COMMIT,
    TOKEN,
    Said,
    Scene,
    answer_file,
    serve_scene,
    told,
    zipped,
)

FORGES = ("gitea", "forgejo", "github")


def proved(scene: Scene, out: Path, **changes: Any) -> tuple[ExitCode, str]:
    """Prove against a scene, and give the exit code and what was said."""
    stream = io.StringIO()
    with serve_scene(scene) as base:
        settings: dict[str, Any] = {
            "taken_seconds": 0.3,
            "seconds": 5,
            "poll_seconds": 0.01,
        } | changes
        address = RepositoryAddress.from_url(f"{base}/o/r")
        request = ProveRequest(address=address, token=TOKEN, out=out, **settings)
        code = prove_workflow(request, Console(stream, environ={}))
    return code, stream.getvalue()


def answer(out: Path) -> dict[str, Any]:
    """Read what was left."""
    return dict(json.loads((out / "answer.json").read_text()))


@pytest.mark.parametrize("names_the_run", [True, False], ids=["named", "found"])
@pytest.mark.parametrize("kind", FORGES)
def test_a_run_whose_five_answers_are_green_is_green(
    tmp_path: Path, kind: str, names_the_run: bool
) -> None:
    scene = Scene(kind=kind, names_the_run=names_the_run)
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.HELD, said
    left = answer(tmp_path)
    assert left["commit"] == COMMIT
    assert "run/7" in said.replace("runs", "run")
    assert {point["name"] for point in left["points"]} >= {"run", "t4", "runtime", "job validate"}
    fetched = {file.name for file in (tmp_path / "fetched").rglob("*") if file.is_file()}
    assert fetched == {"answer.json", "summary.json", "junit.xml"}


@pytest.mark.parametrize("kind", FORGES)
def test_the_token_is_in_no_output_and_goes_nowhere_but_to_the_api(
    tmp_path: Path, kind: str
) -> None:
    storage = Scene(kind=kind)
    with serve_scene(storage) as elsewhere:
        scene = Scene(kind=kind, elsewhere=elsewhere)
        code, said = proved(scene, tmp_path)
    assert code == ExitCode.HELD, said
    assert len(storage.asked) == 5
    assert {asked.authorization for asked in storage.asked} == {""}
    assert TOKEN not in said
    assert all(TOKEN not in f.read_text() for f in tmp_path.rglob("*") if f.is_file())


def test_a_netrc_of_the_users_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    scene = Scene(kind="github")
    code, said = proved(scene, tmp_path / "out")
    assert code == ExitCode.HELD, said
    assert not [one for one in scene.asked if one.authorization.startswith("Basic")]


def gone(session: str) -> Callable[[Scene], None]:
    """Make a change: a session left nothing."""

    def change(scene: Scene) -> None:
        del scene.answers[session]

    return change


def job(name: str, word: str) -> Callable[[Scene], None]:
    """Make a change: a job ended so, in a run that calls itself a success."""

    def change(scene: Scene) -> None:
        scene.jobs[name] = word

    return change


def says(session: str, **changes: Any) -> Callable[[Scene], None]:
    """Make a change: an answer says something else."""

    def change(scene: Scene) -> None:
        scene.answers[session] |= changes

    return change


def run(*states: str) -> Callable[[Scene], None]:
    """Make a change: the run goes through these."""

    def change(scene: Scene) -> None:
        scene.states = list(states)

    return change


def untaken(scene: Scene) -> None:
    """Make a change: nobody takes it."""
    scene.states = ["waiting"]
    scene.jobs = dict.fromkeys(scene.jobs, "waiting")


MISSES: dict[str, tuple[Callable[[Scene], None], int, str]] = {
    "a red run": (run("running", "failure"), 1, "'failure' at commit"),
    "a cancelled run": (run("running", "cancelled"), 3, "'cancelled' at commit"),
    "a skipped run": (run("skipped"), 3, "'skipped' at commit"),
    "a word that nobody knows": (run("running", "well"), 3, "'well' at commit"),
    "no runner": (untaken, 3, "No runner took the run within"),
    "a run without an end": (run("running"), 3, "had not ended after"),
    "a red job": (job("t4", "failure"), 1, "job t4"),
    "a skipped job": (job("secrets", "skipped"), 3, "the forge calls it 'skipped'"),
    "a cancelled job": (job("validate", "cancelled"), 3, "the forge calls it 'cancelled'"),
    "no jobs": (lambda scene: scene.jobs.clear(), 3, "the run has no jobs"),
    "a missing answer": (gone("runtime"), 3, "missing: no artifact of the run holds this answer"),
    "a red answer": (says("t4", outcome=Outcome.FAIL), 1, "agent_uid_1000"),
    "an unknown answer": (says("t4", outcome=Outcome.ERROR), 3, "t4"),
    "a partial answer": (says("t4", only=("agent_uid_1000",)), 3, "t4"),
    "another commit": (says("static", commit="0" * 40), 3, "it is about '00000000000000000000'"),
    "a changed commit": (says("static", commit=f"{COMMIT}-dirty"), 3, "it is about '5f0c"),
    "another image": (says("t4", digest="sha256:2"), 3, "are about two images"),
    "a branch that moved": (lambda s: setattr(s, "commit", "1" * 40), 3, "it ran on 111111111111"),
}


@pytest.mark.parametrize("kind", FORGES)
@pytest.mark.parametrize("miss", MISSES)
def test_whatever_is_not_seen_to_be_green_is_not_green(
    tmp_path: Path, kind: str, miss: str
) -> None:
    change, code, word = MISSES[miss]
    scene = Scene(kind=kind)
    change(scene)
    seconds = 0.3 if miss == "a run without an end" else 5
    seen, said = proved(scene, tmp_path, seconds=seconds)
    assert seen == code, said
    assert word in said
    assert answer(tmp_path)["exit_code"] == code


def test_a_run_that_waits_between_its_jobs_was_taken(tmp_path: Path) -> None:
    scene = Scene(kind="gitea", states=["waiting"] * 60 + ["success"])
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.HELD, said


def test_a_red_thing_beside_an_unknown_one_is_red(tmp_path: Path) -> None:
    scene = Scene(kind="gitea")
    job("secrets", "skipped")(scene)
    says("t4", outcome=Outcome.FAIL)(scene)
    assert proved(scene, tmp_path)[0] == ExitCode.BROKEN


def test_runs_that_nobody_can_tell_apart_are_unknown(tmp_path: Path) -> None:
    code, said = proved(Scene(kind="github", names_the_run=False, new_runs=2), tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "2 runs were asked for at once" in said


def test_a_request_that_no_run_follows_is_unknown(tmp_path: Path) -> None:
    code, said = proved(Scene(kind="github", names_the_run=False, new_runs=0), tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "no run of 5f0c1d9e8b7a appeared" in said


@pytest.mark.parametrize("status", [404, 422])
def test_a_workflow_that_cannot_be_dispatched_says_what_to_write(
    tmp_path: Path, status: int
) -> None:
    scene = Scene(kind="github", dispatch=told({"message": "no such trigger"}, status))
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "with 'workflow_dispatch:' below 'on:'" in said


REFUSALS = {
    "a token that is not accepted": (401, "does not accept the token"),
    "a token with too few rights": (403, "is not allowed to do that"),
    "a repository that is not there": (404, "The forge knows no"),
    "a repository that moved": (301, "has moved to"),
    "a forge that is broken": (503, "cannot answer now"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_forge_that_says_no_is_unknown_and_says_why(tmp_path: Path, name: str) -> None:
    status, word = REFUSALS[name]
    headers = {"Location": "http://elsewhere.example/"} if status == 301 else {}
    refusal = Said(status=status, body=b'{"message": "no"}', headers=headers)
    scene = Scene(kind="gitea", overrides={"/api/v1/repos/o/r": refusal})
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert word in said
    assert not scene.dispatched


def test_a_forge_that_is_out_of_reach_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    scene = Scene(kind="gitea", states=["running"])
    place = "/api/v1/repos/o/r/actions/runs/7"
    scene.overrides[place] = Said(status=502)
    scene.names_the_run = False
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "cannot answer now" in said
    assert len([one for one in scene.asked if one.path == place]) == 5


def test_nobody_at_the_address_is_unknown(tmp_path: Path) -> None:
    with serve_scene(Scene(kind="gitea")) as base:
        pass
    request = ProveRequest(
        address=RepositoryAddress.from_url(f"{base}/o/r"), token=TOKEN, out=tmp_path
    )
    stream = io.StringIO()
    assert prove_workflow(request, Console(stream, environ={})) == ExitCode.UNKNOWN
    assert "cannot be reached" in stream.getvalue()
    assert answer(tmp_path)["exit_code"] == 3


def test_something_else_than_a_forge_does_not_get_the_token(tmp_path: Path) -> None:
    nothing = Said(body=b"<html>welcome</html>")
    places = ("/api/forgejo/v1/version", "/api/v1/version", "/api/v3/meta")
    scene = Scene(kind="gitea", overrides=dict.fromkeys(places, nothing))
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "is not a Gitea, Forgejo or GitHub that says so" in said
    assert {asked.authorization for asked in scene.asked} == {""}


OLD = {
    "gitea": ("runs", "This Gitea does not tell the runs", "Version 1.25"),
    "forgejo": ("runs/7/jobs", "This Forgejo does not tell the jobs", "Version 16"),
}


@pytest.mark.parametrize("kind", OLD)
def test_an_older_forge_is_told_to_be_too_old(tmp_path: Path, kind: str) -> None:
    path, word, remedy = OLD[kind]
    no = told({"message": "Not Found"}, 404)
    scene = Scene(kind=kind, overrides={f"/api/v1/repos/o/r/actions/{path}": no})
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert word in said
    assert remedy in said


def test_giteas_artifacts_of_version_3_are_fetched_where_a_browser_gets_them(
    tmp_path: Path,
) -> None:
    scene = Scene(kind="gitea", artifacts_told=False)
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.HELD, said
    by_name = [one for one in scene.asked if "/artifacts/answers-" in one.path]
    assert {one.authorization for one in by_name} == {""}


def test_of_a_private_gitea_they_are_missing_and_what_to_do_is_said(tmp_path: Path) -> None:
    scene = Scene(kind="gitea", artifacts_told=False, public=False)
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "only where the repository is public" in said


BOMBS = {
    "too large": zipped({"1/summary.json": b"0" * (17 * 1024 * 1024)}),
    "leads out of it": zipped({"../../t4/summary.json": b"{}"}),
    "cannot be read": b"this is not a zip",
    "holds 10,001 files": zipped({f"{n}": b"" for n in range(10_001)}),
}


@pytest.mark.parametrize("word", BOMBS)
def test_a_zip_that_is_not_fit_is_not_taken(tmp_path: Path, word: str) -> None:
    out = tmp_path / "deep" / "out"
    code, said = proved(Scene(kind="github", zips={"t4": BOMBS[word]}), out)
    assert code == ExitCode.UNKNOWN
    assert word in said
    assert "missing: no artifact" in said
    assert {file.name for file in tmp_path.rglob("t4")} == set()


def test_a_download_without_an_end_is_cut(tmp_path: Path) -> None:
    large = Said(body=b"0" * (33 * 1024 * 1024))
    scene = Scene(kind="github", overrides={"/blob/t4": large})
    code, said = proved(scene, tmp_path)
    assert code == ExitCode.UNKNOWN
    assert "answers with more than 33,554,432 bytes" in said


def test_what_an_earlier_run_fetched_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    assert proved(Scene(kind="gitea"), tmp_path)[0] == ExitCode.HELD
    scene = Scene(kind="gitea")
    gone("static")(scene)
    assert proved(scene, tmp_path)[0] == ExitCode.UNKNOWN


def test_the_command_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HARDGATE_FORGE_TOKEN", TOKEN)
    with serve_scene(Scene(kind="gitea", states=["success"])) as base:
        words = ["runner", "--prove", f"{base}/o/r", "--out", str(tmp_path)]
        assert main(words) == ExitCode.HELD
    assert capsys.readouterr().out.splitlines()[-1].startswith("HARDGATE PROVE GREEN: ")


def test_the_command_without_a_token_is_unknown_and_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HARDGATE_FORGE_TOKEN", raising=False)
    scene = Scene(kind="gitea")
    with serve_scene(scene) as base:
        assert main(["runner", "--prove", f"{base}/o/r"]) == ExitCode.UNKNOWN
    assert "There is no token for the forge's API" in capsys.readouterr().err
    assert scene.asked == []


def read(tmp_path: Path, *words: str, environ: dict[str, str]) -> ProveRequest:
    """Read words as the command does."""
    parser = CommandParser("prove", "a test")
    add_prove_options(parser)
    return read_prove_request(parser.parse_argv(["--out", str(tmp_path), *words]), environ)


def test_without_a_token_nobody_can_tell(tmp_path: Path) -> None:
    with pytest.raises(TokenError, match="There is no token for the forge's API") as caught:
        read(tmp_path, "--prove", "https://forge.example/o/r", environ={})
    assert caught.value.exit_code == ExitCode.UNKNOWN


def test_a_token_comes_from_the_environment_or_a_file_that_counts_before_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("of-the-file\n")
    words = ("--prove", "https://forge.example/o/r")
    environ = {"HARDGATE_FORGE_TOKEN": "of-the-environment"}
    assert read(tmp_path, *words, environ=environ).token == "of-the-environment"
    named = read(tmp_path, *words, "--token-file", str(file), environ=environ)
    assert named.token == "of-the-file"


@pytest.mark.parametrize("text", ["", "\n", "two words", "two\nlines", "tök", "x" * 5000])
def test_what_can_be_no_token_is_refused_before_it_is_sent(tmp_path: Path, text: str) -> None:
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(TokenError, match="holds"):
        read_forge_token({}, file)


def test_a_token_is_not_shown_with_its_request(tmp_path: Path) -> None:
    words = ("--prove", "https://forge.example/o/r")
    request = read(tmp_path, *words, environ={"HARDGATE_FORGE_TOKEN": TOKEN})
    assert TOKEN not in repr(request)


@pytest.mark.parametrize(
    ("text", "base", "path"),
    [
        ("https://forge.example/o/r", "https://forge.example", "/repos/o/r"),
        ("https://forge.example/o/r.git/", "https://forge.example", "/repos/o/r"),
        ("https://forge.example:3000/git/o/r", "https://forge.example:3000/git", "/repos/o/r"),
        ("http://[::1]:3000/o/r", "http://[::1]:3000", "/repos/o/r"),
    ],
)
def test_an_address_is_read_as_a_browser_shows_it(text: str, base: str, path: str) -> None:
    address = RepositoryAddress.from_url(text)
    assert (address.base, address.api_path) == (base, path)


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("http://forge.example/o/r", True),
        ("https://forge.example/o/r", False),
        ("http://127.0.0.1:3000/o/r", False),
    ],
)
def test_a_token_that_others_can_read_on_the_way_is_known(text: str, readable: bool) -> None:
    assert RepositoryAddress.from_url(text).is_unencrypted is readable


@pytest.mark.parametrize(
    "text",
    [
        *("", "forge.example/o/r", "ssh://forge.example/o/r", "https://forge.example/o"),
        *("https://forge.example/o/..", "https://forge.example/o/r?x=1", "https://a:b/o/r"),
        *("https://user:word@forge.example/o/r", "https://forge.example/o/a%2fb"),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        RepositoryAddress.from_url(text)
    assert "word" not in str(caught.value).replace("password", "")


def test_answers_of_other_machines_are_not_this_ones(tmp_path: Path) -> None:
    name, content = answer_file("t4", digest="sha256:elsewhere")
    for place in ("prove/1/fetched/0-answers-t4/1", "runner/1/host/t4", "fleet/1/h/t4"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / name).write_bytes(content)
    assert read_session_results(tmp_path, {})["t4"] is None
    (tmp_path / "t4" / "1").mkdir(parents=True)
    (tmp_path / "t4" / "1" / name).write_bytes(answer_file("t4")[1])
    read = read_session_results(tmp_path, {})["t4"]
    assert isinstance(read, SessionResult)
    assert read.image == DIGEST
