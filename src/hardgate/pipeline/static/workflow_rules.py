"""What makes a hard gate of a workflow: nothing in it may turn red into green."""

import re
from collections.abc import Iterator, Sequence

from hardgate.pipeline.static.expression import Context, as_condition, whole_expression
from hardgate.pipeline.static.gate_commands import is_test, sessions_of
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import Call
from hardgate.pipeline.static.t4_rules import (
    Forge,
    Gate,
    find_gates,
    find_gathering_jobs,
    find_t4_findings,
)
from hardgate.pipeline.static.workflow import GITHUB, Job, Step, Workflow, text_of
from hardgate.pipeline.static.workflow_filters import PULL, PUSH
from hardgate.pipeline.static.workflow_jobs import roots_of
from hardgate.pipeline.static.workflow_run import JobRun
from hardgate.pipeline.static.workflow_ways import SUCCESS, Way
from hardgate.schema.document import Node, Scalar, Table

_PINNED = re.compile(r"[^@\s]+@[0-9a-f]{40}|docker://[^@\s]+@sha256:[0-9a-f]{64}|\./.*")
_EVENT = re.compile(r"\b(github|gitea|forge|forgejo)\.event_name\b")
WRITES_VERDICTS = frozenset({"contents", "statuses", "checks", "actions", "pull-requests"})
"""What a token must be allowed to write for a job's own code to set, or merge on, a verdict."""


def find_workflow_findings(forge: Forge) -> Iterator[Finding]:
    """Apply every rule of the group to the workflows of one forge."""
    gates = list(find_gates(forge))
    for workflow in forge.workflows:
        answering = _answering_jobs(forge, workflow, gates)
        yield from _statuses(forge, workflow, answering)
        yield from _unreachable(forge, workflow)
        yield from _unpinned(forge, workflow)
        yield from _permissions(forge, workflow, answering)
        yield from _names(workflow, answering)
    yield from find_t4_findings(forge, gates)
    yield from _same_names(forge.workflows)


def find_gate_files(forge: Forge) -> frozenset[str]:
    """Give the files that an answer rests on."""
    gates = list(find_gates(forge))
    return frozenset(
        workflow.file for workflow in forge.workflows if _answering_jobs(forge, workflow, gates)
    )


def _answering_jobs(forge: Forge, workflow: Workflow, gates: Sequence[Gate]) -> frozenset[str]:
    """Give the jobs that an answer rests on: of sessions, the last word, and what they need."""
    noxfile = forge.repository.noxfile
    found = {gate.job.id for gate in gates if gate.workflow is workflow}
    found |= {job.id for job in find_gathering_jobs(forge, workflow, gates)}
    for job in workflow.jobs:
        calls = forge.calls_of(workflow, job, _main_event(workflow))
        if any(sessions_of(call, noxfile) for call in calls):
            found.add(job.id)
    run = _plain_run(forge, workflow)
    for job in workflow.jobs:
        if job.id in found:
            found |= run.ancestors_of(job)
    return frozenset(found)


def _main_event(workflow: Workflow) -> str:
    event = next((one for one in (PULL, PUSH) if one in workflow.events), None)
    return event or next(iter(workflow.events), PUSH)


def _plain_run(forge: Forge, workflow: Workflow) -> JobRun:
    event = _main_event(workflow)
    return JobRun(repository=forge.repository, workflow=workflow, event=event)


def _statuses(forge: Forge, workflow: Workflow, answering: frozenset[str]) -> Iterator[Finding]:
    """Let each test of each job fail, one at a time: does the job still end well?"""
    noxfile = forge.repository.noxfile
    seen: set[tuple[str, str, int]] = set()
    for job in workflow.jobs:
        yield from _unread(forge, workflow, job, answering)
        for call in forge.calls_of(workflow, job, _main_event(workflow)):
            is_session = bool(sessions_of(call, noxfile))
            if not is_session and not is_test(call):
                continue
            finding = _passed_over(forge, workflow, job, call)
            if finding is None or (finding.rule, finding.file, finding.line) in seen:
                continue
            seen.add((finding.rule, finding.file, finding.line))
            hard = is_session or job.id in answering
            yield finding if hard or finding.untold else _as_advice(finding)


def _unread(
    forge: Forge, workflow: Workflow, job: Job, answering: frozenset[str]
) -> Iterator[Finding]:
    """Tell of the scripts of an answering job that cannot be read to their end."""
    if job.id not in answering:
        return
    ways = forge.ways_of(workflow, job, _main_event(workflow))
    unsure = next((way.unsure for way in ways if way.unsure and not job.uses), "")
    if unsure and not any(way.status == SUCCESS and not way.unsure for way in ways):
        yield rules()["no-or-true"].untold(workflow.file, job.line, f"of job '{job.id}', {unsure}")


def _as_advice(finding: Finding) -> Finding:
    rule = rules()[finding.rule]
    advised = rule.advice(finding.file, finding.line, what="", end="", command="", why="")
    return Finding(**{**vars(advised), "reason": finding.reason, "remedy": finding.remedy})


def _passed_over(forge: Forge, workflow: Workflow, job: Job, call: Call) -> Finding | None:
    noxfile = forge.repository.noxfile
    run = _plain_run(forge, workflow)
    run.watches = lambda one: bool(sessions_of(one, noxfile)) or is_test(one)
    run.fails = lambda one: (one.file, one.line, one.written) == (
        call.file, call.line, call.written)  # fmt: skip
    passed = [way for way in run.ways_of(job) if way.failed and way.status == SUCCESS]
    if not passed:
        return None
    sure = next((way for way in passed if not way.unsure), None)
    return _lost(workflow, call, sure) if sure else rules()["no-or-true"].untold(
        call.file, call.line, f"what becomes of '{call}': {passed[0].unsure}"
    )  # fmt: skip


def _lost(workflow: Workflow, call: Call, way: Way) -> Finding:
    lost = way.lost
    if lost is None:
        return rules()["no-or-true"].broken(
            workflow.file, call.line, end="what follows it", command=str(call)
        )
    line = lost.line or call.line
    if lost.continues:
        return rules()["no-continue-on-error"].broken(lost.file, line, what=lost.by)
    rule = rules()["no-lost-status" if lost.in_pipe else "no-or-true"]
    if call.file == lost.file and lost.in_pipe:
        line = call.line
    return rule.broken(call.file, line, end=lost.by, command=str(call))


def _unreachable(forge: Forge, workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["reachable-job"]
    for job in workflow.jobs:
        reasons = []
        for event in workflow.events:
            run = JobRun(repository=forge.repository, workflow=workflow, event=event)
            runs, why = run.job_runs(job)
            reasons.append(why if runs is False else "")
        if reasons and all(reasons):
            yield rule.broken(workflow.file, job.line, what=f"Job '{job.id}'", why=reasons[0])
            continue
        for step in job.steps:
            if _never(step, workflow):
                what = f"'{step.title}' in job '{job.id}'"
                why = f"its condition is '{whole_expression(step.condition)}'"
                yield rule.broken(workflow.file, step.line, what=what, why=why)


def _never(step: Step, workflow: Workflow) -> bool:
    """Tell whether a step's condition is false whatever happened before, on each event."""
    if not step.condition or not workflow.events:
        return False
    contexts = [
        Context(roots={**roots_of(event)}, success=fine, failure=not fine, cancelled=not fine)
        for event in workflow.events
        for fine in (True, False)
    ]
    return all(as_condition(step.condition, context) is False for context in contexts)


def _unpinned(forge: Forge, workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["pinned-action"]
    actions = {step.uses for job in workflow.jobs for step in job.steps if step.uses[:2] == "./"}
    for action in filter(None, map(forge.repository.read_action, sorted(actions))):
        for step in action[1]:
            if step.uses and not _PINNED.fullmatch(step.uses):
                yield rule.broken(action[0], step.line, uses=step.uses)
    for job in workflow.jobs:
        for line, uses in [(job.line, job.uses), *((s.line, s.uses) for s in job.steps)]:
            if uses and not _PINNED.fullmatch(uses):
                yield rule.broken(workflow.file, line, uses=uses)


def _permissions(forge: Forge, workflow: Workflow, answering: frozenset[str]) -> Iterator[Finding]:
    """Look at the tokens of jobs that an answer rests on; Gitea and Forgejo pass the key over.

    A workflow that others call has no more than its caller's.
    """
    del forge
    rule = rules()["read-only-token"]
    tell = rule.broken if workflow.forge == GITHUB else rule.advice
    told: set[int] = set()
    for job in workflow.jobs:
        node = job.permissions if job.permissions is not None else workflow.permissions
        if job.id not in answering or (node and node.line in told):
            continue
        if node is None and set(workflow.events) == {"workflow_call"}:
            continue
        if node is None:
            if 1 not in told:
                why = "Without 'permissions' the token may be allowed to write"
                yield tell(workflow.file, 1, why=why)
            told.add(1)
            continue
        told.add(node.line)
        own = f"Job '{job.id}': " if job.permissions is not None else ""
        for name, can_set in _writes(node):
            say = tell if can_set else rule.advice
            yield say(workflow.file, node.line, why=f"{own}{name} lets the token write")
            break


def _writes(node: Node) -> Iterator[tuple[str, bool]]:
    """Yield what a token may write, the worst first, and whether that can set a verdict."""
    if isinstance(node, Scalar):
        if node.text == "write-all" or "${{" in node.text:
            yield f"'permissions: {node.text}'", True
        return
    written = [
        key.text
        for key, value in (node.entries if isinstance(node, Table) else ())
        if text_of(value) == "write"
    ]
    for name in sorted(written, key=lambda name: name not in WRITES_VERDICTS):
        yield f"'{name}: write'", name in WRITES_VERDICTS


def _both(workflow: Workflow) -> bool:
    """Tell whether a commit's push and its pull request both start it."""
    push = workflow.events.get(PUSH)
    only_tags = (
        isinstance(push, Table)
        and not {"branches", "branches-ignore"} & {key.text for key, _ in push.entries}
        and push.get_value("tags") is not None
    )
    return {PUSH, PULL} <= set(workflow.events) and not only_tags


def _names(workflow: Workflow, answering: frozenset[str]) -> Iterator[Finding]:
    """GitHub has one name for both; Gitea and Forgejo put the event behind it by themselves."""
    if workflow.forge != GITHUB or not _both(workflow) or _EVENT.search(workflow.run_name):
        return
    for job in workflow.jobs:
        if job.id in answering and not _EVENT.search(job.name):
            why = f"Job '{job.id}' has one name for push and pull_request"
            yield rules()["distinct-names"].broken(workflow.file, job.line, why=why)


def _same_names(workflows: Sequence[Workflow]) -> Iterator[Finding]:
    taken: dict[tuple[str, str], Workflow] = {}
    for workflow in workflows:
        for job in workflow.jobs:
            other = taken.setdefault((workflow.name or workflow.file, job.name), workflow)
            if other is not workflow:
                why = f"Job '{job.id}' is called as one in '{other.file}'"
                yield rules()["distinct-names"].broken(workflow.file, job.line, why=why)
