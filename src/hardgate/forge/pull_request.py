"""Which pull request a CI job runs for, from the variables that the forges' runners set."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardgate.forge.http import ForgeError
from hardgate.forge.repository_url import RepositoryAddress
from hardgate.pipeline.forge_event import read_forge_event

_PULL_REF = re.compile(r"refs/pull/([1-9][0-9]{0,17})/(?:merge|head)")
_RUN_NUMBER = re.compile(r"[1-9][0-9]{0,17}")


@dataclass(frozen=True, kw_only=True)
class PullRequest:
    """A pull request, and the CI job that speaks of it."""

    address: RepositoryAddress
    number: int
    commit: str
    """The newest one of the change; empty where the forge does not tell it."""
    run: tuple[int, int]
    """Number and attempt of the workflow's run: a later run has a greater one. (0, 0) of none."""
    run_url: str


def read_pull_request(environ: Mapping[str, str]) -> PullRequest:
    """Read the job's variables and its event; raises ForgeError where there is no pull request."""
    event = _read_event(environ)
    number = _read_number(event, environ)
    server, repository = environ.get("GITHUB_SERVER_URL", ""), environ.get("GITHUB_REPOSITORY", "")
    if not number or not server or not repository:
        raise ForgeError(
            "This is not a job of a pull request on GitHub, Gitea or Forgejo.",
            "Leave '--comment' out, or run this on the event 'pull_request'.",
        )
    run = environ.get("GITHUB_RUN_ID", "")
    address = RepositoryAddress.from_url(f"{server}/{repository}")
    return PullRequest(
        address=address,
        number=number,
        commit=_read_head_commit(event),
        run=(_read_count(run), _read_count(environ.get("GITHUB_RUN_ATTEMPT", ""))),
        run_url=f"{address}/actions/runs/{run}" if _read_count(run) else "",
    )


def _read_event(environ: Mapping[str, str]) -> Mapping[str, Any]:
    return read_forge_event(environ) or {}


def _read_number(event: Mapping[str, Any], environ: Mapping[str, str]) -> int:
    pull = event.get("pull_request")
    number = pull.get("number") if isinstance(pull, Mapping) else None
    if isinstance(number, int) and not isinstance(number, bool) and number > 0:
        return number
    found = _PULL_REF.fullmatch(environ.get("GITHUB_REF", ""))
    return int(found[1]) if found else 0


def _read_head_commit(event: Mapping[str, Any]) -> str:
    pull = event.get("pull_request")
    head = pull.get("head") if isinstance(pull, Mapping) else None
    commit = str(head.get("sha") or "") if isinstance(head, Mapping) else ""
    return commit if re.fullmatch(r"[0-9a-f]{40,64}", commit) else ""


def _read_count(text: str) -> int:
    return int(text) if _RUN_NUMBER.fullmatch(text) else 0
