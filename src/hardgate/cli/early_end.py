"""What a session leaves that ended before it began: no older verdict stays in its place.

A wrong command, a contract that cannot be read, a signal while it is fetched: the reports say so,
under the names and in the folder that the session's own would have had.
"""

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hardgate import __version__
from hardgate.errors import ExitCode, HardgateError
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.folder import open_report_folder
from hardgate.report.junit_xml import ReportCase, ReportSuite
from hardgate.report.summary_json import SUMMARY_SCHEMA_VERSION
from hardgate.text.headline import Headline, exit_code_word
from hardgate.text.plain import one_line, strip_control_codes

GATE_COMMANDS = frozenset({"gate", "runtime"})
SESSION_COMMANDS = frozenset({"static", "adapter", "secrets", "validate"}) | GATE_COMMANDS
CASE = "the_command_was_carried_out"


def report_early_end(
    command: str, argv: Sequence[str], error: HardgateError, clean: Redactor
) -> str:
    """Leave the reports of a command that did not begin; give the headline."""
    session = f"t{_read_option(argv, '--tier') or 4}" if command == "gate" else command
    session = session if session.isalnum() else "t4"
    title = "" if command in GATE_COMMANDS else session.upper()
    code = error.exit_code
    problem, remedy, evidence = (
        clean.redact_text(strip_control_codes(text))
        for text in (error.problem, error.remedy, error.evidence)
    )
    story = one_line(problem.rstrip("."))
    headline = str(Headline(subject=title, exit_code=code, story=story))
    out, run = _read_option(argv, "--out"), secrets.token_hex(4)
    told = {
        "headline": headline,
        "outcome": exit_code_word(code).lower(),
        "exit_code": int(code),
        "problem": problem,
        "remedy": remedy,
        "evidence": evidence,
        "session": session,
        "id": run,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "hardgate": __version__,
        "schema_version": SUMMARY_SCHEMA_VERSION,
    }
    with suppress(HardgateError):  # where nothing can be written, nothing older is claimed either
        folder = open_report_folder(Path(out) if out else None, run, session=session)
        name = "summary.json" if command in GATE_COMMANDS else "answer.json"
        replace_file(folder.path / name, _encode(told | _EMPTY[name]))
        replace_file(folder.path / "junit.xml", _make_junit(told))
    return headline


_EMPTY: dict[str, dict[str, Any]] = {
    "summary.json": {
        **dict.fromkeys(("contract", "image", "source", "tier", "host", "baseline")),
        **{
            key: []
            for key in ("not_looked_at", "causes", "notices", "adaptations", "kept", "verdicts")
        },
        "partial": False,
        "subject": "workspace",
        "seconds": 0.0,
        "steps": {},
        "timeline": [],
    },
    "answer.json": {
        "commit": "",
        "contract": "",
        "image": "",
        "seconds": 0.0,
        "notices": [],
        "partial": False,
        "missed": [],
        "run": "",
        "tier": None,
        "host_kind": "",
        "source": None,
        "points": [],
    },
}
"""What the reports hold of a session that looked at nothing."""


def _encode(told: dict[str, Any]) -> bytes:
    return json.dumps(told, indent=2).encode() + b"\n"


def _make_junit(told: dict[str, Any]) -> bytes:
    case = ReportCase(
        name=CASE,
        classname=f"{told['session']}.run",
        kind="error",
        message=one_line(told["problem"]) or "It gave no reason.",
        body="\n\n".join(told[key] for key in ("problem", "remedy", "evidence") if told[key]),
    )
    return ReportSuite(
        name=f"hardgate {told['session']}",
        title=told["headline"],
        id=told["id"],
        timestamp=told["started_at"],
        properties={"headline": told["headline"], "exit_code": str(told["exit_code"])},
        cases=(case,),
    ).to_bytes()


def _read_option(argv: Sequence[str], name: str) -> str:
    """Read an option of a command line that may be wrong elsewhere."""
    value = ""
    for number, argument in enumerate(argv):
        if argument == name:
            value = next(iter(argv[number + 1 : number + 2]), "")
        elif argument.startswith(f"{name}="):
            value = argument.partition("=")[2]
    return value


def make_interruption_error(code: ExitCode) -> HardgateError:
    """Make the error of a command that a signal ended before it began."""
    error = HardgateError("It was stopped before it began.")
    error.exit_code = code
    return error
