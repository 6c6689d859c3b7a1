"""`hardgate explain`: a capability in words, or the misses of a finished run."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hardgate.cli.options import add_contract_options, load_requested_contract
from hardgate.cli.parser import CommandParser
from hardgate.diagnosis.explain import explain_capability, explain_guard, explain_run
from hardgate.errors import UsageError
from hardgate.model.contract import Contract
from hardgate.model.guard import GUARDS
from hardgate.redaction import Redactor
from hardgate.report.summary_json import SUMMARY_SCHEMA_VERSION
from hardgate.text.plain import strip_control_codes
from hardgate.text.typo import suggest_choice

SUMMARY_FILE = "summary.json"


def main(argv: Sequence[str]) -> int:
    """Explain."""
    parser = CommandParser(
        "explain", "Say what a promise is about, what breaks it, and how to fix it."
    )
    parser.add_argument("name", nargs="?", metavar="CAPABILITY", help="or the name of a guard")
    add_contract_options(parser)
    parser.add_argument(
        "--run", type=Path, metavar="DIR", help="a finished run's folder: explain its misses"
    )
    values = parser.parse_argv(argv)
    if values.run is not None:
        _print_redacted(_explain_finished_run(values.run, values.name or ""))
    elif values.name:
        _print_redacted(_explain_by_name(values.name, load_requested_contract(values, None)))
    else:
        raise UsageError("Nothing to explain was named.", "Name a capability, or '--run DIR'.")
    return 0


def _explain_by_name(name: str, contract: Contract) -> Iterable[str]:
    for capability in contract.capabilities:
        if capability.name == name:
            return explain_capability(capability, contract)
    for guard in GUARDS:
        if guard.name == name:
            return explain_guard(guard)
    names = [capability.name for capability in contract.capabilities]
    raise UsageError(
        f"Contract '{contract.origin}' has no capability '{name}', nor is it a guard's name.",
        suggest_choice(name, [*names, *(guard.name for guard in GUARDS)])
        or f"It has {', '.join(names)}.",
    )


def _explain_finished_run(folder: Path, name: str) -> Iterable[str]:
    summary = _read_summary(folder)
    names = [verdict["name"] for verdict in summary["verdicts"]]
    if name and name not in names:
        raise UsageError(
            f"The run in '{folder}' has no verdict '{name}'.",
            suggest_choice(name, names) or f"It has {', '.join(names)}.",
        )
    return explain_run(summary, name)


def _read_summary(folder: Path) -> dict[str, Any]:
    """Read a run's summary; `latest` may be a file that names the run's folder."""
    if folder.is_file() and folder.name != SUMMARY_FILE:
        folder = folder.with_name(folder.read_text(encoding="utf-8").strip())
    file = folder if folder.name == SUMMARY_FILE else folder / SUMMARY_FILE
    try:
        summary = json.loads(file.read_text(encoding="utf-8"))
        known = summary["schema_version"] == SUMMARY_SCHEMA_VERSION and "causes" in summary
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise UsageError(
            f"'{file}' cannot be read as a run's summary: {error}.",
            "Name the folder that a run wrote its reports to, such as 'reports/t4/latest'.",
        ) from error
    if not known:
        raise UsageError(
            f"'{file}' was written by another version of hardgate.",
            "Run the gate again, or explain it with that version.",
        )
    return dict(summary)


def _print_redacted(lines: Iterable[str]) -> None:
    text = Redactor().redact_text(strip_control_codes("\n".join(lines)))
    print(text)
