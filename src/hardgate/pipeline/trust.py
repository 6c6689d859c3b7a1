"""Where a change comes from: the forge says it, and what it does not say is untrusted.

A change's own workflow can clear its environment, so the forge's words are also looked for in the
processes above, the outermost first; and a machine with a policy is a runner, whatever they say.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CI_VARIABLES = (
    *("GITHUB_ACTIONS", "GITEA_ACTIONS", "FORGEJO_ACTIONS", "GITLAB_CI"),
    *("CI", "JENKINS_URL", "BUILDBOT"),
)
_EVENT_VARIABLES = frozenset({"GITHUB_EVENT_NAME", "GITLAB_CI"})
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


def determine_trust(*, runner: bool) -> Trust:
    """Judge by this process's environment and those above; `runner`: this machine has a policy."""
    environments = [dict(os.environ), *_read_parent_environments()]
    ci_environments = [
        environment for environment in environments if is_ci_environment(environment)
    ]
    if not ci_environments and runner:
        return _make_untrusted("this machine is a runner, and no forge says what it runs")
    # A machine's own 'CI=true' says nothing; the outermost forge that speaks is to be believed.
    with_event = [one for one in ci_environments if _EVENT_VARIABLES & one.keys()]
    return judge_trust((with_event or ci_environments or [{}])[-1])


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
    """Tell whether a CI system speaks here."""
    return any(environ.get(mark, "").lower() not in {"", "false", "0"} for mark in CI_VARIABLES)


def judge_trust(environ: Mapping[str, str]) -> Trust:
    """Judge by what a forge says in an environment; without any it is a person's own machine."""
    if not is_ci_environment(environ):
        return Trust(trusted=True, reason="no CI system speaks here: it is a person's own doing")
    if environ.get("GITLAB_CI"):
        return _judge_gitlab_pipeline(environ)
    if environ.get("GITHUB_EVENT_NAME"):
        return _judge_actions_event(environ)
    return _make_untrusted("this CI system does not say where the change comes from")


def _make_untrusted(reason: str) -> Trust:
    return Trust(trusted=False, reason=reason)


def _judge_actions_event(environ: Mapping[str, str]) -> Trust:
    """GitHub, and Gitea and Forgejo, which write the same words and the same event file."""
    name = environ["GITHUB_EVENT_NAME"]
    if name in TRUSTED_EVENTS:
        return Trust(trusted=True, reason=f"a {name} needs the right to write")
    if name not in PULL_REQUEST_EVENTS:
        return _make_untrusted(f"the event '{name}' does not say whose change it is")
    try:
        pull = json.loads(Path(environ["GITHUB_EVENT_PATH"]).read_text())["pull_request"]
        head, base = _read_repository_id(pull["head"]), _read_repository_id(pull["base"])
    except (OSError, ValueError, LookupError, TypeError):
        return _make_untrusted("the pull request's event cannot be read")
    if not head or not base:
        return _make_untrusted("the pull request's event does not name both repositories")
    if head != base:
        return _make_untrusted(f"the pull request comes from the fork '{head[1]}'")
    return Trust(trusted=True, reason="the pull request comes from the repository itself")


def _read_repository_id(side: Mapping[str, Any]) -> tuple[int, str] | None:
    """Give id and name; None where the fork is gone, or the event says nothing."""
    repository = side.get("repo")
    if not isinstance(repository, dict):
        return None
    number, name = repository.get("id"), repository.get("full_name")
    if not isinstance(number, int) or not isinstance(name, str) or not name:
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
    if source in TRUSTED_SOURCES:
        return Trust(trusted=True, reason=f"a pipeline by {source} needs the right to write")
    return _make_untrusted(f"the pipeline's source '{source}' does not say whose change it is")
