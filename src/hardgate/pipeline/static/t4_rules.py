"""Whether T4 provably runs on every push and pull request, and its red is never passed over.

This rule is the other way round than all others: what cannot be told here is red. See what a forge
makes of a job that is skipped: https://docs.github.com/en/actions/how-tos/write-workflows/
choose-when-workflows-run/control-jobs-with-conditions ("a job that is skipped will report its
status as success"); Gitea does the same (https://github.com/go-gitea/gitea/issues/23599).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hardgate.pipeline.static.expression import UNKNOWN, Unknown
from hardgate.pipeline.static.gate_commands import runs_t4, sessions_of
from hardgate.pipeline.static.matrix import combinations_of
from hardgate.pipeline.static.rules import Finding, rules
from hardgate.pipeline.static.shell_state import Call
from hardgate.pipeline.static.workflow import Job, Workflow
from hardgate.pipeline.static.workflow_files import Repository
from hardgate.pipeline.static.workflow_filters import PULL, PUSH, why_not_started
from hardgate.pipeline.static.workflow_run import JobRun
from hardgate.pipeline.static.workflow_ways import CANCELLED, FAILURE, SKIPPED, SUCCESS, Way

EVENTS = (PUSH, PULL)
READS_ANSWERS = "validate --no-run"
_NEEDS = re.compile(
    r"needs\s*(\.\s*[\w*-]+\s*\.\s*result|\.\s*\*|\[)|toJSON\s*\(\s*needs\s*\)", re.I
)
_LAST_WORD = re.compile(
    r"validate|gate|required|alls?[-_ ]?(green|checks|tests|jobs|passed)|all[-_ ]?good|"
    r"ci[-_ ]?(ok|success|pass|passed|status|done|complete)|conclusion|merge[-_ ]?(ok|ready)",
    re.I,
)
_TRIVIAL = frozenset({"echo", "printf", "true", ":", "exit", "date", "ls", "env"})


@dataclass(frozen=True, kw_only=True)
class Gate:
    """A job that runs T4."""

    workflow: Workflow
    job: Job
    line: int
    """Of the command, or of the step that calls for it."""
    file: str


@dataclass(frozen=True, kw_only=True)
class Forge:
    """The workflows of one forge, with what they call."""

    workflows: Sequence[Workflow]
    repository: Repository
    defaults: Sequence[str]
    """What the default branch may be called."""
    _runs: dict[tuple[str, str, str], tuple[list[Way], tuple[Call, ...]]] = field(
        default_factory=dict
    )

    @property
    def sees_changes(self) -> bool:
        """Tell whether pushes or pull requests start anything here."""
        return any(set(EVENTS) & set(workflow.events) for workflow in self.workflows)

    def run(self, workflow: Workflow, event: str) -> JobRun:
        """Prepare a run that watches T4."""
        noxfile = self.repository.noxfile
        return JobRun(
            repository=self.repository,
            workflow=workflow,
            event=event,
            watches=lambda call: runs_t4(call, noxfile),
            fails=lambda _: False,
        )

    def calls_of(self, workflow: Workflow, job: Job, event: str) -> tuple[Call, ...]:
        """Give all that a job calls on an event, where nothing fails."""
        return self._plain_run(workflow, job, event)[1]

    def ways_of(self, workflow: Workflow, job: Job, event: str) -> list[Way]:
        """Give all ways that a job may go on an event, where nothing fails."""
        return self._plain_run(workflow, job, event)[0]

    def _plain_run(
        self, workflow: Workflow, job: Job, event: str
    ) -> tuple[list[Way], tuple[Call, ...]]:
        key = (workflow.file, job.id, event)
        if key not in self._runs:
            run = JobRun(repository=self.repository, workflow=workflow, event=event)
            ways = run.ways_of(job)
            self._runs[key] = (ways, tuple(run.calls))
        return self._runs[key]


def find_t4_findings(forge: Forge, gates: Sequence[Gate]) -> Iterator[Finding]:
    """Apply the rule to one forge's workflows."""
    rule = rules()["t4-required"]
    if not forge.sees_changes:
        return
    first = forge.workflows[0]
    if not gates:
        why = f"No job below '{first.forge}' runs T4"
        elsewhere = next(iter(_elsewhere(forge.workflows)), "")
        why += f"; what '{elsewhere}' runs cannot be told, for it is not here" if elsewhere else ""
        yield rule.broken(first.file, 0, why=why)
        return
    for event in EVENTS:
        yield from _event(forge, gates, event)
    yield from _gathering(forge, gates)


def find_gates(forge: Forge) -> Iterator[Gate]:
    """Find the jobs that may run T4, on whatever event."""
    noxfile = forge.repository.noxfile
    for workflow in forge.workflows:
        if "workflow_call" in workflow.events and len(workflow.events) == 1:
            continue
        for job in workflow.jobs:
            event = next((one for one in EVENTS if one in workflow.events), PUSH)
            calls = forge.calls_of(workflow, job, event)
            found = next((call for call in calls if runs_t4(call, noxfile)), None)
            if found is None:
                found = _in_skipped_step(forge, workflow, job)
            if found is not None:
                yield Gate(workflow=workflow, job=job, line=found.line, file=found.file)


def _in_skipped_step(forge: Forge, workflow: Workflow, job: Job) -> Call | None:
    """Find a T4 that stands in a step which never runs: it is meant to be the gate."""
    if not any(step.condition for step in job.steps):
        return None
    for event in EVENTS:
        run = forge.run(workflow, event)
        bare = [_without_condition(step) for step in job.steps]
        run.ways_of(Job(**{**vars(job), "steps": tuple(bare)}))
        for call in run.calls:
            if runs_t4(call, forge.repository.noxfile):
                return call
    return None


def _without_condition(step: object) -> object:
    return type(step)(**{**vars(step), "condition": ""})


def _elsewhere(workflows: Sequence[Workflow]) -> Iterator[str]:
    for workflow in workflows:
        yield from (job.uses for job in workflow.jobs if job.uses and job.uses[:2] != "./")


def _event(forge: Forge, gates: Sequence[Gate], event: str) -> Iterator[Finding]:
    """T4 has to run on an event by one gate at least; else the first says why it does not."""
    reasons = [(gate, _why_not(forge, gate, event)) for gate in gates]
    if any(not why for _, why in reasons):
        return
    started = [(gate, why) for gate, why in reasons if event in gate.workflow.events]
    gate, why = (started or reasons)[0]
    if not started:
        why = f"T4 does not run on {event}"
    yield rules()["t4-required"].broken(gate.file, gate.line, why=why)


def _why_not(forge: Forge, gate: Gate, event: str) -> str:
    """Say why a gate does not run on every such event; empty where it provably does."""
    if why := why_not_started(gate.workflow, event, forge.defaults):
        return why
    job, run = gate.job, forge.run(gate.workflow, event)
    where = f"T4 in job '{job.id}'"
    runs, why = run.job_runs(job)
    if runs is False:
        return f"{where} does not run on {event}: {why}"
    if runs is None:
        return f"{where} is skipped on some of each {event}: {why}"
    made = combinations_of(job.matrix)
    if made is not True:
        what = "an expression decides how many jobs" if made is UNKNOWN else "no job"
        return f"{where} may not run on {event}: its matrix makes {what}".replace(
            "makes an", "is an"
        )
    return _why_not_in_steps(run, job, where, event)


def _why_not_in_steps(run: JobRun, job: Job, where: str, event: str) -> str:
    ways = run.ways_of(job)
    if not any(way.ran for way in ways):
        return f"{where} does not run on {event}: no step comes to it"
    passed = [way for way in ways if way.status == SUCCESS and not way.ran]
    if not passed:
        return ""
    step = next((one for one in job.steps if one.condition), None)
    if step is not None:
        return f"{where} is skipped where '{step.condition}' does not hold ('{step.title}')"
    return f"{where} may end well on {event} without running it"


def _gathering(forge: Forge, gates: Sequence[Gate]) -> Iterator[Finding]:
    """A job that gathers the answers is the last word: it must see what became of T4."""
    for workflow in forge.workflows:
        own = [gate for gate in gates if gate.workflow is workflow]
        gathering = find_gathering_jobs(forge, workflow, gates)
        for job in gathering:
            yield from _last_word(forge, workflow, job, own)
        for gate in own if not gathering else ():
            if gate.job.needs and not _always(forge, gate):
                yield rules()["t4-required"].advice(
                    workflow.file,
                    gate.job.line,
                    why=f"T4 in job '{gate.job.id}' is skipped where '{gate.job.needs[0]}' fails, "
                    "and a skipped job counts as success",
                )


def find_gathering_jobs(forge: Forge, workflow: Workflow, gates: Sequence[Gate]) -> Sequence[Job]:
    """Find the jobs of a workflow that say what became of others."""
    names = {gate.job.id for gate in gates if gate.workflow is workflow}
    return [job for job in workflow.jobs if _gathers(forge, workflow, job, names)]


def _always(forge: Forge, gate: Gate) -> bool:
    run = forge.run(gate.workflow, PULL)
    return run.job_runs(gate.job, dict.fromkeys(gate.job.needs, FAILURE))[0] is True


def _gathers(forge: Forge, workflow: Workflow, job: Job, gates: set[str]) -> bool:
    """Tell whether a job only says what became of others."""
    if job.id in gates or job.uses:
        return False
    if _reads_answers(forge, workflow, job):
        return True
    if not job.needs:
        return False
    texts = [job.condition] + [
        text
        for step in job.steps
        for text in (step.run, step.condition, *step.inputs.values(), *step.environment.values())
    ]
    named = bool(_LAST_WORD.search(f"{job.id} {job.name}"))
    if any(_NEEDS.search(text) for text in texts) and (
        named or _needs_gate(forge, job, workflow, gates)
    ):
        return True
    return _is_trivial(forge, workflow, job)


def _needs_gate(forge: Forge, job: Job, workflow: Workflow, gates: set[str]) -> bool:
    return bool(forge.run(workflow, PULL).ancestors_of(job) & gates)


def _reads_answers(forge: Forge, workflow: Workflow, job: Job) -> bool:
    noxfile = forge.repository.noxfile
    calls = forge.calls_of(workflow, job, PULL)
    return any(READS_ANSWERS in sessions_of(call, noxfile) for call in calls)


def _is_trivial(forge: Forge, workflow: Workflow, job: Job) -> bool:
    """Tell whether a job does nothing but end well."""
    if any(step.uses for step in job.steps):
        return False
    return all(call.name in _TRIVIAL for call in forge.calls_of(workflow, job, PULL))


def _last_word(
    forge: Forge, workflow: Workflow, job: Job, gates: Sequence[Gate]
) -> Iterator[Finding]:
    rule = rules()["t4-required"]
    behind = forge.run(workflow, PULL).ancestors_of(job)
    needed = [gate for gate in gates if gate.job.id in behind]
    if not needed:
        reads = _reads_answers(forge, workflow, job)
        if reads or (gates and _LAST_WORD.search(f"{job.id} {job.name}")):
            why = f"Job '{job.id}' says the last word without needing T4"
            yield rule.broken(workflow.file, job.line, why=why)
        return
    for event in [event for event in EVENTS if event in workflow.events]:
        for gate in needed:
            if why := _why_passed_over(forge, job, gate, event):
                yield rule.broken(workflow.file, job.line, why=why)
                return


def _why_passed_over(forge: Forge, job: Job, gate: Gate, event: str) -> str:
    """Say how a job that gathers may be green, or skipped, although T4 has not held."""
    noxfile = forge.repository.noxfile

    def reads_answers(call: Call) -> bool:
        return READS_ANSWERS in sessions_of(call, noxfile)

    for results, what, cancelled in _scenarios(forge, gate, event):
        run = forge.run(gate.workflow, event)
        run.cancelled = cancelled
        run.watches = reads_answers
        run.fails = lambda _: True
        runs, _ = run.job_runs(job, results)
        if runs is not True:
            return (
                f"Job '{job.id}' is skipped where T4 {what}, and a skipped job counts as success: "
                "it has to be 'if: always()'"
            )
        direct = {name: run_result(run, name, results) for name in job.needs}
        ways = run.ways_of(job, direct)
        if any(way.status == SUCCESS for way in ways):
            return f"Job '{job.id}' may be green where T4 {what}: it does not look at its result"
    return ""


def run_result(run: JobRun, name: str, results: Mapping[str, str | Unknown]) -> str | Unknown:
    """Give what became of a job that another one needs."""
    if name in results:
        return results[name]
    job = run.workflow.job(name)
    if job is None:
        return SKIPPED
    runs, _ = run.job_runs(job, results)
    return SUCCESS if runs else (SKIPPED if runs is False else UNKNOWN)


def _scenarios(
    forge: Forge, gate: Gate, event: str
) -> Iterator[tuple[dict[str, str | Unknown], str, bool]]:
    """Yield results under which T4 has not held, a word for it, and whether all is cancelled."""
    yield {gate.job.id: FAILURE}, "fails", False
    yield {gate.job.id: CANCELLED}, "is cancelled", False
    yield {gate.job.id: CANCELLED}, "is cancelled with the whole run", True
    run = forge.run(gate.workflow, event)
    for name in gate.job.needs:
        results: dict[str, str | Unknown] = {name: FAILURE}
        if run.job_runs(gate.job, results)[0] is False:
            yield {**results, gate.job.id: SKIPPED}, f"is skipped, since '{name}' fails", False
