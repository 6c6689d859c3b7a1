"""The word at the end: what is missing, stale or skipped is red, and an edited contract is told."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hardgate.git import read_commit
from hardgate.model.contract import parse_contract
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import Check, exit_code_for_checks
from hardgate.pipeline.git_change import Change
from hardgate.pipeline.policy import Policy
from hardgate.pipeline.session_result import (
    IMAGE_SESSIONS,
    SESSIONS,
    encode_session_result,
    make_session_result,
)
from hardgate.pipeline.trust import Trust
from hardgate.pipeline.validate import ValidationContext, hash_session_contract, judge_sessions
from tests.unit.git_repositories import git as make

CONTRACT = b"""\
version: 1
agent_uid: 1000
capabilities:
  - {name: a, description: d, severity: hard, source: s, probe: "true"}
"""
TRUSTED = Trust(trusted=True, reason="a person")
FORK = Trust(trusted=False, reason="a fork")
UNREACHED = Change(description="all commits")
PASSED = Check(name="p", group="g", outcome=Outcome.PASS)


@pytest.fixture
def scene(tmp_path: Path) -> ValidationContext:
    """Make a repository with five green answers."""
    root = tmp_path / "template"
    root.mkdir()
    make(root, "init", "-q", "-b", "main")
    (root / "contract.yaml").write_bytes(CONTRACT)
    (root / ".gitignore").write_text("/reports/\n")
    make(root, "add", "-A")
    make(root, "commit", "-q", "-m", "first")
    base = make(root, "rev-parse", "HEAD")
    made = ValidationContext(
        root=root,
        reports=root / "reports",
        contract=parse_contract(CONTRACT, str(root / "contract.yaml")),
        contract_file=None,
        pin=None,
        change=Change(base=base, description="lines added since main"),
        trust=TRUSTED,
        policy=Policy(),
    )
    for session in SESSIONS:
        leave(made, session)
    return made


def leave(scene: ValidationContext, session: str, /, **changes: object) -> None:
    """Leave an answer; the gates' is a summary.json in the end, and reads alike."""
    answer = make_session_result(
        session,
        [PASSED],
        commit=read_commit(scene.root),
        contract=hash_session_contract(session, scene.contract),
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=1,
        image="sha256:1" if session in IMAGE_SESSIONS else "",
    )
    folder = scene.reports / session / "run"
    folder.mkdir(parents=True, exist_ok=True)
    told = json.loads(encode_session_result(answer, [PASSED])) | changes
    (folder / "answer.json").write_text(json.dumps(told))


def reasons(scene: ValidationContext) -> dict[str, str]:
    """Give what is not green, and why."""
    return {
        point.name: point.reason
        for point in judge_sessions(scene)
        if point.outcome is not Outcome.PASS
    }


def test_five_green_answers_are_green(scene: ValidationContext) -> None:
    assert exit_code_for_checks(judge_sessions(scene)) == 0


def drop(scene: ValidationContext) -> None:
    """Lose one."""
    (scene.reports / "secrets" / "run" / "answer.json").unlink()


def garble(scene: ValidationContext) -> None:
    """Break one."""
    (scene.reports / "secrets" / "run" / "answer.json").write_text("{")


def rename(scene: ValidationContext) -> None:
    """Let another session's answer pass for one."""
    leave(scene, "secrets", session="static")


DEFECTS: list[tuple[str, str, Callable[[ValidationContext], None]]] = [
    ("secrets", "missing", drop),
    ("secrets", "missing", garble),
    ("secrets", "missing", rename),
    ("t4", "skipped", lambda scene: leave(scene, "t4", partial=True)),
    ("t4", "another commit", lambda scene: leave(scene, "t4", commit="0" * 40)),
    (
        "t4",
        "not here any more",
        lambda s: leave(s, "t4", commit=f"{read_commit(s.root)}-dirty"),
    ),
    ("t4", "another contract", lambda scene: leave(scene, "t4", contract="0")),
    ("t4", "not: x", lambda s: leave(s, "t4", exit_code=1, headline="H: not: x (exit 1)")),
]


@pytest.mark.parametrize(("session", "why", "defect"), DEFECTS)
def test_one_defect_is_red_for_that_reason(
    scene: ValidationContext, session: str, why: str, defect: Callable[[ValidationContext], None]
) -> None:
    defect(scene)
    told = reasons(scene)
    assert set(told) == {session}
    assert (why if why != "another commit" else "it is about commit") in told[session]
    assert exit_code_for_checks(judge_sessions(scene)) == 1


def test_an_answer_that_could_not_be_given_is_unknown(scene: ValidationContext) -> None:
    leave(scene, "t4", exit_code=3)
    assert exit_code_for_checks(judge_sessions(scene)) == 3


def test_answers_about_two_images_do_not_add_up(scene: ValidationContext) -> None:
    leave(scene, "t4", image="sha256:2", started_at="2999-01-01T00:00:00+00:00")
    assert "another image" in reasons(scene)["runtime"]


def test_a_file_that_was_changed_since_makes_all_stale(scene: ValidationContext) -> None:
    for session in SESSIONS:
        leave(scene, session, started_at="2020-01-01T00:00:00+00:00")
    (scene.root / "new").write_text("x")
    assert set(reasons(scene)) == set(SESSIONS)


def test_a_fork_may_miss_what_the_runners_owner_allows(scene: ValidationContext) -> None:
    drop(scene)
    allowed = Policy(untrusted_may_miss=("secrets",), exists=True)
    assert exit_code_for_checks(judge_sessions(replace(scene, trust=FORK))) == 1
    assert exit_code_for_checks(judge_sessions(replace(scene, policy=allowed))) == 1
    assert exit_code_for_checks(judge_sessions(replace(scene, trust=FORK, policy=allowed))) == 0
    leave(scene, "secrets", exit_code=1)
    assert exit_code_for_checks(judge_sessions(replace(scene, trust=FORK, policy=allowed))) == 1


def edit(scene: ValidationContext, **changes: object) -> ValidationContext:
    """Edit the contract in the work tree."""
    file = scene.root / "contract.yaml"
    file.write_bytes(CONTRACT + b"# easier\n")
    edited = parse_contract(file.read_bytes(), str(file))
    scene = replace(scene, contract=edited, contract_file=file, **changes)  # type: ignore[arg-type]
    for session in SESSIONS:
        leave(scene, session)
    return scene


def test_a_contract_in_the_repository_that_is_not_edited_is_fine(scene: ValidationContext) -> None:
    unedited = replace(scene, contract_file=scene.root / "contract.yaml")
    assert exit_code_for_checks(judge_sessions(unedited)) == 0
    assert exit_code_for_checks(judge_sessions(replace(unedited, change=UNREACHED))) == 3


def test_an_edited_contract_is_red_unless_it_is_pinned_from_outside(
    scene: ValidationContext,
) -> None:
    edited = edit(scene)
    assert "EDITED by the change that it judges" in reasons(edited)["contract"]
    assert exit_code_for_checks(judge_sessions(edited)) == 1
    pinned = replace(edited, pin=edited.contract.sha256)
    told = next(point for point in judge_sessions(pinned) if point.name == "contract")
    assert told.outcome is Outcome.PASS
    assert "EDITED by this change, pinned from outside" in told.reason


def test_a_pin_that_stands_in_the_repository_is_not_from_outside(scene: ValidationContext) -> None:
    edited = edit(scene)
    (scene.root / "gate.yml").write_text(f"--contract-sha256 {edited.contract.sha256}\n")
    for session in SESSIONS:
        leave(edited, session)
    told = reasons(replace(edited, pin=edited.contract.sha256))
    assert "its pin stands in the repository as well" in told["contract"]


def test_the_runners_own_pin_decides(scene: ValidationContext) -> None:
    edited = edit(scene)
    other = replace(edited, policy=Policy(contract_sha256="0" * 64, exists=True))
    assert "pins another" in reasons(other)["contract"]
    same = replace(edited, policy=Policy(contract_sha256=edited.contract.sha256, exists=True))
    assert exit_code_for_checks(judge_sessions(same)) == 0
