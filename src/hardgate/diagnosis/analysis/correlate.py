"""A probe's steps, in their order: what strace saw (`diagnose.trace`) beside what `sh -x` told.

How each command ended, what it wrote where nobody reads, and which of its system calls failed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hardgate.diagnosis.analysis.error_messages import told_failures
from hardgate.diagnosis.analysis.step import SILENT_WORDS, Step
from hardgate.diagnosis.analysis.xtrace import (
    Traced,
    first_lines,
    is_traced,
    read_trace,
    same_command,
)
from hardgate.model.observation import Discarded, Failure, Observation

STDERR = 2
SHELLS = frozenset({"sh", "dash", "bash", "ash", "busybox", "-c"})


def read_steps(observation: Observation) -> tuple[Step, ...]:
    """Give the probe's commands; one step of no text where nothing tells them apart."""
    rerun = observation.rerun
    trace = read_trace(rerun.stderr if rerun else "") or tuple(
        Traced(text=command.command) for command in observation.commands
    )
    if not trace:
        return (_with_told(_spoken(observation)),)
    steps = _match([Step(text=one.text, said=one.said) for one in trace], observation)
    steps = [_with_told(step) for step in _Laying(steps).lay(observation)]
    last = steps[-1]
    if not observation.commands and last.status is None and last.program not in SILENT_WORDS:
        # Without strace the shell's own exit status is the last command's.
        steps[-1] = replace(last, status=rerun.exit_status if rerun else None)
    return tuple(replace(step, number=number) for number, step in enumerate(steps))


def _spoken(observation: Observation) -> Step:
    """Make one step of all that was written, where no trace tells the steps apart."""
    runs = [run for run in (observation.execution, observation.rerun) if run]
    texts = [text for run in runs for text in (run.stdout, run.stderr)]
    return Step(
        text="",
        status=runs[-1].exit_status if runs else None,
        said=first_lines([*texts, *(record.text for record in observation.discarded)]),
        failures=observation.failures,
    )


def _with_told(step: Step) -> Step:
    told = told_failures(step.said, known={failure.target for failure in step.failures})
    return replace(step, failures=(*step.failures, *told)) if told else step


def _match(steps: list[Step], observation: Observation) -> list[Step]:
    """Lay the programs that were started beside the trace; their children belong to them."""
    taken: set[int] = set()
    current = -1
    for command in observation.commands:
        own = next(
            (
                index
                for index, step in enumerate(steps)
                if index not in taken and same_command(" ".join(step.words), command.command)
            ),
            None,
        )
        if own is not None:
            taken.add(own)
            current = own
        if current >= 0:
            status = command.exit_status
            steps[current] = _started(steps[current], command.command, status, own=own is not None)
    return steps


def _started(step: Step, command: str, status: int | None, *, own: bool) -> Step:
    failed = ((command, status),) if status else ()
    return replace(
        step,
        status=status if own and status is not None else step.status,
        started=(*step.started, command),
        ended=(*step.ended, *failed),
    )


class _Laying:
    """Gives each step what its programs wrote, and which of their system calls failed."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self._said: dict[int, list[str]] = {}
        self._failed: dict[int, list[Failure]] = {}
        self._untraced: list[Failure] = []
        self._unsaid: list[str] = []
        self._after = len(steps)

    def lay(self, observation: Observation) -> Iterator[Step]:
        """Yield the steps; what the shell failed at without tracing it is a step of its own.

        Such is a redirect that cannot be opened: the command that it belongs to never ran.
        """
        for failure in observation.failures:
            self._take_failure(failure)
        for record in observation.discarded:
            self._take_record(record)
        for index, step in enumerate(self._steps):
            if index == self._after and self._untraced:
                yield self._own_step()
            yield replace(
                step,
                said=(*step.said, *self._said.get(index, ())),
                failures=(*step.failures, *self._failed.get(index, ())),
            )
        if (self._untraced or self._unsaid) and self._after == len(self._steps):
            yield self._own_step()

    def _own_step(self) -> Step:
        return Step(text="", said=tuple(self._unsaid), failures=tuple(self._untraced))

    def _take_failure(self, failure: Failure) -> None:
        index = self._find(failure.program, [failure.target])
        if index is None:
            self._untraced.append(failure)
            self._after = len(self._steps)
            return
        if self._untraced:
            # The failures are in order: this step came later than what was not traced.
            self._after = min(self._after, index)
        self._failed.setdefault(index, []).append(failure)

    def _take_record(self, record: Discarded) -> None:
        lines = [line for line in first_lines([record.text]) if not is_traced(line)]
        if not lines:
            return
        index = self._started_as(record.command)
        if index is None:
            index = self._find(record.program, lines)
        if index is None:
            # What it printed is no sign of a failure; where it says why, that is on its stderr.
            self._unsaid.extend(lines if record.fd == STDERR else ())
        else:
            self._said.setdefault(index, []).extend(lines)

    def _started_as(self, command: str) -> int | None:
        for index in reversed(range(len(self._steps)) if command else ()):
            if any(same_command(command, started) for started in self._steps[index].started):
                return index
        return None

    def _find(self, program: str, told: Sequence[str]) -> int | None:
        """Find the last step that a program ran for; a shell's own is the one that it speaks of."""
        name = program.rpartition("/")[2]
        if name and name not in SHELLS:
            running = [i for i, step in enumerate(self._steps) if name in step.programs]
            naming = [i for i in running if _names(self._steps[i], told)]
            return max(naming or running, default=None)
        own = (i for i, step in enumerate(self._steps) if not step.started and step.program)
        naming = [i for i in own if _names(self._steps[i], told)]
        # A shell that a step started, behind sudo or nsenter, has steps of its own.
        started = [i for i, step in enumerate(self._steps) if name in step.programs]
        return max(naming or started, default=None)


def _names(step: Step, told: Iterable[str]) -> bool:
    """Tell whether lines, or a failed call's target, speak of a step's words."""
    words = [word for word in step.words if len(word) > 1 and not word.startswith("-")]
    if step.program == "[[":
        words.append("[[")
    return any(
        (word.startswith("/") and word in line)
        or re.search(rf"(?<![\w/.-]){re.escape(word)}(?![\w/.-])", line)
        for line in told
        for word in words
    )
