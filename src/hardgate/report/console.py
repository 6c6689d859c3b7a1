"""What the person at the terminal sees while the gate runs, and when it has ended.

Every permanent line is written whole and under one lock, so that steps may overlap. On a terminal
the steps that are under way stand below all lines (`live`), and the last block fits the window
(`screen`); elsewhere the lines are plain and always the same. In a forge's log what happened on the
way is folded (`log_groups`).
"""

import atexit
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hardgate.model.contract import Severity
from hardgate.model.plan import Plan
from hardgate.model.run import Run, StepSpan
from hardgate.model.verdict import Outcome, Verdict
from hardgate.redaction import Redactor
from hardgate.report.closing_block import (
    VERBOSE_BLOCK,
    WHOLE_BLOCK,
    ClosingBlock,
    format_closing_block,
)
from hardgate.report.details import list_sections
from hardgate.report.headline import run_opening
from hardgate.report.log_groups import LogGroup, find_log_dialect
from hardgate.report.marks import Mark, Tone, mark_outcome
from hardgate.report.progress import (
    StepProgress,
    format_progress,
    read_build_stage,
    strip_build_prefix,
)
from hardgate.report.terminal_summary import (
    GUTTER,
    UNLIMITED,
    StyledLine,
    choose_detail,
    format_run_summary,
    quote_output,
    verdict_title,
)
from hardgate.text.plain import (
    disarm_workflow_commands,
    format_duration,
    one_line,
    strip_control_codes,
)

if TYPE_CHECKING:
    from hardgate.report.live import LiveRegion

STEPS_TITLE = "Steps and verdicts"


class ConsoleStep:
    """A step that is under way."""

    def __init__(self, console: "Console", name: str) -> None:
        """Begin now; `Console.step` does it."""
        self.name = name
        self.outcome = ""
        self.mark = Mark.HELD
        self.latest = ""
        self.stage = ""
        self.seconds = 0.0
        self._console = console
        self.began = time.monotonic()

    def show_progress(self, line: str) -> None:
        """Show what it is doing: beside its name on a terminal, as a line of its own with `-v`."""
        self._console.update_step(self, line)

    def show_lines_of(self, write: Callable[[str], object]) -> Callable[[str], None]:
        """Give a function that hands a line to `write`, and shows it as what is being done."""

        def write_and_show(line: str) -> None:
            write(line)
            self.show_progress(line)

        return write_and_show

    def set_outcome(self, text: str, outcome: Outcome = Outcome.PASS) -> None:
        """Say what came of it; it stands on the step's line, with its mark, when it has ended."""
        self.outcome = text
        self.mark = mark_outcome(outcome)

    def stop_clock(self) -> None:
        """Take the time."""
        self.seconds = time.monotonic() - self.began

    def hear_line(self, line: str) -> None:
        """Take in what was heard of it; a line that begins a step of a build stays longer."""
        self.latest = strip_build_prefix(line)
        if stage := read_build_stage(line):
            self.stage, self.latest = stage, ""

    def measure_progress(self) -> StepProgress:
        """Say how far it is."""
        return StepProgress(
            name=self.name,
            seconds=time.monotonic() - self.began,
            stage=self.stage,
            latest=self.latest,
        )


class Console:
    """The gate's voice. It never raises: a terminal that is gone is no reason not to clean up."""

    def __init__(
        self,
        stream: TextIO,
        *,
        verbosity: int = 0,
        color: bool | None = None,
        redactor: Redactor | None = None,
        environ: Mapping[str, str] = os.environ,
        commands: "Console | None" = None,
    ) -> None:
        """Speak on `stream`; `verbosity` is -1 for `-q` and 1 for `-v`; `color` None finds out.

        `commands` is the console whose stream is the job's log, where `stream` is not.
        """
        self._commands = commands
        self.redactor = redactor or Redactor()
        """May be replaced by one that knows more."""
        self.verbosity = verbosity
        self.steps: dict[str, float] = {}
        """Seconds of each step that has ended, in order; a name that comes twice is added up."""
        self.on_step_end: Callable[[ConsoleStep, bool], None] = lambda _step, _held: None
        """Is called with each step that has ended, and whether it held."""
        self._spans: list[tuple[str, float, float, bool]] = []
        self._stream = stream
        self._lock = threading.RLock()  # a signal's handler may speak while its thread does
        self._running: list[ConsoleStep] = []
        self._last_reason = ""
        self._environ = environ
        self._is_terminal = (
            _is_terminal(stream) and environ.get("TERM") != "dumb" and not environ.get("CI")
        )
        self._region: LiveRegion | None = None
        automatic = self._is_terminal and not environ.get("NO_COLOR")
        self._color = automatic if color is None else color
        self._is_unicode = _can_encode(stream, "✓✗…")
        self._log_dialect = find_log_dialect(environ)
        self._group: LogGroup | None = None

    def print_opening(self, plan: Plan, *, host: str, run_id: str) -> None:
        """Say by what is judged, and where, before anything is done."""
        self._print_styled(Tone.PLAIN, run_opening(plan, host=host, run_id=run_id))
        self.open_group(STEPS_TITLE, run_id)

    def open_group(self, title: str, run_id: str) -> None:
        """Fold what follows in a forge's log, until `close_group`; elsewhere do nothing."""
        if self._log_dialect is None or self.verbosity < 0:
            return
        with self._lock:
            self.close_group()
            self._group = LogGroup(dialect=self._log_dialect, title=title, run_id=run_id)
            self._write_stream(self._group.format_start(time.time()))

    def close_group(self) -> None:
        """End what is folded."""
        with self._lock:
            if self._group is not None:
                self._write_stream(self._group.format_end(time.time()))
            self._group = None

    def print_text(self, text: str) -> None:
        """Say something in passing."""
        self._print_styled(Tone.PLAIN, one_line(self.clean_text(text)))

    def print_notice(self, text: str) -> None:
        """Say something that the reader must not miss, such as a notice."""
        self._print_styled(Tone.UNSURE, f"Notice: {one_line(self.clean_text(text))}")

    @contextmanager
    def step(self, name: str) -> Iterator[ConsoleStep]:
        """Tell of a step: a mark and a time when it ends, a cross when an exception leaves it."""
        step, mark = ConsoleStep(self, name), Mark.MISSED
        with self._lock:
            self._running.append(step)
            self._show_progress()
        try:
            yield step
            mark = step.mark
        finally:
            self._finish_step(step, mark)

    def update_step(self, step: ConsoleStep, line: str) -> None:
        """Show what a step is doing (`Step.tell` is the way to say it)."""
        with self._lock:
            heard = one_line(self.clean_text(line))
            step.hear_line(heard)
            if self.verbosity > 0:
                step.latest = ""  # it stands above
                self._print_styled(Tone.FAINT, f"{GUTTER}{heard}")

    def print_verdict(self, verdict: Verdict) -> None:
        """Tell of a verdict as it falls, with the reason where it is not a pass."""
        if self.verbosity < 0:
            return
        reason = one_line(self.clean_text(verdict.best_reason))
        with self._lock:
            is_repeated = bool(reason) and reason == self._last_reason
            self._last_reason = reason
            same = "  (the same)" if is_repeated else ""
            line = (
                f"  {self.mark_of_verdict(verdict)} "
                f"{verdict_title(verdict)}{_format_verdict_time(verdict)}{same}"
            )
            self._print_styled(mark_outcome(verdict.outcome, verdict.severity).tone, line)
            if reason and not is_repeated:
                self._print_styled(Tone.PLAIN, f"    {reason}")
            if self.verbosity > 0:
                for name, text in list_sections(verdict, self.clean_text):
                    self._print_styled(Tone.FAINT, f"    {name}:")
                    self._print_all(quote_output(text, UNLIMITED))

    def print_run(self, run: Run, *, reports: Path | None = None) -> None:
        """Tell the whole run; its last line says what it is worth."""
        with self._lock:
            self._running.clear()
            self._show_progress()
            self.close_group()
            if self.verbosity >= 0:
                self._print_styled(Tone.PLAIN, "")
            self._print_all(self._format_run(run, reports))

    def _format_run(self, run: Run, reports: Path | None) -> Iterable[StyledLine]:
        """Give a run's last block: cut to the window where there is one, else whole."""
        marks, clean = self.mark_of_verdict, self.clean_text
        if not self.fits_window:
            detail, reports = choose_detail(self.verbosity), self._hide_if_quiet(reports)
            return format_run_summary(run, clean, marks=marks, reports=reports, detail=detail)
        # Only a terminal needs it, and rich, which it loads.
        from hardgate.report.screen import fit_run_summary, measure_window  # noqa: PLC0415

        return fit_run_summary(
            run,
            clean,
            marks=marks,
            reports=reports,
            window=measure_window(self._environ),
            is_quiet=self.verbosity < 0,
        )

    def print_closing_block(self, block: ClosingBlock, *, reports: Path | None) -> None:
        """Tell what came of a session that is not a gate; its last line says what it is worth."""
        with self._lock:
            self._running.clear()
            self._show_progress()
            self.close_group()
            if self.verbosity >= 0:
                self._print_styled(Tone.PLAIN, "")
            self._print_all(self._format_closing_block(block, reports))

    def _format_closing_block(
        self, block: ClosingBlock, reports: Path | None
    ) -> Iterable[StyledLine]:
        if not self.fits_window:
            detail = VERBOSE_BLOCK if self.verbosity > 0 else WHOLE_BLOCK
            *lines, last = format_closing_block(block, self.clean_text, detail)
            shown = self._hide_if_quiet(reports)
            return [*lines, *([(Tone.PLAIN, f"Reports: {shown}")] if shown else []), last]
        # Only a terminal needs it, and rich, which it loads.
        from hardgate.report.screen import fit_closing_block, measure_window  # noqa: PLC0415

        return fit_closing_block(
            block,
            self.clean_text,
            reports=reports,
            window=measure_window(self._environ),
            is_quiet=self.verbosity < 0,
        )

    def _hide_if_quiet(self, reports: Path | None) -> Path | None:
        return reports if self.verbosity >= 0 else None

    @property
    def fits_window(self) -> bool:
        """Say whether a last block is cut to the window: nobody asked for more than it holds."""
        return self._is_terminal and self.verbosity <= 0

    def clean_text(self, text: str) -> str:
        """Make a text fit to be shown. It has to be whole: a secret's half is not known."""
        return self.redactor.redact_text(strip_control_codes(text))

    def print_line(self, text: str, tone: Tone = Tone.PLAIN) -> None:
        """Say one line, also with `-q`."""
        self._print_styled(tone, text)

    def print_excerpt(self, lines: Sequence[str], *, beside: int, parts: int) -> None:
        """Quote what one of several sessions printed; in a window no more than its part of it.

        `beside` counts the rows of the last screen that are none of theirs.
        """
        if self.fits_window:
            from hardgate.report.screen import fit_quotes, measure_window  # noqa: PLC0415

            window = measure_window(self._environ)
            lines = fit_quotes(lines, window, beside=beside, parts=parts)
        for line in lines:
            self._print_styled(Tone.FAINT, f"{GUTTER}{line}")

    def print_workflow_command(self, line: str) -> None:
        """Print a workflow command of hardgate's own; its texts are escaped already."""
        line = self.redactor.redact_text(line)
        if self._commands is not None:
            self._commands.print_workflow_command(line)
            return
        with self._lock:
            self._write_stream(f"{line}\n")

    def mark_of_verdict(self, verdict: Verdict) -> str:
        """Give the mark that stands for a verdict."""
        return self.mark_of_outcome(verdict.outcome, verdict.severity)

    def mark_of_outcome(self, outcome: Outcome, severity: Severity) -> str:
        """Give the mark that stands for an outcome, as this terminal can show it."""
        return self.draw_mark(mark_outcome(outcome, severity))

    def draw_mark(self, mark: Mark) -> str:
        """Give a mark as this terminal can show it."""
        return mark.glyph if self._is_unicode else mark.ascii_glyph

    def record_step(self, name: str, seconds: float) -> None:
        """Count a step that has just ended, and whose time was taken elsewhere; print nothing."""
        with self._lock:
            self._spans.append((name, time.monotonic() - seconds, seconds, True))
            self.steps[name] = self.steps.get(name, 0.0) + seconds

    def find_begin(self) -> float:
        """Say when the first step began, by `time.monotonic()`; now, where there was none yet."""
        return min((began for _, began, _, _ in self._spans), default=time.monotonic())

    def list_spans(self, run_began: float) -> tuple[StepSpan, ...]:
        """List the steps that have ended by their start; `run_began` is of `time.monotonic`."""
        return tuple(
            StepSpan(name=name, began=max(began - run_began, 0.0), seconds=seconds, held=held)
            for name, began, seconds, held in sorted(self._spans, key=lambda span: span[1])
        )

    def _finish_step(self, step: ConsoleStep, mark: Mark) -> None:
        step.stop_clock()
        with self._lock:
            if step in self._running:
                self._running.remove(step)
            if not self._running:
                self._show_progress()
            self._spans.append((step.name, step.began, step.seconds, mark is Mark.HELD))
            self.on_step_end(step, mark is Mark.HELD)
            self.steps[step.name] = self.steps.get(step.name, 0.0) + step.seconds
            remark = f"  {one_line(step.outcome)}" if step.outcome else ""
            if self.verbosity >= 0 or mark is Mark.MISSED:
                time_taken = format_duration(step.seconds)
                line = f"{self.draw_mark(mark)} {step.name}  {time_taken}{remark}"
                self._print_styled(mark.tone, line)

    def _print_all(self, lines: Iterable[StyledLine]) -> None:
        for tone, line in lines:
            self._print_styled(tone, line)

    def _print_styled(self, tone: Tone, line: str) -> None:
        line = disarm_workflow_commands(self.clean_text(line))
        with self._lock:
            if self._region is not None and self._region.is_shown:
                self._region.print_above(line, tone)
                return
            if self._color and tone.colour.ansi:
                line = f"\x1b[{tone.colour.ansi}m{line}\x1b[0m"
            self._write_stream(f"{line}\n")

    def _show_progress(self) -> None:
        """Show on a terminal what is under way, or that nothing is; the lock is held."""
        if self._region is None and self._running and self._is_terminal and self.verbosity >= 0:
            self._region = self._make_region()
            atexit.register(self._region.hide)
        if self._region is None:
            return
        if self._running:
            self._region.show()
        else:
            self._region.hide()

    def _make_region(self) -> "LiveRegion":
        # Only a terminal needs it, and rich, which it loads.
        from hardgate.report.live import LiveRegion  # noqa: PLC0415

        return LiveRegion(
            self._write_stream,
            color=self._color,
            encodable=self._is_unicode,
            environ=self._environ,
            lock=self._lock,
            list_lines=self._list_progress,
        )

    def _list_progress(self, frame: str, columns: int, rows: int) -> Iterable[StyledLine]:
        steps = [step.measure_progress() for step in self._running]
        return format_progress(steps, frame=frame, columns=columns, rows=rows)

    def _write_stream(self, text: str) -> None:
        try:
            self._stream.write(_escape_unencodable(self._stream, text))
            self._stream.flush()
        except (OSError, ValueError):  # the reader went away, or somebody closed the stream
            self._is_terminal = False


def _format_verdict_time(verdict: Verdict) -> str:
    execution = verdict.observation.execution
    return f"  {format_duration(execution.seconds)}" if execution else ""


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _can_encode(stream: TextIO, text: str) -> bool:
    return _escape_unencodable(stream, text) == text


def _escape_unencodable(stream: TextIO, text: str) -> str:
    """Escape what the stream's encoding lacks; an error there would cost the whole report."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
