"""What a CI job shows beside its log: a summary in Markdown, and annotations at file and line.

GitHub, Gitea and Forgejo read both: the file that GITHUB_STEP_SUMMARY names, and workflow commands
on standard output.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from hardgate.report.console import Console
from hardgate.report.sarif import SourceFinding
from hardgate.text.plain import one_line

STEP_SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
ACTIONS_VARIABLE = "GITHUB_ACTIONS"
MAX_SUMMARY_BYTES = 500_000
"""A forge refuses a whole job's summary above 1 MiB; several sessions may share one."""
MAX_ANNOTATIONS = 10
"""A forge shows ten errors and ten warnings of a step, and leaves out the rest."""
_PROPERTY_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"}
_MESSAGE_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A"}


PublishSummary = Callable[[str], None]
"""Puts a session's Markdown where people read it; by default into the job's summary."""


def append_job_summary(markdown: str, environ: Mapping[str, str] = os.environ) -> None:
    """Append to the job's summary, where the forge names a file; a failure costs no verdict."""
    if not environ.get(STEP_SUMMARY_VARIABLE):
        return
    text = f"\n{markdown}"
    if len(text.encode()) > MAX_SUMMARY_BYTES:
        text = "\nThe summary is too long for this place: read the job's reports.\n"
    with (
        suppress(OSError),
        Path(environ[STEP_SUMMARY_VARIABLE]).open("a", encoding="utf-8") as file,
    ):
        file.write(text)


def print_annotations(
    console: Console, findings: Iterable[SourceFinding], environ: Mapping[str, str] = os.environ
) -> None:
    """Print a workflow command for each finding, where a forge reads the output."""
    if environ.get(ACTIONS_VARIABLE) == "true":
        for line in format_annotations(findings):
            console.print_workflow_command(line)


def format_annotations(findings: Iterable[SourceFinding]) -> Iterator[str]:
    """Yield the workflow commands, as many of each level as a forge shows."""
    counts: dict[str, int] = {}
    for finding in findings:
        counts[finding.level] = counts.get(finding.level, 0) + 1
        if counts[finding.level] <= MAX_ANNOTATIONS:
            yield format_annotation(finding)


def format_annotation(finding: SourceFinding) -> str:
    """Write one workflow command; nothing in its texts can end it or begin another."""
    properties = {
        "file": finding.file,
        "line": str(finding.line) if finding.file and finding.line else "",
        "title": f"hardgate: {finding.rule}",
    }
    listed = ",".join(
        f"{name}={_escape(value, _PROPERTY_ESCAPES)}" for name, value in properties.items() if value
    )
    level = {"error": "error", "warning": "warning"}.get(finding.level, "notice")
    return f"::{level} {listed}::{_escape(finding.message, _MESSAGE_ESCAPES)}"


def _escape(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in one_line(text))
