"""A probe's steps, in their order: what strace saw (`diagnose.trace`) beside what `sh -x` told.

How each command ended, what it wrote where nobody reads, and which of its system calls failed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from hardgate.diagnosis.analysis.data_flow import order_pipe_parts
from hardgate.diagnosis.analysis.error_messages import parse_error_messages
from hardgate.diagnosis.analysis.step import NEUTRAL_BUILTINS, ProbeStep
from hardgate.diagnosis.analysis.xtrace import (
    XtraceLine,
    is_same_command,
    is_xtrace_line,
    nonblank_lines,
    parse_xtrace,
)
from hardgate.model.observation import DiscardedOutput, FailedCall, Observation

STDERR_FD = 2
SHELL_NAMES = frozenset({"sh", "dash", "bash", "ash", "busybox", "-c"})


def correlate_steps(observation: Observation, script: str = "") -> tuple[ProbeStep, ...]:
    """Give the probe's commands; one step of no text where nothing tells them apart.

    The probe's `script` says in which order the parts of a pipe stand.
    """
    rerun = observation.rerun
    trace = parse_xtrace(rerun.stderr if rerun else "") or tuple(
        XtraceLine(text=command.command) for command in observation.commands
    )
    if not trace:
        return (_add_message_failures(_step_from_output(observation)),)
    traced = [ProbeStep(text=line.text, output=line.output) for line in trace]
    steps = _assign_programs(list(order_pipe_parts(traced, script)), observation)
    steps = [
        _add_message_failures(step) for step in _StepCorrelator(steps).assign_evidence(observation)
    ]
    last = steps[-1]
    if not observation.commands and last.status is None and last.program not in NEUTRAL_BUILTINS:
        # Without strace the shell's own exit status is the last command's.
        steps[-1] = replace(last, status=rerun.exit_status if rerun else None)
    return tuple(replace(step, number=number) for number, step in enumerate(steps))


def _step_from_output(observation: Observation) -> ProbeStep:
    """Make one step of all that was written, where no trace tells the steps apart."""
    runs = [run for run in (observation.execution, observation.rerun) if run]
    texts = [text for run in runs for text in (run.stdout, run.stderr)]
    return ProbeStep(
        text="",
        status=runs[-1].exit_status if runs else None,
        output=nonblank_lines([*texts, *(record.text for record in observation.discarded)]),
        failures=observation.failures,
    )


def _add_message_failures(step: ProbeStep) -> ProbeStep:
    parsed = parse_error_messages(step.output, known={failure.target for failure in step.failures})
    return replace(step, failures=(*step.failures, *parsed)) if parsed else step


def _assign_programs(steps: list[ProbeStep], observation: Observation) -> list[ProbeStep]:
    """Lay the programs that were started beside the trace; their children belong to them."""
    taken: set[int] = set()
    current = -1
    for command in observation.commands:
        own = next(
            (
                index
                for index, step in enumerate(steps)
                if index not in taken and is_same_command(" ".join(step.argv), command.command)
            ),
            None,
        )
        if own is not None:
            taken.add(own)
            current = own
        if current >= 0:
            status = command.exit_status
            steps[current] = _add_program(
                steps[current], command.command, status, own=own is not None
            )
    return steps


def _add_program(step: ProbeStep, command: str, status: int | None, *, own: bool) -> ProbeStep:
    failed = ((command, status),) if status else ()
    return replace(
        step,
        status=status if own and status is not None else step.status,
        started_commands=(*step.started_commands, command),
        failed_commands=(*step.failed_commands, *failed),
    )


class _StepCorrelator:
    """Gives each step what its programs wrote, and which of their system calls failed."""

    def __init__(self, steps: Sequence[ProbeStep]) -> None:
        self._steps = steps
        self._outputs: dict[int, list[str]] = {}
        self._failures: dict[int, list[FailedCall]] = {}
        self._untraced_failures: list[FailedCall] = []
        self._unassigned_output: list[str] = []
        self._insert_at = len(steps)

    def assign_evidence(self, observation: Observation) -> Iterator[ProbeStep]:
        """Yield the steps; what the shell failed at without tracing it is a step of its own.

        Such is a redirect that cannot be opened: the command that it belongs to never ran.
        """
        for failure in observation.failures:
            self._assign_failure(failure)
        for record in observation.discarded:
            self._assign_output(record)
        for index, step in enumerate(self._steps):
            if index == self._insert_at and self._untraced_failures:
                yield self._untraced_step()
            yield replace(
                step,
                output=(*step.output, *self._outputs.get(index, ())),
                failures=(*step.failures, *self._failures.get(index, ())),
            )
        if (self._untraced_failures or self._unassigned_output) and self._insert_at == len(
            self._steps
        ):
            yield self._untraced_step()

    def _untraced_step(self) -> ProbeStep:
        return ProbeStep(
            text="", output=tuple(self._unassigned_output), failures=tuple(self._untraced_failures)
        )

    def _assign_failure(self, failure: FailedCall) -> None:
        index = self._find_by_program(failure.program, [failure.target])
        if index is None:
            self._untraced_failures.append(failure)
            self._insert_at = len(self._steps)
            return
        if self._untraced_failures:
            # The failures are in order: this step came later than what was not traced.
            self._insert_at = min(self._insert_at, index)
        self._failures.setdefault(index, []).append(failure)

    def _assign_output(self, record: DiscardedOutput) -> None:
        lines = [line for line in nonblank_lines([record.text]) if not is_xtrace_line(line)]
        if not lines:
            return
        index = self._find_by_command(record.command)
        if index is None:
            index = self._find_by_program(record.program, lines)
        if index is None:
            # What it printed is not a sign of a failure; where it says why, that is on its stderr.
            self._unassigned_output.extend(lines if record.fd == STDERR_FD else ())
        else:
            self._outputs.setdefault(index, []).extend(lines)

    def _find_by_command(self, command: str) -> int | None:
        for index in reversed(range(len(self._steps)) if command else ()):
            if any(
                is_same_command(command, started) for started in self._steps[index].started_commands
            ):
                return index
        return None

    def _find_by_program(self, program: str, texts: Sequence[str]) -> int | None:
        """Find the last step that a program ran for; a shell's own is the one that it speaks of."""
        name = program.rpartition("/")[2]
        if name and name not in SHELL_NAMES:
            running = [i for i, step in enumerate(self._steps) if name in step.programs]
            naming = [i for i in running if _mentions_step(self._steps[i], texts)]
            return max(naming or running, default=None)
        own = (
            i for i, step in enumerate(self._steps) if not step.started_commands and step.program
        )
        naming = [i for i in own if _mentions_step(self._steps[i], texts)]
        # A shell that a step started, behind sudo or nsenter, has steps of its own.
        started = [i for i, step in enumerate(self._steps) if name in step.programs]
        return max(naming or started, default=None)


def _mentions_step(step: ProbeStep, lines: Iterable[str]) -> bool:
    """Tell whether lines, or a failed call's target, speak of a step's words."""
    arguments = [word for word in step.argv if len(word) > 1 and not word.startswith("-")]
    if step.program == "[[":
        arguments.append("[[")
    return any(
        (word.startswith("/") and word in line)
        or re.search(rf"(?<![\w/.-]){re.escape(word)}(?![\w/.-])", line)
        for line in lines
        for word in arguments
    )
