"""Forks as each forge tells them; a policy that only root can write; and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hardgate.errors import UsageError
from hardgate.pipeline.policy import Policy, read_policy, refuse_direct
from hardgate.pipeline.trust import Trust, judge_trust

ACTIONS = {"GITHUB_ACTIONS": "true", "CI": "true"}
GITLAB = {"GITLAB_CI": "true", "CI_PROJECT_ID": "1", "CI_MERGE_REQUEST_PROJECT_ID": "1"}
OWN, FORK = {"id": 1, "full_name": "own/it"}, {"id": 2, "full_name": "else/it"}
UNTRUSTED = Trust(trusted=False, reason="a fork")


@pytest.mark.parametrize(
    ("environ", "trusted"),
    [
        ({}, True),
        ({"CI": "false"}, True),
        ({"CI": "true"}, False),
        ({"JENKINS_URL": "x"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "push"}, True),
        ({"GITEA_ACTIONS": "true", "GITHUB_EVENT_NAME": "push"}, True),
        ({"FORGEJO_ACTIONS": "true", "GITHUB_EVENT_NAME": "schedule"}, True),
        (ACTIONS | {"GITHUB_EVENT_NAME": "issue_comment"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "workflow_run"}, False),
        (ACTIONS | {"GITHUB_EVENT_NAME": "pull_request"}, False),
        (ACTIONS, False),
        (GITLAB | {"CI_PIPELINE_SOURCE": "push"}, True),
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


def test_a_cleared_environment_does_not_hide_the_forge_above() -> None:
    code = (
        "from hardgate.pipeline.trust import determine_trust; "
        "print(determine_trust(runner=False).trusted)"
    )
    inner = f"env -u CI -u GITHUB_ACTIONS {sys.executable} -c '{code}'; true"
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


def test_direct_is_refused_for_untrusted_input_unless_root_allows_it() -> None:
    with pytest.raises(UsageError, match="hand this machine to untrusted input: a fork"):
        refuse_direct("direct", UNTRUSTED, Policy())
    refuse_direct("direct", UNTRUSTED, Policy(direct_for_untrusted=True))
    refuse_direct("direct", Trust(trusted=True, reason=""), Policy())
    refuse_direct("nested", UNTRUSTED, Policy())
