"""`events.jsonl` while its run goes on: each event is a whole line on the disk as it falls.

What is known at the end only (a diagnosis, a promise that nothing was seen of) is appended as a
further `verdict` line: of the lines of one name the last one counts. A run that was killed leaves
whole lines and no `finished`; Linux may cut the line that is being written, between two pages of
the file, so what does not end with a newline is not an event.
"""

import json
import os
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hardgate.model.run import Run, StepSpan
from hardgate.model.verdict import Verdict
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.formats import FORMATS
from hardgate.report.jsonl import (
    encode_event,
    make_finished_event,
    make_started_event,
    make_step_event,
    make_verdict_event,
    render_run_jsonl,
)
from hardgate.report.summary_json import summarize_run, summarize_span, summarize_verdict

EVENTS_FILE = FORMATS["jsonl"].file


class EventStream:
    """Writes the events of one run, from several threads, and raises nothing while it goes on."""

    def __init__(self, folder: Path, run: Run, get_redactor: Callable[[], Redactor]) -> None:
        """Begin the file; `run` is the run as it is known when it starts."""
        self._path = folder / EVENTS_FILE
        self._run = run
        self._get_redactor = get_redactor
        self._lock = threading.RLock()  # a signal's handler may write while its thread does
        self._written: dict[str, str] = {}
        """The latest line of each verdict."""
        self._failed = False
        self._append(make_started_event(summarize_run(run)))

    def write_step(self, span: StepSpan) -> None:
        """Write a step that has ended."""
        self._append(make_step_event(summarize_span(span)))

    def write_verdict(self, verdict: Verdict) -> None:
        """Write a verdict, as far as it is known now."""
        self._append_verdict(summarize_verdict(verdict, self._run))

    def finish(self, run: Run) -> None:
        """Write what is only known now, and the end; raises HardgateError where that fails."""
        summary = summarize_run(run)
        for verdict in summary["verdicts"]:
            self._append_verdict(verdict)
        self._append(make_finished_event(summary))
        if self._failed:
            replace_file(self._path, render_run_jsonl(self._redact(summary)).encode())
        self._redact_again()

    def _append_verdict(self, verdict: Mapping[str, Any]) -> None:
        line = encode_event(self._redact(make_verdict_event(verdict)))
        with self._lock:
            if self._written.get(verdict["name"]) != line:
                self._written[verdict["name"]] = line
                self._append_line(line)

    def _append(self, event: Mapping[str, Any]) -> None:
        self._append_line(encode_event(self._redact(event)))

    def _append_line(self, line: str) -> None:
        """Write a line at once; what is only half of one is taken away again."""
        content = line.encode()
        with self._lock:
            if self._failed:
                return
            try:
                file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
                try:
                    size = os.fstat(file).st_size
                    if os.write(file, content) != len(content):
                        os.ftruncate(file, size)
                        self._failed = True
                finally:
                    os.close(file)
            except OSError:
                self._failed = True

    def _redact(self, value: Mapping[str, Any]) -> Any:
        return self._get_redactor().redact_value(value)

    def _redact_again(self) -> None:
        """Write the file anew where a secret that was learnt late is in it."""
        written = ""
        with suppress(OSError):
            written = self._path.read_text(encoding="utf-8")
        events = map(json.loads, written.splitlines())
        cleaned = "".join(encode_event(self._redact(event)) for event in events)
        if cleaned != written:
            replace_file(self._path, cleaned.encode())
