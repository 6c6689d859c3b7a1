"""A job run in thought: its steps in order, and what becomes of a failure in one of them."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import Any

from hardgate.pipeline.static.expression import (
    UNKNOWN,
    Context,
    Open,
    as_condition,
    interpolate,
)
from hardgate.pipeline.static.matrix import combinations_of, list_combinations
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_reader import TooLargeError, read_script
from hardgate.pipeline.static.shell_state import FAILED, Call, State, is_known
from hardgate.pipeline.static.shell_state import UNKNOWN as UNKNOWN_TEXT
from hardgate.pipeline.static.shell_tree import Script
from hardgate.pipeline.static.shell_ways import set_options, shell_options
from hardgate.pipeline.static.shell_word_reader import HOLE, Lines
from hardgate.pipeline.static.shell_world import TooManyWaysError, World
from hardgate.pipeline.static.shell_wrappers import SHELLS
from hardgate.pipeline.static.workflow import Input, Job, Step, Workflow
from hardgate.pipeline.static.workflow_files import Repository
from hardgate.pipeline.static.workflow_jobs import JobOrder, has_status_function, roots_of
from hardgate.pipeline.static.workflow_ways import (
    FAILURE,
    SKIPPED,
    SUCCESS,
    Lost,
    Way,
    distinct_ways,
    follow_script,
    join_ways,
    note_step,
)

MAX_NESTED = 6
_KNOWN_SHELLS = {"": ["-e"], "bash": ["-e", "pipefail"], "sh": ["-e"]}
Watches = Callable[[Call], bool]


@dataclass(frozen=True, kw_only=True)
class StepScope:
    """Where a step runs, and what it finds there."""

    job: Job
    file: str
    """In which the step stands: the workflow's, or an action's."""
    base: Mapping[str, Any]
    """`needs`, `inputs` and `matrix`, as expressions see them."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class JobRun(JobOrder):
    """Runs jobs of a workflow as one event starts them; one kind of command can be watched."""

    repository: Repository
    watches: Watches = lambda _: False
    fails: Watches = lambda _: True
    nested: int = 0
    calls: dict[Call, None] = field(default_factory=dict)
    """All that was called, in order."""

    def ways_of(self, job: Job, results: Mapping[str, Any] | None = None) -> list[Way]:
        """Give all ways that a job may go; `results` are those of the jobs that it needs."""
        needs = {name: self._need(name, SUCCESS) for name in job.needs}
        for name, result in (results or {}).items():
            needs[name] = self._need(name, result)
        combined: list[Way] = []
        for values in _matrix_of(job):
            base = {"needs": needs, "inputs": self.inputs, "matrix": values}
            scope = StepScope(job=job, file=self.workflow.file, base=base)
            ways = distinct_ways(self._job_continues(way, scope) for way in self._go(scope))
            pairs = product(combined, ways)
            combined = distinct_ways(join_ways(a, b) for a, b in pairs) if combined else ways
        return combined

    def _need(self, name: str, result: Any) -> dict[str, Any]:
        """Give what another job finds in `needs`."""
        job = self.workflow.job(name)
        return {"result": result, "outputs": Open() if job is None or job.has_outputs else {}}

    def _go(self, scope: StepScope) -> list[Way]:
        if scope.job.uses:
            return self._called_workflow(scope)
        inside = replace(scope, environment=self._env(scope))
        return self._run_steps(scope.job.steps, [Way()], inside)

    def _job_continues(self, way: Way, scope: StepScope) -> Way:
        job = scope.job
        if way.status != FAILURE or not job.continues:
            return way
        if as_condition(job.continues, self.context(Way(), scope)) is False:
            return way
        lost = Lost(file=self.workflow.file, line=job.line, by=f"job '{job.id}'", continues=True)
        return replace(way, status=SUCCESS, lost=way.lost or lost)

    def context(self, way: Way, scope: StepScope) -> Context:
        """Give what expressions of a step are evaluated in."""
        steps = {
            name: {"outcome": outcome, "conclusion": conclusion, "outputs": way.outputs_of(name)}
            for name, (outcome, conclusion) in way.steps.items()
        }
        known = {
            name: text
            for name, text in scope.environment.items()
            if is_known(text) or text == FAILED
        }
        roots = {**roots_of(self.event), **scope.base, "steps": steps, "env": Open(known=known)}
        fine = way.status == SUCCESS
        return Context(roots=roots, success=fine, failure=not fine)

    def _env(self, scope: StepScope) -> dict[str, str]:
        known = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": self.event}
        known |= {name: f"/dev/{name}" for name in ("GITHUB_OUTPUT", "GITHUB_ENV")}
        for given in (self.workflow.environment, scope.job.environment):
            known |= self._filled(given, Way(), replace(scope, environment=known))
        return known

    def _filled(self, given: Mapping[str, str], way: Way, scope: StepScope) -> dict[str, str]:
        context = self.context(way, scope)
        return {
            name: interpolate(text, context, lambda _: UNKNOWN_TEXT) for name, text in given.items()
        }

    def _run_steps(self, steps: Sequence[Step], ways: Sequence[Way], scope: StepScope) -> list[Way]:
        current = list(ways)
        for step in steps:
            following: list[Way] = []
            for way in current:
                following += self._run_step(step, way, scope)
            current = distinct_ways(following)
        return current

    def _run_step(self, step: Step, way: Way, scope: StepScope) -> Iterator[Way]:
        written = {name[4:]: text for name, text in way.values.items() if name[:4] == "env:"}
        scope = replace(scope, environment={**scope.environment, **written})
        context = self.context(way, scope)
        runs = _step_runs(step, context)
        if runs is not True:
            yield note_step(way, step, SKIPPED, SKIPPED)
        if runs is False:
            return
        filled = self._filled(step.environment, way, scope)
        own = replace(scope, environment={**scope.environment, **filled})
        if step.uses:
            ended = self._used(step, way, own)
        elif step.run:
            ended = self._script(step, way, own)
        else:
            ended = [way]
        for after in ended:
            yield self._concluded(step, way, after, context, scope.file)

    def _concluded(self, step: Step, before: Way, after: Way, context: Context, file: str) -> Way:
        """Take a step's outcome into the job's, as `continue-on-error` lets it."""
        if after.status == before.status == FAILURE and after.lost is before.lost:
            return note_step(after, step, SUCCESS, SUCCESS)
        if after.status == SUCCESS:
            return note_step(after, step, SUCCESS, SUCCESS)
        continues = as_condition(step.continues, context) if step.continues else False
        if continues is False:
            return note_step(after, step, FAILURE, FAILURE)
        lost = Lost(file=file, line=step.line, by=f"'{step.title}'", continues=True)
        kept = replace(after, status=before.status)
        if after.failed and not before.failed:
            kept = replace(kept, lost=before.lost or lost)
        return note_step(kept, step, FAILURE, SUCCESS)

    def _script(self, step: Step, way: Way, scope: StepScope) -> list[Way]:
        options = shell_of(step, scope.job)
        if options is None:
            return [way]
        context = self.context(way, scope)
        text = interpolate(step.run, context, lambda name: f"{HOLE[0]}{name}{HOLE[1]}")
        world = World(
            file=scope.file,
            watches=self.watches,
            fails=self.fails,
            read_file=self.repository.read_script,
            read_makefile=self.repository.read_makefile,
        )
        machine = Machine(world)
        folder = interpolate(step.folder, context, lambda _: "")
        variables = {**scope.environment, "PWD": folder or "."}
        begun = State(
            variables=variables,
            arguments=(),
            user=UNKNOWN_TEXT,
            files=way.files,
            expands_braces=step.shell.split(" ")[0] in {"", "bash"},
        )
        state = set_options(begun, options)
        try:
            ended = machine.finish(_read_step(text, step.run_lines), state)
        except (TooManyWaysError, TooLargeError) as error:
            self.calls |= machine.calls
            return [replace(way, unsure=str(error)), replace(way, status=FAILURE)]
        self.calls |= machine.calls
        return [after for one in ended for after in follow_script(way, one, scope.file, step.id)]

    def _used(self, step: Step, way: Way, scope: StepScope) -> list[Way]:
        """Run an action: one of the repository's is followed, another one is taken to hold."""
        inputs = self._filled(step.inputs, way, scope)
        if any("toJSON(needs)".lower() in text.lower().replace(" ", "")
               for text in step.inputs.values()):  # fmt: skip
            return [_by_gathering_action(way, scope.base, inputs)]
        if not step.uses.startswith("./"):
            return [way]
        action = self.repository.read_action(step.uses)
        if action is None or self.nested >= MAX_NESTED:
            return [way]
        file, steps, defaults = action
        self.nested += 1
        base = {**scope.base, "inputs": {**defaults, **inputs}}
        begun = replace(way, steps={}, status=SUCCESS)
        ended = self._run_steps(steps, [begun], replace(scope, file=file, base=base))
        self.nested -= 1
        worse = way.status == FAILURE
        return [
            replace(one, steps=way.steps, status=FAILURE if worse else one.status) for one in ended
        ]

    def _called_workflow(self, scope: StepScope) -> list[Way]:
        """Run a reusable workflow of the repository: it fails where one of its jobs does."""
        job = scope.job
        called = self.repository.read_workflow(job.uses) if job.uses.startswith("./") else None
        if called is None or self.nested >= MAX_NESTED:
            return [Way(unsure=f"'{job.uses}' is not in the repository")]
        given = {
            **{name: one.default for name, one in called.inputs.items()},
            **self._filled(job.inputs, Way(), scope),
        }
        inputs = {
            name: UNKNOWN if not is_known(text) else called.inputs.get(name, Input()).convert(text)
            for name, text in given.items()
        }
        inner = replace_run(self, called, inputs)
        combined = [Way()]
        for one in called.jobs:
            runs, _ = inner.job_runs(one)
            ways = inner.ways_of(one) if runs is not False else [Way()]
            if runs is not True or combinations_of(one.matrix) is not True:
                ways = [*ways, Way()]
            combined = distinct_ways(join_ways(a, b) for a, b in product(combined, ways))
        return combined


def replace_run(run: JobRun, workflow: Workflow, inputs: Mapping[str, Any]) -> JobRun:
    """Go on in another workflow, which this one calls."""
    return JobRun(
        repository=run.repository,
        workflow=workflow,
        event=run.event,
        watches=run.watches,
        fails=run.fails,
        inputs=inputs,
        nested=run.nested + 1,
        calls=run.calls,
    )


_READS_MATRIX = re.compile(r"\bmatrix\s*[.\[]\s*'?([\w-]+)")
MAX_JOBS = 24
"""How many jobs of a matrix are told apart at most."""


def _matrix_of(job: Job) -> Sequence[Any]:
    """Give what `matrix` holds in each job of a matrix, as far as a job reads it."""
    names = set(_READS_MATRIX.findall(repr(vars(job))))
    combinations = list_combinations(job.matrix) if names and job.matrix is not None else None
    if not combinations:
        return [Open()]
    told: dict[str, dict[str, Any]] = {}
    for one in combinations:
        read = {name: one.get(name) for name in sorted(names)}
        told.setdefault(repr(read), read)
    return list(told.values()) if len(told) <= MAX_JOBS else [Open()]


def _step_runs(step: Step, context: Context) -> bool | None:
    if not step.condition:
        return context.success is True
    answer = as_condition(step.condition, context)
    if has_status_function(step.condition) or answer is False:
        return answer
    return answer if context.success is True else False


@lru_cache(maxsize=512)
def _read_step(text: str, lines: Lines) -> Script:
    """Read a step's script once, however often it is gone through."""
    return read_script(text, lines)


def shell_of(step: Step, job: Job) -> list[str] | None:
    """Give the options of the shell that runs a step; None where it is no such shell."""
    if not step.shell and "windows" in job.runs_on.lower():
        return None
    if step.shell in _KNOWN_SHELLS:
        return _KNOWN_SHELLS[step.shell]
    words = step.shell.split()
    if words[0].rpartition("/")[2] not in SHELLS:
        return None
    options, _ = shell_options([word for word in words[1:] if word != "{0}"])
    return options


def _by_gathering_action(way: Way, base: Mapping[str, Any], inputs: Mapping[str, str]) -> Way:
    """An action that is given all needs, as re-actors/alls-green: fails where one did not hold."""
    allowed = re.split(
        r"[\s,]+", f"{inputs.get('allowed-failures', '')} {inputs.get('allowed-skips', '')}"
    )
    results = {name: need["result"] for name, need in base["needs"].items()}
    fine = all(result == SUCCESS or name in allowed for name, result in results.items())
    return way if fine else replace(way, status=FAILURE)
