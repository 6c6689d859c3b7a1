"""What a run says, kept as files: `python -m tests.snapshots` writes them anew.

For a green, a red, an unknown and an interrupted run: the log, the last screen of a terminal,
JUnit, the job's summary, the exit code, and the keys of summary.json. A change of a message or a
key shows as a difference of these files, and tests/unit/report/test_snapshots.py is red until they
are written anew and read.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hardgate import __version__
from hardgate.model.run import Run
from hardgate.model.verdict import exit_code_of_verdicts
from hardgate.redaction import Redactor
from hardgate.report.console import Console
from hardgate.report.junit import make_run_junit
from hardgate.report.markdown import render_run_markdown
from hardgate.report.summary_json import summarize_run
from tests import picture
from tests.unit import runs
from tests.unit.terminals import Terminal, display, window

SNAPSHOTS = Path(__file__).parent / "unit" / "recorded" / "snapshots"
RUNS: Mapping[str, Callable[[], Run]] = {
    "green": runs.green,
    "red": runs.red,
    "red-silent": picture.make_run,
    "unknown": runs.build_failed,
    "interrupted": runs.interrupted,
}
REPORTS_FOLDER = Path("reports/t4/3f9c2e7a")
COLUMNS, ROWS = 80, 24


def make_snapshots() -> Iterator[tuple[Path, str]]:
    """Yield each file below `SNAPSHOTS`, by its path there, and its text."""
    for name, make_run in RUNS.items():
        run = make_run()
        yield Path(name, "log.txt"), write_log(run)
        yield Path(name, "screen.txt"), draw_screen(run)
        yield Path(name, "junit.xml"), hide_version(make_run_junit(run, Redactor()).decode())
        yield Path(name, "summary.md"), render_run_markdown(summarize_run(run))
        yield Path(name, "summary.json"), describe_summary(run)


def write_log(run: Run) -> str:
    """Write what a log holds: the opening line, each verdict, and the last block."""
    stream = io.StringIO()
    _print_run(run, Console(stream, environ={}))
    return stream.getvalue()


def draw_screen(run: Run) -> str:
    """Draw what a terminal's window shows at the end, with the prompt."""
    stream = Terminal()
    _print_run(run, Console(stream, environ=window(COLUMNS, ROWS)))
    stream.write("$ ")
    return display(stream.getvalue(), COLUMNS, ROWS).shown + "\n"


def _print_run(run: Run, console: Console) -> None:
    console.print_opening(run.plan, host="nested host", run_id=run.id)
    for verdict in run.verdicts:
        console.print_verdict(verdict)
    console.print_run(run, reports=REPORTS_FOLDER)


def describe_summary(run: Run) -> str:
    """Give the exit codes, the headline and all keys of summary.json."""
    summary = summarize_run(run)
    told = {
        "headline": summary["headline"],
        "exit_code": summary["exit_code"],
        "exit_code_of_verdicts": int(
            exit_code_of_verdicts(run.verdicts, partial=run.plan.is_partial)
        ),
        "keys": sorted(set(list_keys(summary))),
    }
    return json.dumps(told, indent=2, ensure_ascii=False) + "\n"


def list_keys(value: Any, path: str = "") -> Iterator[str]:
    """Yield the path of each key, but for those that an image or an engine decides."""
    match value:
        case dict() if not path.endswith(("facts", "steps", "surroundings")):
            for key, held in value.items():
                yield f"{path}.{key}".lstrip(".")
                yield from list_keys(held, f"{path}.{key}")
        case list() | tuple():
            for item in value:
                yield from list_keys(item, f"{path}[]")


def hide_version(text: str) -> str:
    """Put a word where hardgate's version stands."""
    return re.sub(re.escape(f'value="{__version__}"'), 'value="VERSION"', text)


def write_snapshots() -> None:
    """Write all files anew."""
    for path, text in make_snapshots():
        file = SNAPSHOTS / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_snapshots()
