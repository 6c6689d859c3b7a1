"""Forks as each forge tells them; a policy that only root can write; and what is refused."""

import hashlib
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.pipeline.policy import Policy, has_grant, read_policy, refuse_direct
from hardgate.pipeline.trust import Trust, judge_environments, judge_trust

ACTIONS = {"GITHUB_ACTIONS": "true", "CI": "true"}
PUSH, FORKED = (
    ACTIONS | {"GITHUB_EVENT_NAME": "push"},
    ACTIONS | {"GITHUB_EVENT_NAME": "pull_request"},
)
GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
OWN, FORK = {"id": 1, "full_name": "own/it"}, {"id": 2, "full_name": "else/it"}
UNTRUSTED = Trust(trusted=False, reason="a fork")


@pytest.mark.parametrize(
    ("environ", "trusted"),
    [
        ({"CI": "true"}, False),
        ({"JENKINS_URL": "x"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "push"}, True),
        (ACTIONS | {"GITHUB_EVENT_NAME": "push", "GITHUB_BASE_REF": "main"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "push", "GITHUB_REF": "refs/pull/1/merge"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": "/gone/event.json"}, False),
        ({"GITEA_ACTIONS": "true", "GITHUB_EVENT_NAME": "push"}, True),
        ({"FORGEJO_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule"}, True),
        (ACTIONS | {"GITHUB_EVENT_NAME": "issue_comment"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "workflow_run"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "pull_request"}, False),
        (ACTIONS, False),
        ({"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, True),
        (GITLAB | {"CI_PIPELINE_SOURCE": "push"}, False),
        (GITLAB | {"CI_PIPELINE_SOURCE": "merge_request_event"}, False),
        (
            GITLAB
            | {
                "CI_PIPELINE_SOURCE": "merge_request_event",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "1",
            },
            True,
        ),
        (
            GITLAB
            | {
                "CI_PIPELINE_SOURCE": "merge_request_event",
                "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": "2",
            },
            False,
        ),
        (GITLAB | {"CI_PIPELINE_SOURCE": "external_pull_request_event"}, False),
        ({"GITLAB_CI": "true"}, False),
        (FORKED | {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, False),
        (PUSH | {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, False),
        (PUSH | {"JENKINS_URL": "https://jenkins.example"}, False),
        (PUSH | {"TF_BUILD": "false", "GITLAB_CI": ""}, True),
        (PUSH | {"GITEA_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, True),
    ],
)
def test_what_the_forge_does_not_say_is_untrusted(environ: dict[str, str], trusted: bool) -> None:
    assert judge_trust(environ).trusted is trusted


@pytest.mark.parametrize(
    ("event", "trusted"),
    [
        ({"pull_request": {"head": {"repo": OWN}, "base": {"repo": OWN}}}, True),
        ({"pull_request": {"head": {"repo": FORK}, "base": {"repo": OWN}}}, False),
        ({"pull_request": {"head": {"repo": None}, "base": {"repo": OWN}}}, False),
        ({"pull_request": {"head": {"repo": {}}, "base": {"repo": {}}}}, False),
        ({"pull_request": None}, False),
        ({"pull_request": "x"}, False),
        ({"pull_request": {"head": "x", "base": ["x"]}}, False),
        ({"pull_request": {"head": {"repo": OWN}}}, False),
        (
            {
                "pull_request": {
                    "head": {"repo": {"id": True, "full_name": "own/it"}},
                    "base": {"repo": OWN},
                }
            },
            False,
        ),
        ({}, False),
        ([], False),
    ],
)
@pytest.mark.parametrize("name", ["pull_request", "pull_request_target"])
def test_a_pull_request_is_as_trusted_as_its_head(
    tmp_path: Path, event: object, trusted: bool, name: str
) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    environ = ACTIONS | {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}
    assert judge_trust(environ).trusted is trusted


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "no JSON": lambda file: file.write_text("{"),
    "deep": lambda file: file.write_text("[" * 10**5),
    "a key twice": lambda file: file.write_text('{"pull_request": {}, "pull_request": null}'),
    "a pipe": os.mkfifo,
    "a folder": lambda file: file.mkdir(),
    "without end": lambda file: file.symlink_to("/dev/zero"),
    "no text": lambda file: file.write_bytes(b'{"a": "\xff"}'),
}


@pytest.mark.parametrize("name", ["push", "pull_request"])
@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_event_that_cannot_be_read_is_untrusted_and_no_crash(
    tmp_path: Path, kind: str, name: str
) -> None:
    file = tmp_path / "event.json"
    UNREADABLE[kind](file)
    environ = ACTIONS | {"GITHUB_EVENT_NAME": name, "GITHUB_EVENT_PATH": str(file)}
    judged = judge_trust(environ)
    assert not judged.trusted
    assert "cannot be read" in judged.reason


def test_an_event_that_contradicts_its_own_file_is_untrusted(tmp_path: Path) -> None:
    """H2: one variable in a change's own workflow makes a pull request a push."""
    file = tmp_path / "event.json"
    file.write_text(json.dumps({"pull_request": {"head": {"repo": FORK}, "base": {"repo": OWN}}}))
    environ = ACTIONS | {"GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": str(file)}
    assert not judge_trust(environ).trusted
    file.write_text(json.dumps({"before": "0" * 40, "ref": "refs/heads/main"}))
    assert judge_trust(environ).trusted


SPEAKERS: dict[str, tuple[list[dict[str, str]], bool, bool, bool]] = {
    "a person at a terminal": ([{}], False, True, True),
    "M15 nobody at a terminal": ([{}], False, False, False),
    "M15 a CI system of another name": ([{"TF_BUILD": "True"}], False, True, False),
    "M15 another": ([{"bamboo_buildKey": "K"}], False, True, False),
    "a runner, where no forge speaks": ([{}], True, True, False),
    "a machine's own CI=true below a forge": ([PUSH, {"CI": "true"}], False, False, True),
    "H2 the step says push, and its shell a fork": ([PUSH, FORKED], False, False, False),
    "H2 the step says a fork, and its shell push": ([FORKED, PUSH], False, False, False),
    "H2 the step says push, below a CI system that says nothing": (
        [PUSH, {"JENKINS_URL": "x"}],
        False,
        False,
        False,
    ),
    "H2 the step says that it is at another forge": (
        [{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push"}, FORKED],
        False,
        False,
        False,
    ),
}


@pytest.mark.parametrize("name", SPEAKERS)
def test_one_that_is_not_trusted_is_enough(name: str) -> None:
    environments, runner, at_terminal, trusted = SPEAKERS[name]
    judged = judge_environments(environments, runner=runner, at_terminal=at_terminal)
    assert judged.trusted is trusted
    assert judged.is_person is (name == "a person at a terminal")


def test_a_cleared_environment_does_not_hide_the_forge_above() -> None:
    code = (
        "from hardgate.pipeline.trust import determine_trust; "
        "print(determine_trust(runner=False).trusted)"
    )
    inner = f"env -u CI -u GITHUB_ACTIONS {shlex.quote(sys.executable)} -c '{code}'; true"
    ended = subprocess.run(
        ["/bin/sh", "-c", inner],
        env={**os.environ, **ACTIONS},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ended.stdout.strip() == "False"


def write(folder: Path, text: str) -> Path:
    """Write a policy that nobody else may write to."""
    folder.chmod(0o755)
    file = folder / "policy.yaml"
    file.write_text(text)
    file.chmod(0o644)
    return file


def test_a_machine_without_a_policy_allows_nothing(tmp_path: Path) -> None:
    assert read_policy(tmp_path / "policy.yaml") == Policy()


def test_a_policy_is_read(tmp_path: Path) -> None:
    file = write(tmp_path, "direct_for_untrusted: true\nuntrusted_may_miss: [t4]\n")
    told = read_policy(file, owner=os.getuid())
    assert told == Policy(direct_for_untrusted=True, untrusted_may_miss=("t4",), exists=True)


@pytest.mark.parametrize("mode", [0o664, 0o646])
def test_a_policy_that_others_may_write_counts_for_nothing(tmp_path: Path, mode: int) -> None:
    file = write(tmp_path, "direct_for_untrusted: true\n")
    file.chmod(mode)
    with pytest.raises(UsageError, match="counts for nothing"):
        read_policy(file, owner=os.getuid())


def test_a_policy_of_somebody_else_counts_for_nothing(tmp_path: Path) -> None:
    file = write(tmp_path, "direct_for_untrusted: true\n")
    with pytest.raises(UsageError, match="belongs to uid"):
        read_policy(file, owner=os.getuid() + 1)


def test_a_misspelt_policy_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path, "direct_for_untrustd: true\n")
    with pytest.raises(UsageError, match="Did you mean 'direct_for_untrusted'"):
        read_policy(file, owner=os.getuid())


IDLE = {
    "an answer that is none": ("untrusted_may_miss: [t5]\n", "names 't5', which is not an answer"),
    "the contract": ("untrusted_may_miss: [contract]\n", "'contract', which is not an answer"),
    "a pin that is none": ("contract_sha256: 1a2b\n", "is not a sha256"),
}


@pytest.mark.parametrize("name", IDLE)
def test_a_policy_that_would_hold_for_nothing_is_refused(tmp_path: Path, name: str) -> None:
    text, why = IDLE[name]
    with pytest.raises(UsageError, match=why):
        read_policy(write(tmp_path, text), owner=os.getuid())


def test_a_policy_that_is_a_dangling_link_is_not_no_policy(tmp_path: Path) -> None:
    """L18."""
    tmp_path.chmod(0o755)
    (tmp_path / "policy.yaml").symlink_to(tmp_path / "gone")
    with pytest.raises(UsageError, match="is a link"):
        read_policy(tmp_path / "policy.yaml", owner=os.getuid())


TRUSTED = Trust(trusted=True, reason="a push needs the right to write")
RUNNER = Policy(exists=True, registered_for="own/it")
DIRECT: dict[str, tuple[Trust, Policy, str]] = {
    "no policy, and a fork": (UNTRUSTED, Policy(), "to untrusted input: a fork"),
    "no policy, and a push": (TRUSTED, Policy(), ""),
    "H2 a runner, and a job that says push": (TRUSTED, RUNNER, "allows it to no repository"),
    "the runner's repository": (TRUSTED, replace(RUNNER, direct_for=("own/it",)), ""),
    "a fork of the runner's repository": (
        UNTRUSTED,
        replace(RUNNER, direct_for=("own/it",)),
        "a fork",
    ),
    "M16 a runner of a whole organisation": (
        TRUSTED,
        Policy(exists=True, registered_for="own", direct_for=("own/it",)),
        "serves 'own'",
    ),
    "M16 a runner that does not say whose it is": (
        TRUSTED,
        Policy(exists=True, direct_for=("own/it",)),
        "serves 'anybody'",
    ),
    "what root allows to all that come to one repository": (
        UNTRUSTED,
        replace(RUNNER, direct_for_untrusted=True, direct_for=("own/it",)),
        "",
    ),
    "what root allows to all of one, on the runner of another": (
        UNTRUSTED,
        replace(RUNNER, direct_for_untrusted=True, direct_for=("own/other",)),
        "allows it to own/other alone",
    ),
    "what root allows to all": (UNTRUSTED, Policy(exists=True, direct_for_untrusted=True), ""),
}


@pytest.mark.parametrize("name", DIRECT)
def test_direct_is_what_root_allows_and_no_job_can_raise(name: str) -> None:
    trust, policy, why = DIRECT[name]
    refuse_direct("nested", trust, policy, {})
    if not why:
        refuse_direct("direct", trust, policy, {})
        return
    with pytest.raises(UsageError, match="hand this machine to untrusted input") as refused:
        refuse_direct("direct", trust, policy, {})
    assert why in str(refused.value)


def grant(folder: Path, text: str) -> Path:
    folder.chmod(0o755)
    file = folder / "direct-grant"
    file.write_text(text)
    file.chmod(0o644)
    return file


def test_root_grants_one_run_by_what_only_that_run_is_given(tmp_path: Path) -> None:
    digest, owner = hashlib.sha256(b"given").hexdigest(), os.getuid()
    given, guessed, empty = (str(tmp_path / name) for name in ("given", "guessed", "empty"))
    for name in (given, guessed, empty):
        Path(name).write_text(f"{Path(name).name}\n" if name != empty else "")
    file = grant(tmp_path, f"{digest} {int(time.time()) + 60}\n")
    assert has_grant(given, file, owner=owner)
    assert not has_grant(guessed, file, owner=owner)
    assert not has_grant("", file, owner=owner)
    assert not has_grant(empty, file, owner=owner)
    assert not has_grant(str(tmp_path / "gone"), file, owner=owner)
    assert not has_grant(given, file, owner=owner + 1), "somebody else's file"
    assert not has_grant(given, tmp_path / "gone", owner=owner)
    assert not has_grant(given, grant(tmp_path, f"{digest} 1\n"), owner=owner), "it has ended"
    assert not has_grant(given, grant(tmp_path, digest), owner=owner)
    file.chmod(0o666)
    assert not has_grant(given, file, owner=owner)
