"""A job run in thought: its steps in order, and what becomes of a failure in one of them."""

import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

from hardgate.pipeline.static.expression import (
    STATUS_FUNCTIONS,
    UNKNOWN,
    Context,
    Open,
    Unknown,
    as_condition,
    functions_in,
    interpolate,
    whole_expression,
)
from hardgate.pipeline.static.gate_commands import Noxfile, read_noxfile
from hardgate.pipeline.static.makefile import NAMES, Makefile, Request, read_makefile
from hardgate.pipeline.static.matrix import combinations_of, list_combinations
from hardgate.pipeline.static.shell_builtins import shell_options
from hardgate.pipeline.static.shell_machine import Machine
from hardgate.pipeline.static.shell_reader import HOLE, Lines, TooLargeError, read_script
from hardgate.pipeline.static.shell_state import FAILED, OTHER, Call, State, is_known
from hardgate.pipeline.static.shell_state import UNKNOWN as UNKNOWN_TEXT
from hardgate.pipeline.static.shell_tree import Script
from hardgate.pipeline.static.shell_ways import set_options
from hardgate.pipeline.static.shell_world import SourceFile, TooManyWaysError, World
from hardgate.pipeline.static.shell_wrappers import SHELLS
from hardgate.pipeline.static.workflow import (
    Input,
    Job,
    Step,
    Workflow,
    read_action,
    read_workflow,
)
from hardgate.schema.document import Refusal

MAX_NESTED = 6
MAX_WAYS = 32
SUCCESS, FAILURE, SKIPPED, CANCELLED = "success", "failure", "skipped", "cancelled"
_KNOWN_SHELLS = {"": ["-e"], "bash": ["-e", "pipefail"], "sh": ["-e"]}


@dataclass(frozen=True, kw_only=True)
class Repository:
    """The files that workflows call, below the repository's top."""

    root: Path

    def read_workflow(self, path: str) -> Workflow | None:
        """Read a reusable workflow; None where there is none that can be read."""
        data = self.read_bytes(path)
        try:
            return read_workflow(data, posixpath.normpath(path)) if data is not None else None
        except Refusal:
            return None

    def read_action(self, path: str) -> tuple[str, tuple[Step, ...], Mapping[str, str]] | None:
        """Read a composite action: its file, steps and defaults."""
        for name in ("action.yml", "action.yaml"):
            file = posixpath.normpath(posixpath.join(path, name))
            data = self.read_bytes(file)
            if data is None:
                continue
            try:
                steps, defaults = read_action(data)
            except Refusal:
                return None
            return None if steps is None else (file, steps, defaults)
        return None

    def read_bytes(self, path: str) -> bytes | None:
        """Read a file that lies in the repository."""
        file = self.root / posixpath.normpath(path)
        try:
            inside = file.resolve().is_relative_to(self.root.resolve())
            return file.read_bytes() if inside and file.is_file() else None
        except (OSError, ValueError):
            return None

    def read_script(self, path: str, folder: str) -> SourceFile | None:
        """Read a script that a step runs."""
        name = posixpath.normpath(posixpath.join(folder or ".", path))
        data = self.read_bytes(name) if "/" in path or path.endswith((".sh", ".bash")) else None
        if data is None or b"\0" in data or name.endswith((".py", ".js", ".yml", ".yaml")):
            return None
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        words = text.partition("\n")[0].removeprefix("#!").split()
        if text.startswith("#!") and not any(w.rpartition("/")[2] in SHELLS for w in words):
            return None
        return SourceFile(name=name, text=text)

    def read_makefile(self, request: Request) -> tuple[str, Makefile] | None:
        """Find the Makefile that a call of make reads; None where it is not read here."""
        for name in [request.file] if request.file else NAMES:
            path = posixpath.normpath(posixpath.join(request.folder or ".", name))
            data = self.read_bytes(path)
            if data is not None:
                made = read_makefile(data.decode("utf-8", "replace"))
                return None if made is None else (path, made)
        return None

    @cached_property
    def noxfile(self) -> Noxfile:
        """What the noxfile tells."""
        data = self.read_bytes("noxfile.py")
        return read_noxfile(None if data is None else data.decode("utf-8", "replace"))


@dataclass(frozen=True, kw_only=True)
class Lost:
    """Where a failure is thrown away."""

    file: str
    line: int
    by: str
    in_pipe: bool = False
    continues: bool = False
    """By `continue-on-error`."""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way that a job may go."""

    status: str = SUCCESS
    steps: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Outcome and conclusion of steps, by id."""
    failed: bool = False
    """The watched command was run, and has failed."""
    ran: bool = False
    """The watched command was run."""
    lost: Lost | None = None
    unsure: str = ""
    """Why it cannot be told that it goes this way."""
    files: Mapping[str, bool] = field(default_factory=dict)
    """Files that steps made or removed."""
    values: Mapping[str, str] = field(default_factory=dict)
    """What steps wrote for later ones: `STEP:NAME`, and `env:NAME`."""

    def _key(self) -> tuple[object, ...]:
        return (self.status, tuple(sorted(self.steps.items())), self.failed, self.ran,
                bool(self.unsure), tuple(sorted(self.files.items())),
                tuple(sorted(self.values.items())))  # fmt: skip

    def outputs_of(self, step: str) -> Open:
        """Give what is known of a step's outputs."""
        begin = f"{step}:"
        return Open(known={
            name.removeprefix(begin): value
            for name, value in self.values.items()
            if name.startswith(begin) and (is_known(value) or value == FAILED)
        })  # fmt: skip


def distinct_ways(ways: Iterable[Way]) -> list[Way]:
    """Leave out ways that are alike."""
    found: dict[tuple[object, ...], Way] = {}
    for way in ways:
        found.setdefault(way._key(), way)
    kept, rest = list(found.values())[:MAX_WAYS], list(found.values())[MAX_WAYS:]
    why = "the job may go more ways than are followed"
    ends = {(way.status, way.failed, way.ran): replace(way, unsure=why) for way in rest}
    return [*kept, *ends.values()]


Watches = Callable[[Call], bool]


@dataclass(kw_only=True)
class JobRun:
    """Runs jobs of a workflow as one event starts them; one kind of command can be watched."""

    repository: Repository
    workflow: Workflow
    event: str
    watches: Watches = lambda _: False
    fails: Watches = lambda _: True
    inputs: Mapping[str, Any] = field(default_factory=dict)
    nested: int = 0
    cancelled: bool = False
    """The run was cancelled before its jobs had ended."""
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
            ways = distinct_ways(self._job_continues(job, way, base) for way in self._go(job, base))
            pairs = product(combined, ways)
            combined = distinct_ways(_joined(a, b) for a, b in pairs) if combined else ways
        return combined

    def _need(self, name: str, result: Any) -> dict[str, Any]:
        """Give what another job finds in `needs`."""
        job = self.workflow.job(name)
        return {"result": result, "outputs": Open() if job is None or job.has_outputs else {}}

    def _go(self, job: Job, base: Mapping[str, Any]) -> list[Way]:
        if job.uses:
            return self._called_workflow(job, base)
        return self._run_steps(job.steps, [Way()], base, self._env(job, base), job)

    def _job_continues(self, job: Job, way: Way, base: Mapping[str, Any]) -> Way:
        if way.status != FAILURE or not job.continues:
            return way
        if as_condition(job.continues, self.context(base, Way(), {})) is False:
            return way
        lost = Lost(file=self.workflow.file, line=job.line, by=f"job '{job.id}'", continues=True)
        return replace(way, status=SUCCESS, lost=way.lost or lost)

    def context(self, base: Mapping[str, Any], way: Way, environment: Mapping[str, str]) -> Context:
        """Give what expressions of a step are evaluated in."""
        steps = {
            name: {"outcome": outcome, "conclusion": conclusion, "outputs": way.outputs_of(name)}
            for name, (outcome, conclusion) in way.steps.items()
        }
        known = {
            name: text for name, text in environment.items() if is_known(text) or text == FAILED
        }
        roots = {**roots_of(self.event), **base, "steps": steps, "env": Open(known=known)}
        fine = way.status == SUCCESS
        return Context(roots=roots, success=fine, failure=not fine)

    def _env(self, job: Job, base: Mapping[str, Any]) -> dict[str, str]:
        known = {"CI": "true", "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": self.event}
        known |= {name: f"/dev/{name}" for name in ("GITHUB_OUTPUT", "GITHUB_ENV")}
        for given in (self.workflow.environment, job.environment):
            known |= self._filled(given, base, Way(), known)
        return known

    def _filled(
        self,
        given: Mapping[str, str],
        base: Mapping[str, Any],
        way: Way,
        environment: Mapping[str, str],
    ) -> dict[str, str]:
        context = self.context(base, way, environment)
        return {
            name: interpolate(text, context, lambda _: UNKNOWN_TEXT) for name, text in given.items()
        }

    def _run_steps(
        self,
        steps: Sequence[Step],
        ways: Sequence[Way],
        base: Mapping[str, Any],
        environment: Mapping[str, str],
        job: Job,
        file: str = "",
    ) -> list[Way]:
        current = list(ways)
        for step in steps:
            following: list[Way] = []
            for way in current:
                following += self._run_step(step, way, base, environment, job, file)
            current = distinct_ways(following)
        return current

    def _run_step(
        self,
        step: Step,
        way: Way,
        base: Mapping[str, Any],
        environment: Mapping[str, str],
        job: Job,
        file: str,
    ) -> Iterator[Way]:
        written = {name[4:]: text for name, text in way.values.items() if name[:4] == "env:"}
        environment = {**environment, **written}
        context = self.context(base, way, environment)
        runs = _step_runs(step, context)
        if runs is not True:
            yield _with_step(way, step, SKIPPED, SKIPPED)
        if runs is False:
            return
        own = {**environment, **self._filled(step.environment, base, way, environment)}
        if step.uses:
            ended = self._used(step, way, base, own, job)
        elif step.run:
            ended = self._script(step, way, base, own, job, file or self.workflow.file)
        else:
            ended = [way]
        for after in ended:
            yield self._concluded(step, way, after, context, file or self.workflow.file)

    def _concluded(self, step: Step, before: Way, after: Way, context: Context, file: str) -> Way:
        """Take a step's outcome into the job's, as `continue-on-error` lets it."""
        if after.status == before.status == FAILURE and after.lost is before.lost:
            return _with_step(after, step, SUCCESS, SUCCESS)
        if after.status == SUCCESS:
            return _with_step(after, step, SUCCESS, SUCCESS)
        continues = as_condition(step.continues, context) if step.continues else False
        if continues is False:
            return _with_step(after, step, FAILURE, FAILURE)
        lost = Lost(file=file, line=step.line, by=f"'{step.title}'", continues=True)
        kept = replace(after, status=before.status)
        if after.failed and not before.failed:
            kept = replace(kept, lost=before.lost or lost)
        return _with_step(kept, step, FAILURE, SUCCESS)

    def _script(
        self,
        step: Step,
        way: Way,
        base: Mapping[str, Any],
        environment: Mapping[str, str],
        job: Job,
        file: str,
    ) -> list[Way]:
        options = shell_of(step, job)
        if options is None:
            return [way]
        context = self.context(base, way, environment)
        text = interpolate(step.run, context, lambda name: f"{HOLE[0]}{name}{HOLE[1]}")
        world = World(
            file=file,
            watches=self.watches,
            fails=self.fails,
            read_file=self.repository.read_script,
            read_makefile=self.repository.read_makefile,
        )
        machine = Machine(world)
        folder = interpolate(step.folder, context, lambda _: "")
        variables = {**environment, "PWD": folder or "."}
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
        return [after for one in ended for after in _after_script(way, one, file, step.id)]

    def _used(
        self,
        step: Step,
        way: Way,
        base: Mapping[str, Any],
        environment: Mapping[str, str],
        job: Job,
    ) -> list[Way]:
        """Run an action: one of the repository's is followed, another one is taken to hold."""
        inputs = self._filled(step.inputs, base, way, environment)
        if any("toJSON(needs)".lower() in text.lower().replace(" ", "")
               for text in step.inputs.values()):  # fmt: skip
            return [_by_gathering_action(way, base, inputs)]
        if not step.uses.startswith("./"):
            return [way]
        action = self.repository.read_action(step.uses)
        if action is None or self.nested >= MAX_NESTED:
            return [way]
        file, steps, defaults = action
        self.nested += 1
        inner = {**base, "inputs": {**defaults, **inputs}}
        begun = replace(way, steps={}, status=SUCCESS)
        ended = self._run_steps(steps, [begun], inner, environment, job, file)
        self.nested -= 1
        worse = way.status == FAILURE
        return [
            replace(one, steps=way.steps, status=FAILURE if worse else one.status) for one in ended
        ]

    def _called_workflow(self, job: Job, base: Mapping[str, Any]) -> list[Way]:
        """Run a reusable workflow of the repository: it fails where one of its jobs does."""
        called = self.repository.read_workflow(job.uses) if job.uses.startswith("./") else None
        if called is None or self.nested >= MAX_NESTED:
            return [Way(unsure=f"'{job.uses}' is not in the repository")]
        given = {
            **{name: one.default for name, one in called.inputs.items()},
            **self._filled(job.inputs, base, Way(), {}),
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
            combined = distinct_ways(_joined(a, b) for a, b in product(combined, ways))
        return combined

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
        implicit = not _has_status(job.condition)
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
        if _has_status(job.condition):
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


def _why_of(name: str, result: str | Unknown, reason: str) -> str:
    if result is UNKNOWN:
        return f"it needs '{name}', which may be skipped ({reason})"
    because = f" ({reason})" if reason else ""
    return f"it needs '{name}', which is {result} there{because}"


def _has_status(condition: str) -> bool:
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


def _step_runs(step: Step, context: Context) -> bool | None:
    if not step.condition:
        return context.success is True
    answer = as_condition(step.condition, context)
    if _has_status(step.condition) or answer is False:
        return answer
    return answer if context.success is True else False


def _with_step(way: Way, step: Step, outcome: str, conclusion: str) -> Way:
    if not step.id:
        return way
    return replace(way, steps={**way.steps, step.id: (outcome, conclusion)})


@lru_cache(maxsize=512)
def _read_step(text: str, lines: Lines) -> Script:
    """Read a step's script once, however often it is gone through."""
    return read_script(text, lines)


def _after_script(way: Way, state: State, file: str, step: str) -> Iterator[Way]:
    """Take what a script came to into the job."""
    failed, ran = way.failed or state.failed, way.ran or (state.ran and not state.astray)
    lost = way.lost
    if state.failed and lost is None:
        loss = state.loss
        lost = Lost(
            file=file,
            line=loss.line if loss else 0,
            by=loss.by if loss else "what follows it",
            in_pipe=bool(loss and loss.in_pipe),
        )
    written = {
        f"{step}:{name.removeprefix('output:')}" if name.startswith("output:") else name: text
        for name, text in state.values.items()
        if step or not name.startswith("output:")
    }
    after = replace(
        way, failed=failed, ran=ran, files=state.files, values={**way.values, **written}
    )
    if state.status in {"0", OTHER}:
        why = "its status is handed on to later steps" if state.published else way.unsure
        why = "a piece of the script cannot be read" if state.astray else why
        yield replace(after, lost=lost if failed else None, unsure=why)
    elif state.status == UNKNOWN_TEXT:
        why = "a function or file that is not here decides how it ends"
        yield replace(after, lost=lost if failed else None, unsure=why)
        yield replace(after, status=FAILURE)
    else:
        yield replace(after, status=FAILURE)


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


def _joined(one: Way, two: Way) -> Way:
    """Two jobs of a called workflow: the whole fails where one does."""
    failing = FAILURE in {one.status, two.status}
    return Way(
        status=FAILURE if failing else SUCCESS,
        failed=one.failed or two.failed,
        ran=one.ran or two.ran,
        lost=one.lost or two.lost,
        unsure=one.unsure or two.unsure,
    )
