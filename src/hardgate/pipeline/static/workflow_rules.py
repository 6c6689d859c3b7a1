"""What makes a hard gate of a workflow: nothing in it may turn red into green."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from hardgate.pipeline.static.finding import Finding
from hardgate.pipeline.static.rule import rules
from hardgate.pipeline.static.shell import Command, chain_before, read_commands, swallows
from hardgate.pipeline.static.workflow import Job, Step, Workflow, is_never, text
from hardgate.schema.document import Node, Scalar, Table

_PINNED = re.compile(r"[^@\s]+@[0-9a-f]{40}|docker://[^@\s]+@sha256:[0-9a-f]{64}|\./.*")
_EVENT = re.compile(r"\b(github|gitea|forge|forgejo)\.event_name\b")
_HARMLESS = re.compile(r"|always\(\)|!\s*cancelled\(\)|success\(\)|success\(\) \|\| failure\(\)")
GATED = frozenset(
    {"nox", "hardgate", "pytest", "docker", "pipx", "python", "python3", "tox", "make"}
)
PUSH, PULL = "push", "pull_request"


def look(workflows: Sequence[Workflow]) -> Iterator[Finding]:
    """Apply every rule of the group: to each file, and to each forge's files together."""
    for workflow in workflows:
        yield from _continuing(workflow)
        yield from _scripts(workflow)
        yield from _unreachable(workflow)
        yield from _unpinned(workflow)
        yield from _permissions(workflow)
        yield from _names(workflow)
    for _, group in groupby(workflows, lambda one: one.forge):
        files = list(group)
        yield from _t4(files)
        yield from _same_names(files)


def _continuing(workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["no-continue-on-error"]
    for job in workflow.jobs:
        if job.continues:
            yield rule.broken(workflow.file, job.line, what=f"job '{job.id}'")
        for step in job.steps:
            if step.continues:
                what = f"'{step.title}' in job '{job.id}'"
                yield rule.broken(workflow.file, step.line, what=what)


def _scripts(workflow: Workflow) -> Iterator[Finding]:
    for step in (step for job in workflow.jobs for step in job.steps if step.run):
        commands = read_commands(step.run, step.run_line)
        for number, one in enumerate(commands):
            yield from _lost(workflow, commands, number, one)
        yield from _pipes(workflow, step, commands)


def _lost(
    workflow: Workflow, commands: Sequence[Command], number: int, one: Command
) -> Iterator[Finding]:
    rule = rules()["no-or-true"]
    before = chain_before(commands, number)
    told = one.name in {"echo", "printf"}
    if swallows(commands, number) and (not told or any(c.name in GATED for c in before)):
        end, lost = f"|| {' '.join(one.words[:2])}", " ".join(before[-1].words[:4])
        yield rule.broken(workflow.file, one.line, end=end, command=lost)
    elif one.words[:2] in {("set", "+e"), ("set", "+o")} and "pipefail" not in one.words:
        yield rule.broken(workflow.file, one.line, end="set +e", command="all that follows")
    elif one.joined_by == ";" and _is_success(one) and commands[number - 1].name in GATED:
        lost = " ".join(commands[number - 1].words[:4])
        yield rule.broken(workflow.file, one.line, end=f"; {' '.join(one.words)}", command=lost)


def _is_success(one: Command) -> bool:
    return one.name in {"true", ":"} or one.words == ("exit", "0")


def _pipes(workflow: Workflow, step: Step, commands: Sequence[Command]) -> Iterator[Finding]:
    own_shell = step.shell.split()
    if "{0}" in own_shell and not any(w.startswith("-") and "e" in w for w in own_shell):
        rule = rules()["no-or-true"]
        end, lost = f"shell: {step.shell}", "all but the last command"
        yield rule.broken(workflow.file, step.line, end=end, command=lost)
    careful = step.shell.split()[:1] == ["bash"] or "pipefail" in step.run
    for left, right in pairwise(commands):
        if right.joined_by == "|" and left.name in GATED and not careful:
            lost = " ".join(left.words[:4])
            yield rules()["no-lost-status"].broken(workflow.file, left.line, command=lost)


def why_never(workflow: Workflow, job: Job, seen: frozenset[str] = frozenset()) -> str:
    """Say why a job can never run; empty where it can."""
    by_id = {one.id: one for one in workflow.jobs}
    if job.id in seen:
        return "it needs itself"
    if is_never(job.condition, workflow.events):
        return f"its condition is '{job.condition}'"
    for need in job.needs:
        if need not in by_id:
            return f"it needs '{need}', and there is no such job"
        why = "" if job.always else why_never(workflow, by_id[need], seen | {job.id})
        if why:
            return f"it needs '{need}', which never runs ({why})"
    return ""


def _unreachable(workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["reachable-job"]
    for job in workflow.jobs:
        why = why_never(workflow, job)
        if why:
            yield rule.broken(workflow.file, job.line, what=f"Job '{job.id}'", why=why)
        for step in job.steps:
            if is_never(step.condition, workflow.events):
                what = f"'{step.title}' in job '{job.id}'"
                why = f"its condition is '{step.condition}'"
                yield rule.broken(workflow.file, step.line, what=what, why=why)


def _unpinned(workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["pinned-action"]
    for job in workflow.jobs:
        for line, uses in [(job.line, job.uses), *((s.line, s.uses) for s in job.steps)]:
            if uses and not _PINNED.fullmatch(uses):
                yield rule.broken(workflow.file, line, uses=uses)


def _permissions(workflow: Workflow) -> Iterator[Finding]:
    rule = rules()["read-only-token"]
    node = workflow.permissions
    if node is None:
        why = "Without 'permissions' the token may be allowed to write"
        yield rule.broken(workflow.file, 1, why=why)
    elif why := _too_wide(node, strict=True):
        yield rule.broken(workflow.file, node.line, why=why)
    for job in workflow.jobs:
        if job.permissions is not None:
            why = _too_wide(job.permissions, strict=PULL in workflow.events)
            if why:
                yield rule.broken(workflow.file, job.permissions.line, why=f"Job '{job.id}': {why}")


def _too_wide(node: Node, *, strict: bool) -> str:
    """Say what is more than `contents: read`; where not strict, other things may be written."""
    if isinstance(node, Scalar):
        return f"'permissions: {node.text}' is more than 'contents: read'" if node.text else ""
    for key, value in node.entries if isinstance(node, Table) else ():
        if text(value) == "write" and (strict or key.text == "contents"):
            return f"'{key.text}: write' lets the token write"
    return ""


def _both(workflow: Workflow) -> bool:
    """Tell whether a commit's push and its pull request both start it."""
    push = workflow.events.get(PUSH)
    only_tags = (
        isinstance(push, Table)
        and not {"branches", "branches-ignore"} & {key.text for key, _ in push.entries}
        and push.get_value("tags") is not None
    )
    return {PUSH, PULL} <= set(workflow.events) and not only_tags


def _names(workflow: Workflow) -> Iterator[Finding]:
    if not _both(workflow) or _EVENT.search(workflow.run_name):
        return
    for job in workflow.jobs:
        if not _EVENT.search(job.name):
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


def runs_t4(step: Step) -> bool:
    """Tell whether a step runs the gate itself, and does not only read what it left."""
    return any(_is_gate(one) for one in read_commands(step.run))


def _is_gate(one: Command) -> bool:
    words = list(one.words)
    if "hardgate" in (word.rpartition("/")[2] for word in words):
        return "gate" in words or ("validate" in words and "--run" in words)
    if "nox" not in (word.rpartition("/")[2] for word in words):
        return False
    own = words[: words.index("--")] if "--" in words else words
    if set(own) & {"-l", "--list", "--list-sessions", "--install-only"}:
        return False
    sessions = [word.partition("=")[2] or word for word in own]
    return "t4" in sessions or ("validate" in sessions and "--no-run" not in words)


def _t4(workflows: Sequence[Workflow]) -> Iterator[Finding]:
    rule = rules()["t4-required"]
    jobs = [(w, j, s) for w in workflows for j in w.jobs for s in j.steps if runs_t4(s)]
    first = workflows[0].file
    if not jobs:
        yield rule.broken(first, 0, why=f"No job below '{workflows[0].forge}' runs T4")
        return
    reached: set[str] = set()
    for workflow, job, step in jobs:
        why = _why_not_always(workflow, job, step)
        if why:
            yield rule.broken(workflow.file, step.line, why=why)
        else:
            reached |= set(workflow.events)
    for event in (PUSH, PULL):
        if event not in reached and event not in {e for w, _, _ in jobs for e in w.events}:
            yield rule.broken(jobs[0][0].file, jobs[0][1].line, why=f"T4 does not run on {event}")
    yield from _gathering(workflows, {job.id for _, job, _ in jobs})


def _why_not_always(workflow: Workflow, job: Job, step: Step) -> str:
    if why := why_never(workflow, job):
        return f"T4 in job '{job.id}' never runs: {why}"
    for condition, what in ((job.condition, f"job '{job.id}'"), (step.condition, step.title)):
        if not _HARMLESS.fullmatch(condition):
            return f"T4 is skipped where '{condition}' does not hold ({what})"
    for event in (PUSH, PULL):
        filters = workflow.events.get(event)
        for name in ("paths", "paths-ignore"):
            if isinstance(filters, Table) and filters.get_value(name) is not None:
                return f"'{name}' keeps T4 from running on some of each {event}"
    return ""


def _gathering(workflows: Sequence[Workflow], gates: set[str]) -> Iterator[Finding]:
    """The job that says the one word at the end has to wait for T4."""
    for workflow in workflows:
        for job in workflow.jobs:
            gathers = any("validate" in step.run for step in job.steps) and job.id not in gates
            if gathers and not gates & set(job.needs):
                why = f"Job '{job.id}' says the last word without needing T4"
                yield rules()["t4-required"].broken(workflow.file, job.line, why=why)
