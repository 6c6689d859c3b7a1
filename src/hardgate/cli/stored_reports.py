"""Reports of sessions, runners and fleets, made anew from the JSON that they left. No command."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardgate.errors import ExitCode, HardgateError, UsageError
from hardgate.pipeline.check import Check
from hardgate.pipeline.report import make_session_junit
from hardgate.pipeline.session import redact_findings
from hardgate.pipeline.session_result import RESULT_FILE, parse_session_result
from hardgate.pipeline.step_summary import make_checks_markdown
from hardgate.redaction import Redactor
from hardgate.remote.fleet.report_junit import render_fleet_junit
from hardgate.remote.fleet.report_markdown import render_fleet_markdown
from hardgate.remote.runner.report_junit import render_host_junit
from hardgate.remote.runner.report_markdown import render_host_markdown
from hardgate.report.pages import render_fleet_html, render_host_html, render_session_html
from hardgate.report.read_summary import SUMMARY_FILE
from hardgate.report.sarif import render_sarif

Document = Mapping[str, Any]
FLEET_FILE = "fleet.json"


@dataclass(frozen=True, kw_only=True)
class StoredReport:
    """What a session, a runner's host or a fleet left, and the formats that it can be told in."""

    file: Path
    document: Document
    renderers: Mapping[str, Callable[[Document], bytes]]

    def render(self, name: str) -> bytes:
        """Make one format; raises UsageError where there is none, or the file cannot be read."""
        if name not in self.renderers:
            raise UsageError(
                f"'{self.file}' cannot be told as '{name}'.",
                f"Use one of {', '.join(self.renderers)}.",
            )
        try:
            return self.renderers[name](self.document)
        except (HardgateError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"'{self.file}' cannot be read: {type(error).__name__}: {error}.",
                "Run the session again, and make the report from what it leaves then.",
            ) from error


def find_stored_report(path: Path) -> StoredReport | None:
    """Find what a session, a runner's host or a fleet left; None for a gate's run."""
    for name, renderers in RENDERERS.items():
        file = path if path.name == name else path / name
        if not file.is_file():
            continue
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"'{file}' cannot be read: {error}.") from error
        if isinstance(document, dict) and (name != SUMMARY_FILE or "contracts" in document):
            return StoredReport(file=file, document=document, renderers=renderers)
    return None


def _read_checks(answer: Document) -> list[Check]:
    return [Check.from_json(point) for point in answer["points"]]


def _make_session_markdown(answer: Document) -> bytes:
    return make_checks_markdown(answer["headline"], _read_checks(answer)).encode()


def _make_session_junit(answer: Document) -> bytes:
    result = parse_session_result(answer, str(answer["session"]))
    return make_session_junit(result, _read_checks(answer), result.run, Redactor())


def _make_session_sarif(answer: Document) -> bytes:
    known = answer["exit_code"] in {ExitCode.HELD, ExitCode.BROKEN}
    return render_sarif(redact_findings(_read_checks(answer), Redactor()), ok=known).encode()


RENDERERS: Mapping[str, Mapping[str, Callable[[Document], bytes]]] = {
    RESULT_FILE: {
        "html": lambda answer: render_session_html(answer).encode("utf-8", "replace"),
        "junit": _make_session_junit,
        "sarif": _make_session_sarif,
        "markdown": _make_session_markdown,
    },
    FLEET_FILE: {
        "html": lambda fleet: render_fleet_html(fleet).encode("utf-8", "replace"),
        "junit": render_fleet_junit,
        "markdown": lambda fleet: render_fleet_markdown(fleet).encode("utf-8", "replace"),
    },
    SUMMARY_FILE: {
        "html": lambda host: render_host_html(host).encode("utf-8", "replace"),
        "junit": render_host_junit,
        "markdown": lambda host: render_host_markdown(host).encode("utf-8", "replace"),
    },
}
"""By the file that is left: a session's, a fleet's, a runner's host's."""
