"""The formats that a run is reported in, by the names that `--format` takes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.model.run import Run
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.html import render_run_html
from hardgate.report.jsonl import render_run_jsonl
from hardgate.report.junit import make_advisory_junit, make_run_junit
from hardgate.report.markdown import render_run_markdown
from hardgate.report.sarif import render_run_sarif
from hardgate.report.summary_json import encode_summary, summarize_run
from hardgate.report.tap import render_run_tap

DEFAULT_FORMATS = ("junit", "json", "html")


@dataclass(frozen=True, kw_only=True)
class ReportFormat:
    """One format: the file that it is written to, and how."""

    file: str
    render: Callable[[Mapping[str, Any]], str] | None = None
    """From the redacted summary; None for those that `render_report` makes otherwise."""


FORMATS: Mapping[str, ReportFormat] = {
    "json": ReportFormat(file="summary.json"),
    "junit": ReportFormat(file="junit.xml"),
    "junit-advisory": ReportFormat(file="junit-advisory.xml"),
    "html": ReportFormat(file="report.html", render=render_run_html),
    "jsonl": ReportFormat(file="events.jsonl", render=render_run_jsonl),
    "markdown": ReportFormat(file="report.md", render=render_run_markdown),
    "sarif": ReportFormat(file="report.sarif", render=render_run_sarif),
    "tap": ReportFormat(file="report.tap", render=render_run_tap),
}
REPORT_FILES = tuple(form.file for form in FORMATS.values())


def render_report(name: str, run: Run, redactor: Redactor) -> bytes:
    """Render a run in one format, without a secret in it."""
    if name == "junit":
        return make_run_junit(run, redactor)
    if name == "junit-advisory":
        return make_advisory_junit(run, redactor)
    summary = redactor.redact_value(summarize_run(run))
    render = FORMATS[name].render
    text = render(summary) if render else encode_summary(summary)
    return text.encode("utf-8", "replace")


def write_report(name: str, run: Run, folder: Path, redactor: Redactor) -> None:
    """Write a run in one format to its file in the folder, whole or not at all."""
    replace_file(folder / FORMATS[name].file, render_report(name, run, redactor))


def order_formats(names: Iterable[str]) -> tuple[str, ...]:
    """Put the formats in the order in which they are written; the summary always is, and first."""
    requested = {"json", *(names or DEFAULT_FORMATS)}
    return tuple(name for name in FORMATS if name in requested)
