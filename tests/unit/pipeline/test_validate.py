"""The word at the end: an answer counts if it is whole, agrees with itself, and is about this."""

import io
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hardgate.attest.statement import Statement, encode_statement, read_statement
from hardgate.cli.validate import RUN_SESSION, _print_row, _run_and_tell, state_last_word
from hardgate.cli.verify import find_problems
from hardgate.diagnosis.diagnose import attach_diagnoses
from hardgate.errors import ExitCode, HardgateError, UsageError
from hardgate.model.contract import load_contract, parse_contract
from hardgate.model.observation import Observation
from hardgate.model.run import Image, Source
from hardgate.model.verdict import Outcome, judge_plan
from hardgate.pipeline.check import Check, exit_code_for_checks
from hardgate.pipeline.content import measure_source
from hardgate.pipeline.git_change import Change
from hardgate.pipeline.policy import Policy
from hardgate.pipeline.session_result import (
    IMAGE_SESSIONS,
    MAX_RESULT_BYTES,
    SESSIONS,
    SessionResult,
    make_session_result,
)
from hardgate.pipeline.template import Template
from hardgate.pipeline.trust import Trust
from hardgate.pipeline.validate import (
    ContractPlace,
    ValidationContext,
    collect_session_statuses,
    hash_session_contract,
    judge_sessions,
    locate_contract,
    read_job_results,
    read_results,
)
from hardgate.report.console import Console
from hardgate.report.gate_summary import ExpectedRun
from hardgate.resources import CONTRACTS
from hardgate.system.git import UNKNOWN_COMMIT, read_commit
from tests.unit.answers import DIGEST, answer_bytes, gate_run, plan_of, summary_bytes
from tests.unit.git_repositories import commit, git

CONTRACT = (CONTRACTS / "t4.yaml").read_bytes()
PERSON = Trust(trusted=True, reason="a person", is_person=True)
JOB = Trust(trusted=True, reason="a push needs the right to write")
FORK = Trust(trusted=False, reason="a fork")
UNREACHED = Change(description="all commits")
FILES: dict[str, str | bytes | None] = {
    "Dockerfile": "FROM base\n",
    "entrypoint.sh": "#!/bin/sh\n",
    "contract.yaml": CONTRACT,
    ".gitignore": "/reports/\n/ignored\n",
}


@pytest.fixture
def scene(tmp_path: Path) -> ValidationContext:
    """Make a repository with five green answers."""
    root = tmp_path / "template"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    base = commit(root, FILES)
    made = look_again(
        ValidationContext(
            root=root,
            reports=root / "reports",
            source=HardgateError("not yet"),
            commit="",
            contract=load_contract(str(root / "contract.yaml")),
            contract_place=ContractPlace(is_own=True),
            pin=None,
            change=Change(base=base, description="lines added since main"),
            trust=PERSON,
            policy=Policy(),
        )
    )
    leave_all(made)
    return made


def commit_more(root: Path, name: str = "later") -> None:
    """Commit a file, and all that is tracked, but nothing that is ignored."""
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("x")
    git(root, "add", "--force", name)
    git(root, "commit", "--quiet", "--all", "--message", "more")


def look_again(scene: ValidationContext) -> ValidationContext:
    """Measure what lies there now, as `hardgate validate` does when it begins."""
    source: Source | HardgateError
    try:
        source = measure_source(Template.from_folder(str(scene.root)), [scene.reports])
        head = read_commit(scene.root)
    except HardgateError as error:
        source, head = error, UNKNOWN_COMMIT
    expected = {
        session: ExpectedRun(
            reference="", plan=plan_of(session, scene.contract), host_kind="nested"
        )
        for session in IMAGE_SESSIONS
    }
    return replace(scene, source=source, commit=head, expected=expected)


def leave_all(scene: ValidationContext) -> None:
    for session in SESSIONS:
        leave(scene, session)


def leave(scene: ValidationContext, session: str, /, run: str = "1", **changes: Any) -> None:
    """Leave a session's answer; `changes` are about what was looked at, and what came of it."""
    put(scene, session, run, content_of(scene, session, **changes))


def content_of(scene: ValidationContext, session: str, /, **changes: Any) -> bytes:
    source = scene.source if isinstance(scene.source, Source) else None
    source = changes.pop("source", source)
    if session in IMAGE_SESSIONS:
        image = Image(reference=".", digest=changes.pop("digest", DIGEST))
        plan = changes.pop("plan", plan_of(session, scene.contract))
        outcome = changes.pop("outcome", Outcome.PASS)
        image_or_none = None if changes.pop("no_image", False) else image
        run = gate_run(plan, outcome=outcome, image=image_or_none, source=source)
        word = {"outcome": changes.pop("word")} if "word" in changes else {}
        return summary_bytes(run, **changes, **word)
    about = {"commit": scene.commit, "contract": hash_session_contract(session, scene.contract)}
    return answer_bytes(session, source=source, **(about | changes))


def put(scene: ValidationContext, session: str, run: str, content: bytes) -> None:
    folder = scene.reports / session / run
    folder.mkdir(parents=True, exist_ok=True)
    name = "summary.json" if session in IMAGE_SESSIONS else "answer.json"
    (folder / name).write_bytes(content)
    (folder.parent / "latest").unlink(missing_ok=True)
    (folder.parent / "latest").symlink_to(run)


def points(scene: ValidationContext) -> list[Check]:
    return list(judge_sessions(scene, read_results(scene)))


def code(scene: ValidationContext) -> int:
    return exit_code_for_checks(points(scene))


def reasons(scene: ValidationContext) -> dict[str, str]:
    """Give what is not green, and why."""
    return {point.name: point.reason for point in points(scene) if point.outcome != Outcome.PASS}


def test_five_green_answers_are_green(scene: ValidationContext) -> None:
    assert reasons(scene) == {}
    assert code(scene) == 0


Defect = Callable[[ValidationContext], object]


def file_of(scene: ValidationContext, session: str) -> Path:
    name = "summary.json" if session in IMAGE_SESSIONS else "answer.json"
    return scene.reports / session / "1" / name


def changed(session: str, /, **changes: Any) -> Defect:
    return lambda scene: leave(scene, session, **changes)


def verdicts_without_one(scene: ValidationContext) -> None:
    summary = json.loads(content_of(scene, "t4"))
    del summary["verdicts"][-1]
    put(scene, "t4", "1", json.dumps(summary).encode())


def run_twice_without_a_mark(scene: ValidationContext) -> None:
    leave(scene, "static", run="2")
    (scene.reports / "static" / "latest").unlink()


def link_to(scene: ValidationContext) -> None:
    file = file_of(scene, "static")
    file.rename(scene.root / "ignored")
    file.symlink_to(scene.root / "ignored")


def link_the_run(scene: ValidationContext) -> None:
    """A run's folder elsewhere can be changed by whoever may write there."""
    run = file_of(scene, "static").parent
    run.rename(scene.root.parent / "elsewhere")
    run.symlink_to(scene.root.parent / "elsewhere")


def link_the_folder(scene: ValidationContext) -> None:
    folder = scene.reports / "static"
    folder.rename(scene.root.parent / "elsewhere")
    folder.symlink_to(scene.root.parent / "elsewhere")


def make_large(scene: ValidationContext) -> None:
    file = file_of(scene, "static")
    file.write_bytes(file.read_bytes() + b" " * MAX_RESULT_BYTES)


def repeat_a_key(session: str) -> Defect:
    """Give exit 1 before the exit 0 that is there: most readers take the last."""

    def repeat(scene: ValidationContext) -> None:
        text = file_of(scene, session).read_text()
        file_of(scene, session).write_text(text.replace("{", '{"exit_code": 1, ', 1))

    return repeat


def mark_latest(name: str) -> Defect:
    """Mark a run as the newest by a file, as where there are no links."""

    def mark(scene: ValidationContext) -> None:
        latest = scene.reports / "static" / "latest"
        latest.unlink()
        latest.write_text(name)

    return mark


def make_pipe(scene: ValidationContext) -> None:
    file_of(scene, "static").unlink()
    os.mkfifo(file_of(scene, "static"))


def drop(scene: ValidationContext, session: str) -> None:
    """Lose an answer, with every mark that it ever was there."""
    file_of(scene, session).unlink()
    (scene.reports / session / "latest").unlink()


OTHER = Source(repository="r", context=".", dockerfile="Dockerfile", content="sha256:" + "2" * 64)
DEFECTS: Mapping[str, tuple[str, str, Defect]] = {
    "H7 missing": (
        "secrets",
        "missing",
        lambda s: drop(s, "secrets"),
    ),
    "H7 garbled": ("secrets", "not JSON", lambda s: file_of(s, "secrets").write_text("{")),
    "H7 a list": ("secrets", "not a JSON object", lambda s: file_of(s, "secrets").write_text("[]")),
    "H7 deep": ("static", "not JSON", lambda s: file_of(s, "static").write_text("[" * 10**5)),
    "H7 a newer one was broken off": (
        "t4",
        "broken off",
        lambda s: (file_of(s, "t4").rename(s.reports / "kept"), None),
    ),
    "H7 two runs, none of them marked": ("static", "2 runs", run_twice_without_a_mark),
    "H7 a link": ("static", "it is a link", link_to),
    "H7 a run that is a link": ("static", "is a link", link_the_run),
    "H7 a session's folder that is a link": ("static", "is a link", link_the_folder),
    "H7 too large": ("static", "larger than", make_large),
    "H7 a key twice": ("static", "'exit_code' stands twice", repeat_a_key("static")),
    "H7 a gate's key twice": ("t4", "'exit_code' stands twice", repeat_a_key("t4")),
    "H7 a number that is none": (
        "static",
        "NaN is not a number",
        changed("static", seconds=float("nan")),
    ),
    "H7 a text that is none": (
        "static",
        "not JSON that counts",
        changed("static", notices=["\ud800"]),
    ),
    "H7 latest leads out": ("static", "names no run", mark_latest("../t4/1")),
    "H7 latest is empty": ("static", "names no run", mark_latest("")),
    "H7 latest has a zero in it": ("static", "names no run", mark_latest("1\0")),
    "H7 latest without end": ("static", "larger than", mark_latest("1" * 20 * 2**20)),
    "H7 a pipe": ("static", "not a regular file", make_pipe),
    "H7 another session's": ("secrets", "of 'static'", changed("secrets", session="static")),
    "H7 another schema": ("static", "schema version", changed("static", schema_version=9)),
    "H7 green over red points": (
        "static",
        "come to 1",
        changed("static", outcome=Outcome.FAIL, exit_code=0),
    ),
    "H7 green over no points": ("static", "come to 3", changed("static", points=[])),
    "H7 points of another shape": ("static", "garbled", changed("static", points=[{"name": 1}])),
    "H7 a code that is not a code": ("static", "garbled", changed("static", exit_code=7)),
    "H7 a code that is a flag": ("static", "garbled", changed("static", exit_code=False)),
    "H7 another headline": ("static", "headline", changed("static", headline="all is well")),
    "H7 misses that are not named": (
        "static",
        "not name",
        changed("static", outcome=Outcome.FAIL, missed=[]),
    ),
    "H7 a gate's code over its verdicts": (
        "t4",
        "come to 1",
        changed("t4", outcome=Outcome.FAIL, exit_code=0, word="green"),
    ),
    "H7 a gate without one verdict": ("t4", "0 verdicts of", verdicts_without_one),
    "H7 a gate of tier 1": (
        "t4",
        "not verified under tier 4",
        changed("t4", tier={"number": 1, "name": "x"}),
    ),
    "H7 a gate on another host": (
        "t4",
        "test host is 'direct'",
        changed("t4", host={"kind": "direct", "name": "", "engine": "1", "kernel": "1"}),
    ),
    "H7 a gate's of another session": (
        "t4",
        "answer of 'runtime'",
        changed("t4", session="runtime"),
    ),
    "H7 an answer without content": (
        "static",
        "does not say which content",
        changed("static", source=None),
    ),
    "H5 another context": (
        "t4",
        "about the template 'sub'",
        changed("t4", source=replace(OTHER, context="sub")),
    ),
    "H5 another Dockerfile": (
        "adapter",
        "with 'Other'",
        changed("adapter", source=replace(OTHER, dockerfile="Other")),
    ),
    "H6 another content": ("adapter", "other content", changed("adapter", source=OTHER)),
    "an image that was not built": ("t4", "not built from this", changed("t4", source=None)),
    "another contract": ("static", "another contract", changed("static", contract="0" * 64)),
    "another gate's contract": (
        "t4",
        "another contract",
        changed("t4", contract={"sha256": "0" * 64, "version": 1, "count": 10}),
    ),
    "M19 another history": (
        "secrets",
        "about commit 000000000000",
        changed("secrets", commit="0" * 40),
    ),
    "a red one": ("t4", "did not hold", changed("t4", outcome=Outcome.FAIL)),
    "a part": (
        "t4",
        "skipped",
        lambda s: leave(
            s,
            "t4",
            plan=replace(
                plan_of("t4", s.contract), capabilities=plan_of("t4", s.contract).capabilities[:1]
            ),
        ),
    ),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_one_defect_is_red_for_that_reason(scene: ValidationContext, name: str) -> None:
    session, why, defect = DEFECTS[name]
    defect(scene)
    told = reasons(scene)
    assert set(told) == {session}
    assert why in told[session]
    assert code(scene) == 1


def test_a_broken_newest_answer_is_not_skipped_for_an_older_green_one(
    scene: ValidationContext,
) -> None:
    put(scene, "t4", "2", b"{")
    assert "not JSON" in reasons(scene)["t4"]


UNKNOWN: Mapping[str, tuple[str, Defect]] = {
    "an unknown answer": ("static", changed("static", outcome=Outcome.ERROR)),
    "A3 an engine that is away": (
        "t4",
        changed("t4", outcome=Outcome.ERROR, no_image=True, host=None),
    ),
    "an interrupted one": ("static", changed("static", exit_code=130)),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_unknown_stays_unknown_and_is_not_called_stale(scene: ValidationContext, name: str) -> None:
    session, defect = UNKNOWN[name]
    defect(scene)
    told = reasons(scene)
    assert set(told) == {session}
    assert "stale" not in told[session]
    assert code(scene) == 3


def test_answers_about_two_images_do_not_add_up(scene: ValidationContext) -> None:
    leave(scene, "t4", digest="sha256:" + "2" * 64)
    assert "about another image than 't4' is" in reasons(scene)["runtime"]
    assert code(scene) == 1


def touch_back(root: Path) -> None:
    """Give a changed file the time that it had."""
    before = (root / "Dockerfile").stat()
    (root / "Dockerfile").write_text("FROM scratch\n")
    os.utime(root / "Dockerfile", ns=(before.st_atime_ns, before.st_mtime_ns))


def take_back_one_of_two(root: Path) -> None:
    git(root, "checkout", "--", "entrypoint.sh")


def replace_by_an_older(root: Path) -> None:
    old = root.parent / "old"
    old.write_text("FROM old\n")
    os.utime(old, (1, 1))
    old.rename(root / "Dockerfile")


def become_a_link(root: Path) -> None:
    (root / "entrypoint.sh").unlink()
    (root / "entrypoint.sh").symlink_to("Dockerfile")


CHANGES: Mapping[str, Callable[[Path], object]] = {
    "a new file": lambda root: (root / "new").write_text("x"),
    "a file's content, with its old time": touch_back,
    "a fix is taken back while another file stays dirty": take_back_one_of_two,
    "a file is replaced by an older one": replace_by_an_older,
    "an untracked file of the build goes": lambda root: (root / "untracked").unlink(),
    "a git-ignored file of the build": lambda root: (root / "ignored").write_text("y"),
    "a mode": lambda root: (root / "entrypoint.sh").chmod(0o755),
    "a file becomes a link": become_a_link,
    "a tracked file goes": lambda root: (root / "entrypoint.sh").unlink(),
    "dirty, then committed anew": commit_more,
}


@pytest.mark.parametrize("in_git", [True, False], ids=["git", "no git"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_content_makes_all_stale_whatever_the_times_say(
    scene: ValidationContext, change: str, in_git: bool
) -> None:
    """H6, each row of its table, and M19."""
    if not in_git and change in {
        "a fix is taken back while another file stays dirty",
        "dirty, then committed anew",
    }:
        return
    root = scene.root
    for name in ("entrypoint.sh", "Dockerfile", "untracked", "ignored"):
        (root / name).write_text("dirty\n")
    if not in_git:
        (root / ".git").rename(root.parent / "gone")
    scene = look_again(scene)
    leave_all(scene)
    assert reasons(scene) == {}
    CHANGES[change](root)
    told = reasons(look_again(scene))
    assert set(told) == set(SESSIONS)
    assert all("other content" in why for why in told.values())


def test_committing_what_was_looked_at_changes_no_answer_but_that_of_the_history(
    scene: ValidationContext,
) -> None:
    (scene.root / "Dockerfile").write_text("FROM other\n")
    scene = look_again(scene)
    leave_all(scene)
    git(scene.root, "commit", "--quiet", "--all", "--message", "later")
    assert set(reasons(look_again(scene))) == {"secrets"}


def test_what_the_sessions_write_is_not_what_they_look_at(scene: ValidationContext) -> None:
    for name in ("reports/t4/2/x", ".nox/x", "src/__pycache__/x.pyc", ".pytest_cache/v"):
        file = scene.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    assert reasons(look_again(scene)) == {}


def test_a_tracked_file_counts_wherever_it_lies(scene: ValidationContext) -> None:
    commit_more(scene.root, "src/__pycache__/x.pyc")
    assert set(reasons(look_again(scene))) == set(SESSIONS)


def test_answers_that_a_commit_brings_along_count_for_nothing(scene: ValidationContext) -> None:
    """H7: a change may commit answers of its own, for content that it can compute."""
    (scene.root / ".gitignore").unlink()
    git(scene.root, "add", "-f", "reports/static")
    told = reasons(scene)
    assert set(told) == set(SESSIONS)
    assert "is a file of the repository" in told["t4"]
    assert code(scene) == 1


def test_a_git_that_refuses_makes_it_unknown_and_not_stale(scene: ValidationContext) -> None:
    """H4: what is not known is compared with nothing."""
    refusing = replace(scene, source=HardgateError("Git does not answer."), commit=UNKNOWN_COMMIT)
    told = reasons(refusing)
    assert set(told) == set(SESSIONS)
    assert all("not known whether it is about these files" in why for why in told.values())
    assert code(refusing) == 3


def move_to_artifact(scene: ValidationContext, session: str) -> Path:
    """Lay a session's answers out as a CI system brings back its own job's artifact."""
    folder = scene.reports / f"answers-{session}"
    (scene.reports / session).rename(folder)
    (folder / "latest").unlink()
    return folder


def test_each_answer_comes_from_its_own_artifact(scene: ValidationContext) -> None:
    for session in SESSIONS:
        move_to_artifact(scene, session)
    assert reasons(scene) == {}


def test_an_answer_in_another_sessions_artifact_is_none(scene: ValidationContext) -> None:
    """H7.1 and H7.2: what the adapter's tests leave in its artifact is not read as a t4's."""
    leave(scene, "t4", outcome=Outcome.FAIL)
    adapter = move_to_artifact(scene, "adapter")
    for place in ("t4/2", "reports/t4/2", "2/t4"):
        (adapter / place).mkdir(parents=True)
        (adapter / place / "summary.json").write_bytes(content_of(scene, "t4"))
    assert set(reasons(scene)) == {"t4"}


TWINS = {"an equal copy": (b"", {}), "another": (b" ", {"adapter": "two answers that differ"})}


@pytest.mark.parametrize("twin", TWINS)
def test_an_upload_that_followed_latest_holds_one_answer_twice(
    scene: ValidationContext, twin: str
) -> None:
    folder = move_to_artifact(scene, "adapter")
    more, expected = TWINS[twin]
    (folder / "latest").mkdir()
    content = (folder / "1" / "answer.json").read_bytes()
    (folder / "latest" / "answer.json").write_bytes(content + more)
    told = reasons(scene)
    assert set(told) == set(expected)
    assert all(why in told[name] for name, why in expected.items())


@pytest.mark.parametrize("mark", [Path.symlink_to, Path.write_text], ids=["a link", "a file"])
@pytest.mark.parametrize("named", ["1", "2"])
def test_an_artifact_may_keep_latest_as_it_was(
    scene: ValidationContext, mark: Callable[[Path, str], object], named: str
) -> None:
    """As GitLab's artifacts do, and a plain copy; it has to name the run that is there."""
    for session in SESSIONS:
        mark(move_to_artifact(scene, session) / "latest", named)
    told = reasons(scene)
    assert set(told) == (set() if named == "1" else set(SESSIONS))
    assert all("names a run that is not there" in why for why in told.values())


def test_an_artifact_of_two_runs_counts_for_nothing(scene: ValidationContext) -> None:
    folder = move_to_artifact(scene, "adapter")
    (folder / "2").mkdir()
    (folder / "2" / "answer.json").write_bytes((folder / "1" / "answer.json").read_bytes())
    assert "holds 2 answers" in reasons(scene)["adapter"]


JOBS = dict.fromkeys(("static", "adapter", "secrets", "t4"), "success")


def test_a_green_answer_agrees_with_what_became_of_its_job(scene: ValidationContext) -> None:
    assert reasons(replace(scene, jobs=JOBS)) == {}
    for ended in ("failure", "cancelled", "skipped"):
        told = reasons(replace(scene, jobs=JOBS | {"t4": ended}))
        assert set(told) == {"runtime", "t4"}
        assert f"its job ended in '{ended}'" in told["t4"]
    assert set(reasons(replace(scene, jobs={}))) == set(SESSIONS)
    leave(scene, "runtime", outcome=Outcome.FAIL)
    told = reasons(replace(scene, jobs=JOBS | {"t4": "failure"}))
    assert set(told) == {"runtime"}, "it is why the job failed"


def test_job_results_are_read_from_the_forges_own_word() -> None:
    needs = '{"t4": {"result": "failure", "outputs": {}}}'
    assert read_job_results({"HARDGATE_JOBS": needs}) == {"t4": "failure"}
    assert read_job_results({}) is None
    failed_first = '{"t4": {"result": "failure"}, "t4": {"result": "success"}}'
    for garbled in ("{", "[]", '{"t4": 1}', '{"t4": {}}', "[" * 10**5, failed_first):
        with pytest.raises(UsageError, match="cannot be read"):
            read_job_results({"HARDGATE_JOBS": garbled})


ALLOWED = Policy(untrusted_may_miss=("t4",), exists=True)
EXCUSES: Mapping[str, tuple[Defect, int]] = {
    "a missing one": (
        lambda s: drop(s, "t4"),
        0,
    ),
    "L5 a part that was seen red": (
        lambda s: leave(
            s,
            "t4",
            outcome=Outcome.FAIL,
            plan=replace(
                plan_of("t4", s.contract), capabilities=plan_of("t4", s.contract).capabilities[:1]
            ),
        ),
        1,
    ),
    "a part that was seen green": (
        lambda s: leave(
            s,
            "t4",
            plan=replace(
                plan_of("t4", s.contract), capabilities=plan_of("t4", s.contract).capabilities[:1]
            ),
        ),
        0,
    ),
    "a red one": (changed("t4", outcome=Outcome.FAIL), 1),
    "a garbled one": (lambda s: file_of(s, "t4").write_text("{"), 1),
}


@pytest.mark.parametrize("name", EXCUSES)
def test_a_fork_may_miss_what_the_runners_owner_allows_and_nothing_else(
    scene: ValidationContext, name: str
) -> None:
    defect, expected = EXCUSES[name]
    defect(scene)
    assert code(replace(scene, trust=FORK)) == 1
    assert code(replace(scene, policy=ALLOWED)) == 1
    assert code(replace(scene, trust=FORK, policy=ALLOWED)) == expected


MARKS = {Outcome.PASS: "✓", Outcome.FAIL: "✗", Outcome.ERROR: "?"}


@pytest.mark.parametrize("outcome", MARKS)
def test_a_session_that_is_run_has_the_mark_of_its_answer(
    scene: ValidationContext, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    """B6: it was '✓ Run static (stale) … red'."""
    leave(scene, "static", source=OTHER)
    results = read_results(scene)
    (stale,) = (one for one in collect_session_statuses(scene, results) if not one.is_green)
    checks = [Check(name="p", group="g", outcome=outcome)]

    def run(*_: object) -> SessionResult:
        return make_session_result(
            "static", checks, commit="", contract="", started_at="", seconds=0
        )

    monkeypatch.setitem(RUN_SESSION, "static", run)
    printed = io.StringIO()
    _run_and_tell(stale, scene, [], Console(printed), None)
    (line,) = printed.getvalue().splitlines()
    assert line.startswith(f"{MARKS[outcome]} Run static (stale) ")
    assert line.endswith({"✓": "green", "✗": "red", "?": "unknown"}[MARKS[outcome]])


def state(scene: ValidationContext) -> Statement:
    """State the last word over what lies here, as `validate --sign-key` signs it."""
    results = read_results(scene)
    checks = list(judge_sessions(scene, results))
    made = make_session_result(
        "validate",
        checks,
        commit=scene.commit,
        contract=scene.contract.sha256,
        started_at="",
        seconds=0,
    )
    return read_statement(encode_statement(state_last_word(made, checks, scene, results)))


def test_what_is_stated_of_an_image_rests_on_answers_that_count(scene: ValidationContext) -> None:
    digest = DIGEST.removeprefix("sha256:")
    assert (state(scene).image, state(scene).warned) == (digest, ())
    assert list(find_problems(state(scene), DIGEST, "")) == []
    leave(scene, "t4", outcome=Outcome.FAIL)
    assert (state(scene).image, state(scene).failed) == (digest, ("t4",)), "of it, that it is red"


def test_an_image_of_a_stale_answer_is_not_stated_though_a_fork_may_miss_it(
    scene: ValidationContext,
) -> None:
    """A fork's change may lack a t4: then neither its image nor its t4 was proved."""
    drop(scene, "runtime")
    leave(scene, "t4", source=OTHER, digest="sha256:" + "2" * 64)
    both = Policy(untrusted_may_miss=("runtime", "t4"), exists=True)
    excused = state(replace(scene, trust=FORK, policy=both))
    assert (excused.exit_code, excused.image) == (ExitCode.HELD, "")
    assert excused.warned == ("runtime", "t4")
    assert list(find_problems(excused, "", "")) == ["It does not prove runtime, t4."]


def inside(scene: ValidationContext, **changes: Any) -> ValidationContext:
    """Let the contract be the repository's own file, as it lies there now."""
    file = scene.root / "contract.yaml"
    contract = parse_contract(file.read_bytes(), str(file))
    place = ContractPlace(inside=Path("contract.yaml"))
    scene = look_again(replace(scene, contract=contract, contract_place=place, **changes))
    leave_all(scene)
    return scene


def edit(scene: ValidationContext) -> None:
    (scene.root / "contract.yaml").write_bytes(CONTRACT + b"# easier\n")


def test_a_contract_in_the_repository_that_is_not_edited_is_fine(scene: ValidationContext) -> None:
    assert reasons(inside(scene)) == {}
    assert code(inside(scene, change=UNREACHED)) == 3


def test_an_edited_contract_is_red_unless_a_person_pins_it_from_outside(
    scene: ValidationContext,
) -> None:
    edit(scene)
    edited = inside(scene)
    assert "EDITED by the change that it judges" in reasons(edited)["contract"]
    assert code(edited) == 1
    pinned = replace(edited, pin=edited.contract.sha256)
    assert reasons(pinned) == {}
    assert "EDITED by this change, pinned from outside" in points(pinned)[0].reason


def test_a_pin_that_a_job_gives_is_one_that_the_change_can_choose(
    scene: ValidationContext,
) -> None:
    """M9.3: `--contract-sha256 $(sha256sum contract.yaml …)` in the change's own workflow."""
    edit(scene)
    edited = inside(scene, trust=JOB)
    told = reasons(replace(edited, pin=edited.contract.sha256))
    assert "its pin is the job's own" in told["contract"]


def test_a_pin_that_stands_in_the_repository_is_not_from_outside(scene: ValidationContext) -> None:
    edit(scene)
    sha = inside(scene).contract.sha256
    (scene.root / "gate.yml").write_text(f"--contract-sha256 {sha}\n")
    told = reasons(inside(scene, pin=sha))
    assert "its pin stands in the repository as well" in told["contract"]


def test_a_pin_that_our_own_report_names_is_still_from_outside(scene: ValidationContext) -> None:
    """L19: where reports/ is not ignored, an answer there holds the contract's hash."""
    edit(scene)
    (scene.root / ".gitignore").unlink()
    edited = inside(scene)
    assert reasons(replace(edited, pin=edited.contract.sha256)) == {}


LINKS = {
    "the contract": ("contract.yaml", "contract.yaml"),
    "its folder": ("contracts", "contracts/contract.yaml"),
}


@pytest.mark.parametrize("link", LINKS)
def test_a_contract_that_is_a_link_is_not_a_contract_that_is_not_edited(
    scene: ValidationContext, link: str
) -> None:
    """M9.1: its target is of an earlier job, and nothing that git knows."""
    name, written = LINKS[link]
    outside = scene.root.parent / "outside"
    outside.mkdir()
    (outside / "contract.yaml").write_bytes(CONTRACT)
    (scene.root / name).unlink(missing_ok=True)
    target = outside if name == "contracts" else outside / "contract.yaml"
    (scene.root / name).symlink_to(target)
    place = locate_contract(str(scene.root / written), scene.root, is_own=False)
    assert place == ContractPlace(inside=Path(written))
    told = reasons(replace(look_again(scene), contract_place=place))
    assert f"'{name}' is a link" in told["contract"]


def test_a_history_that_git_cannot_give_is_not_an_empty_change(scene: ValidationContext) -> None:
    """M9.2: a tree of the base is missing, as in a partial clone or a damaged store."""
    tree = git(scene.root, "rev-parse", "HEAD^{tree}")
    commit_more(scene.root)
    scene = inside(scene)
    assert reasons(scene) == {}
    (scene.root / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    told = points(scene)[0]
    assert told.outcome is Outcome.ERROR
    assert "nobody can tell whether this change edits it" in told.reason


def test_a_contract_elsewhere_is_vouched_for_by_a_person_or_by_root(
    scene: ValidationContext, tmp_path: Path
) -> None:
    file = tmp_path / "contract.yaml"
    file.write_bytes(CONTRACT)
    place = locate_contract(str(file), scene.root, is_own=False)
    assert place == ContractPlace(outside=file)
    elsewhere = replace(scene, contract_place=place)
    assert reasons(elsewhere) == {}
    told = points(replace(elsewhere, trust=JOB))[0]
    assert told.outcome is Outcome.ERROR
    assert "a change could name another" in told.reason
    at_url = replace(scene, contract_place=locate_contract("https://h/c", scene.root, is_own=False))
    assert points(replace(at_url, trust=JOB))[0].outcome is Outcome.ERROR


def test_the_runners_own_pin_decides(scene: ValidationContext) -> None:
    edit(scene)
    edited = inside(scene, trust=JOB)
    other = replace(edited, policy=Policy(contract_sha256="0" * 64, exists=True))
    assert "pins another" in reasons(other)["contract"]
    same = replace(edited, policy=Policy(contract_sha256=edited.contract.sha256, exists=True))
    assert reasons(same) == {}


def test_a_workspace_that_died_at_boot_is_explained_on_the_screen(scene: ValidationContext) -> None:
    """The cause once, and the last ten lines of the workspace's log below it."""
    plan = plan_of("t4", scene.contract)
    log = [f"line {number}" for number in range(12)] + ["KeyError: 'MODEL_API_KEY'"]
    ended = {
        "exit_status": 1,
        "oom_killed": False,
        "error": "",
        "log": log,
        "command": ["/boot.sh"],
        "entrypoint": "#!/bin/sh",
    }
    facts = {"ready": False, "missing": "The workspace ended.", "ended": ended}
    observations = [
        Observation(name="workspace_became_ready", facts=facts),
        *(
            Observation(name=name, problem="The workspace had ended.")
            for name in (
                *(guard.name for guard in plan.guards),
                *(capability.name for capability in plan.capabilities),
            )
            if name != "workspace_became_ready"
        ),
    ]
    verdicts = attach_diagnoses(plan, judge_plan(plan, observations), observations)
    source = scene.source
    assert isinstance(source, Source)
    run = gate_run(plan, verdicts=verdicts, exit_code=ExitCode.BROKEN, source=source)
    leave_all(scene)
    put(scene, "t4", "1", summary_bytes(run))
    check = next(one for one in points(scene) if one.name == "t4")
    printed = io.StringIO()
    _print_row(Console(printed), check)
    lines = printed.getvalue().splitlines()
    assert check.outcome is Outcome.FAIL
    assert [line.strip() for line in lines if line.startswith("    | ")] == [
        f"| {line}" for line in log[-10:]
    ]
    (why,) = (line for line in lines if line.startswith("    why: "))
    assert "workspace_became_ready" in why
    assert "MODEL_API_KEY" in why
