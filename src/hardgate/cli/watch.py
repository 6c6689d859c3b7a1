"""`hardgate gate --watch`: the gate again on each change. No command itself."""

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TextIO

from hardgate.errors import ExitCode
from hardgate.model.run import Run
from hardgate.pipeline.template import IGNORED_NAMES
from hardgate.report.headline import format_headline
from hardgate.report.run_diff import diff_runs
from hardgate.report.summary_json import summarize_run
from hardgate.system.interruption import Interrupted
from hardgate.text.plain import disarm_workflow_commands, strip_control_codes

POLL_SECONDS = 0.5
ENDING_CODES = frozenset({ExitCode.INTERRUPTED, ExitCode.TERMINATED})
FileStates = Mapping[str, tuple[int, int]]
"""Each file's time of change, in nanoseconds, and its size."""


def watch_context(
    context: Path,
    run_gate: Callable[[TextIO], Run],
    stream: TextIO,
    wait: Callable[[Path, FileStates], None] | None = None,
) -> ExitCode:
    """Run the gate until it is interrupted, the first run shown whole; give the last exit code."""
    wait = wait or wait_for_change
    before = read_file_states(context)
    run = run_gate(stream)
    try:
        while run.exit_code not in ENDING_CODES:
            print(f"Watching '{context}'. Stop with Ctrl-C.", file=stream, flush=True)
            wait(context, before)
            before, older = read_file_states(context), run
            run = run_gate(io.StringIO())
            for line in describe_changes(older, run):
                print(line, file=stream, flush=True)
    except (KeyboardInterrupt, Interrupted):  # while it waits: the last verdict stands
        return run.exit_code
    return run.exit_code


def describe_changes(older: Run, newer: Run) -> Iterator[str]:
    """Yield what changed in the verdicts, then the headline."""
    diff = diff_runs(summarize_run(older), summarize_run(newer))
    told = {"newly failing", "newly unknown", "absent", "fixed", "new", "flaky"}
    for change in diff.changes:
        if change.kind.value in told:
            line = f"  {change.kind.value:<14} {change.name}: {change.detail}"
            yield disarm_workflow_commands(strip_control_codes(line))
    yield disarm_workflow_commands(strip_control_codes(format_headline(newer)))


def wait_for_change(context: Path, before: FileStates) -> None:
    """Wait until a file differs from `before`, and none changes any more."""
    while (now := read_file_states(context)) == before:
        time.sleep(POLL_SECONDS)
    while (settled := read_file_states(context)) != now:
        now = settled
        time.sleep(POLL_SECONDS)


def read_file_states(context: Path) -> FileStates:
    """Read the states of a context's files, without those that no build is made of."""
    states = {}
    for folder, folders, files in os.walk(context):
        folders[:] = [name for name in folders if name not in IGNORED_NAMES and name != ".git"]
        for name in files:
            path = Path(folder) / name
            try:
                found = path.lstat()
            except OSError:  # it went away meanwhile
                continue
            states[str(path)] = (found.st_mtime_ns, found.st_size)
    return states
