"""Where a change comes from, as far as the job that runs it gives it away.

A job chooses its own words: on most forges a step's variables win over the forge's, and a process
may be replaced by one with another environment. So what a job says can only lower trust; what
raises it on a runner is the machine's policy (`policy`), which is root's.
See D47 in ARCHITECTURE.md.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.pipeline.forge_event import EVENT_VARIABLE, read_forge_event

CI_VARIABLES = (
    *("GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "GITLAB_CI", "CI"),
    *("JENKINS_URL", "HUDSON_URL", "BUILDBOT", "TF_BUILD", "TEAMCITY_VERSION", "bamboo_buildKey"),
    *("CODEBUILD_BUILD_ID", "CIRCLECI", "TRAVIS", "APPVEYOR", "DRONE", "BUILDKITE", "SEMAPHORE"),
    *("BITBUCKET_BUILD_NUMBER", "GO_PIPELINE_NAME", "CIRRUS_CI", "WOODPECKER", "CI_PIPELINE_ID"),
)
_EVENT_VARIABLES = frozenset({"GITHUB_EVENT_NAME", "GITLAB_CI"})
_ACTIONS_VARIABLES = frozenset(
    {"GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "GITHUB_EVENT_NAME"}
)
_GITLAB_VARIABLES = frozenset({"GITLAB_CI", "CI_PIPELINE_ID"})
_OTHER_VARIABLES = frozenset(CI_VARIABLES) - _ACTIONS_VARIABLES - _GITLAB_VARIABLES - {"CI"}
TRUSTED_EVENTS = frozenset({"push", "schedule", "workflow_dispatch", "create", "delete", "release"})
"""Events of those who may write to the repository."""
PULL_REQUEST_EVENTS = frozenset({"pull_request", "pull_request_target", "pull_request_review"})
TRUSTED_SOURCES = frozenset(
    {"push", "web", "schedule", "api", "trigger", "pipeline", "parent_pipeline"}
)


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whether the input is trusted, and why."""

    trusted: bool
    reason: str
    is_person: bool = False
    """A person at a terminal asked for it: no job did."""


def determine_trust(*, runner: bool) -> Trust:
    """Judge by this process and those above; `runner`: this machine has a policy."""
    environments = [dict(os.environ), *_read_parent_environments()]
    return judge_environments(environments, runner=runner, at_terminal=_is_at_terminal())


def _is_at_terminal() -> bool:
    try:
        return sys.stdin is not None and sys.stdin.isatty()
    except ValueError:  # it is closed
        return False


def judge_environments(
    environments: "list[dict[str, str]]", *, runner: bool, at_terminal: bool
) -> Trust:
    """Judge by each environment with CI variables, the nearest first: one untrusted is enough."""
    ci_environments = [
        environment for environment in environments if is_ci_environment(environment)
    ]
    if not ci_environments and runner:
        return _make_untrusted("this machine is a runner, and no CI variables name the job's event")
    if not ci_environments and not at_terminal:
        return _make_untrusted("no CI variables are set, and the input is no terminal")
    if not ci_environments:
        return Trust(
            trusted=True,
            reason="started by hand at a terminal, and no CI variables are set",
            is_person=True,
        )
    # A machine's own 'CI=true' names no event: variables that name one, or a CI system, win.
    telling = _EVENT_VARIABLES | _OTHER_VARIABLES
    with_event = [one for one in ci_environments if telling & one.keys()] or ci_environments
    judged = [judge_trust(environment) for environment in with_event]
    return next((trust for trust in judged if not trust.trusted), judged[-1])


def _read_parent_environments() -> Iterator[dict[str, str]]:
    """Yield the environments that the processes above were started with, the nearest first."""
    pid = os.getppid()
    while pid > 1:
        try:
            raw = Path(f"/proc/{pid}/environ").read_bytes()
            status = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return
        pairs = (entry.partition("=") for entry in raw.decode(errors="replace").split("\0"))
        yield {name: value for name, _, value in pairs if name}
        pid = int(status.rpartition(")")[2].split()[1])


def is_ci_environment(environ: Mapping[str, str]) -> bool:
    """Tell whether an environment has the variables of a CI system."""
    return any(_is_set(environ, mark) for mark in CI_VARIABLES)


def _is_set(environ: Mapping[str, str], mark: str) -> bool:
    return environ.get(mark, "").lower() not in {"", "false", "0"}


def judge_trust(environ: Mapping[str, str]) -> Trust:
    """Judge by the forge's variables; those of two CI systems at once are untrusted."""
    families = (_ACTIONS_VARIABLES, _GITLAB_VARIABLES, _OTHER_VARIABLES)
    if sum(any(_is_set(environ, mark) for mark in family) for family in families) > 1:
        return _make_untrusted(
            "variables of several CI systems are set, and at most one of them is the forge"
        )
    if environ.get("GITLAB_CI"):
        return _judge_gitlab_pipeline(environ)
    if environ.get("GITHUB_EVENT_NAME"):
        return _judge_actions_event(environ)
    return _make_untrusted("this CI system sets no variable that names the origin of the change")


def _make_untrusted(reason: str) -> Trust:
    return Trust(trusted=False, reason=reason)


def _judge_actions_event(environ: Mapping[str, str]) -> Trust:
    """GitHub, and Gitea and Forgejo, which write the same words and the same event file."""
    name = environ["GITHUB_EVENT_NAME"]
    if name in TRUSTED_EVENTS:
        contradiction = _find_contradiction(name, environ)
        return Trust(
            trusted=not contradiction,
            reason=contradiction or f"a {name} needs the right to write",
        )
    if name not in PULL_REQUEST_EVENTS:
        return _make_untrusted(f"the event '{name}' does not say whose change it is")
    pull = (read_forge_event(environ) or {}).get("pull_request")
    if not isinstance(pull, dict):
        return _make_untrusted("the pull request's event cannot be read")
    head, base = (_read_repository_id(pull.get(side)) for side in ("head", "base"))
    if not head or not base:
        return _make_untrusted("the pull request's event does not name both repositories")
    if head != base:
        return _make_untrusted(f"the pull request comes from the fork '{head[1]}'")
    return Trust(trusted=True, reason="the pull request comes from the repository itself")


def _find_contradiction(name: str, environ: Mapping[str, str]) -> str:
    """Say where the forge's other words are those of a pull request; empty where none are."""
    if environ.get("GITHUB_BASE_REF") or environ.get("GITHUB_HEAD_REF"):
        return f"the event is '{name}', and a pull request's branches are named"
    if environ.get("GITHUB_REF", "").startswith(("refs/pull/", "refs/merge-requests/")):
        return f"the event is '{name}', and the reference is a pull request's"
    if not environ.get(EVENT_VARIABLE):
        return ""
    event = read_forge_event(environ)
    if event is None:
        return f"the event is '{name}', and its file cannot be read"
    if "pull_request" in event:
        return f"the event is '{name}', and its file is not that of one"
    return ""


def _read_repository_id(side: Any) -> tuple[int, str] | None:
    """Give id and name; None where the fork is gone, or the event says nothing."""
    repository = side.get("repo") if isinstance(side, dict) else None
    if not isinstance(repository, dict):
        return None
    number, name = repository.get("id"), repository.get("full_name")
    if type(number) is not int or not isinstance(name, str) or not name:
        return None
    return number, name


def _judge_gitlab_pipeline(environ: Mapping[str, str]) -> Trust:
    source = environ.get("CI_PIPELINE_SOURCE", "")
    if source == "merge_request_event":
        head = environ.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "")
        base = environ.get("CI_MERGE_REQUEST_PROJECT_ID", "")
        if head and head == base == environ.get("CI_PROJECT_ID", base):
            return Trust(trusted=True, reason="the merge request comes from the project itself")
        return _make_untrusted("the merge request comes from a fork, or does not say from where")
    if source in TRUSTED_SOURCES and any(
        name.startswith(("CI_MERGE_REQUEST_", "CI_EXTERNAL_PULL_REQUEST_")) for name in environ
    ):
        return _make_untrusted(f"the source is '{source}', and a merge request is named")
    if source in TRUSTED_SOURCES:
        return Trust(trusted=True, reason=f"a pipeline by {source} needs the right to write")
    return _make_untrusted(f"the pipeline's source '{source}' does not say whose change it is")
