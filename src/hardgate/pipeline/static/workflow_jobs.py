"""Which jobs of a workflow run on an event, by what they need and by their conditions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from hardgate.pipeline.static.expression import (
    STATUS_FUNCTIONS,
    UNKNOWN,
    Context,
    Open,
    Unknown,
    as_condition,
    functions_in,
    whole_expression,
)
from hardgate.pipeline.static.workflow import Job, Workflow
from hardgate.pipeline.static.workflow_ways import FAILURE, SKIPPED, SUCCESS


@dataclass(kw_only=True)
class JobOrder:
    """The jobs of a workflow as one event starts them."""

    workflow: Workflow
    event: str
    inputs: Mapping[str, Any] = field(default_factory=dict)
    cancelled: bool = False
    """The run was cancelled before its jobs had ended."""

    def job_runs(
        self, job: Job, results: Mapping[str, str | Unknown] | None = None
    ) -> tuple[bool | None, str]:
        """Tell whether a job runs, and why it does not; None where it cannot be told.

        `results` of jobs are taken as given; all others hold where they run.
        """
        given: dict[str, str | Unknown] = dict(results or {})
        outcome, why = self._result(job, given, ())
        if outcome is UNKNOWN:
            return None, why
        return outcome != SKIPPED, why

    def _result(
        self, job: Job, given: Mapping[str, str | Unknown], seen: tuple[str, ...]
    ) -> tuple[str | Unknown, str]:
        """Give what becomes of a job that holds where it runs, and why it does not run."""
        if job.id in seen:
            return SKIPPED, f"'{job.id}' needs itself"
        before: dict[str, str | Unknown] = {}
        why = ""
        for name in self._ancestors(job):
            other = self.workflow.job(name)
            if other is None:
                return SKIPPED, f"it needs '{name}', and there is no such job"
            result, reason = (given[name], "") if name in given else self._result(
                other, given, (*seen, job.id)
            )  # fmt: skip
            before[name] = result
            if result != SUCCESS and not why:
                why = _why_of(name, result, reason)
        answer = self._condition(job, before)
        if answer is None:
            return UNKNOWN, why or f"'{job.condition}' does not always hold"
        if answer:
            return SUCCESS, ""
        implicit = not has_status_function(job.condition)
        if implicit and any(result != SUCCESS for result in before.values()):
            return SKIPPED, why
        return SKIPPED, f"'{whole_expression(job.condition)}' does not hold there"

    def _condition(self, job: Job, before: Mapping[str, str | Unknown]) -> bool | None:
        direct = {
            name: {"result": before.get(name, SUCCESS), "outputs": Open()} for name in job.needs
        }
        known = list(before.values())
        success: bool | Unknown = all(one == SUCCESS for one in known if one is not UNKNOWN)
        if success and UNKNOWN in known:
            success = UNKNOWN
        roots = {**roots_of(self.event), "needs": direct, "inputs": self.inputs}
        if self.cancelled:
            success = False
        context = Context(
            roots=roots, success=success, failure=FAILURE in known, cancelled=self.cancelled
        )
        own = as_condition(job.condition, context) if job.condition else True
        if has_status_function(job.condition):
            return own
        if own is False or success is False:
            return False
        return None if own is None or success is UNKNOWN else True

    def _ancestors(self, job: Job) -> list[str]:
        """Give all jobs that a job needs, and those that they need."""
        found: list[str] = []
        waiting = list(job.needs)
        while waiting:
            name = waiting.pop(0)
            if name in found:
                continue
            found.append(name)
            other = self.workflow.job(name)
            waiting += other.needs if other else ()
        return found

    def ancestors_of(self, job: Job) -> frozenset[str]:
        """Give the ids of all jobs that a job rests on."""
        return frozenset(self._ancestors(job))


def _why_of(name: str, result: str | Unknown, reason: str) -> str:
    if result is UNKNOWN:
        return f"it needs '{name}', which may be skipped ({reason})"
    because = f" ({reason})" if reason else ""
    return f"it needs '{name}', which is {result} there{because}"


def has_status_function(condition: str) -> bool:
    """Tell whether a condition asks how what went before has ended, such as `always()`."""
    return bool(functions_in(whole_expression(condition)) & STATUS_FUNCTIONS)


@cache
def roots_of(event: str) -> Mapping[str, Any]:
    """Give the contexts that an event fills; what is not in them is not known."""
    github: dict[str, Any] = {"event_name": event, "event": Open()}
    if event == "push":
        github |= {"event": Open(known={"pull_request": None}), "head_ref": "", "base_ref": ""}
    if event == "pull_request":
        github |= {"ref": "refs/pull/1/merge", "ref_name": "1/merge", "ref_type": "branch"}
    opened = Open(known=github)
    names = ("vars", "secrets", "runner", "job", "strategy", "matrix")
    return {
        **dict.fromkeys(("github", "gitea", "forgejo", "forge"), opened),
        **dict.fromkeys(names, Open()),
    }
