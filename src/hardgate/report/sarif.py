"""A run as SARIF 2.1.0, for code scanning: a result for each miss, at its line of the contract.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hardgate import __version__
from hardgate.report.summary_text import pick_best_reason, pick_remedy
from hardgate.text.plain import one_line

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVELS = {("fail", "hard"): "error", ("fail", "advisory"): "warning", ("error", "hard"): "error"}
Summary = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SourceFinding:
    """One finding at a place in the repository."""

    rule: str
    level: str
    """`error`, `warning` or `note`."""
    message: str
    file: str
    """Relative to the repository; empty where it stands in no file of it."""
    line: int = 0
    """From 1; 0 where the whole file is meant."""
    about: str = ""
    help: str = ""


def render_run_sarif(summary: Summary) -> str:
    """Write a result for each verdict that did not hold."""
    return render_sarif(list_run_findings(summary), ok=summary["exit_code"] in (0, 1))


def list_run_findings(summary: Summary) -> Iterator[SourceFinding]:
    """Yield a finding for each verdict that did not hold, at its capability in the contract."""
    file = find_repository_path(summary["contract"]["origin"])
    for verdict in summary["verdicts"]:
        if verdict["outcome"] == "pass":
            continue
        remedy = pick_remedy(verdict)
        reason = pick_best_reason(verdict) or "It gave no reason."
        yield SourceFinding(
            rule=verdict["name"],
            level=LEVELS.get((verdict["outcome"], verdict["severity"]), "warning"),
            message=one_line(f"{reason} What to do: {remedy}" if remedy else reason),
            file=file if verdict["kind"] == "capability" else "",
            line=verdict.get("line", 0),
            about=one_line(verdict["description"]),
            help=one_line(remedy),
        )


def find_repository_path(origin: str) -> str:
    """Give a contract's path where it lies below the working folder; empty for any other."""
    path = PurePosixPath(origin)
    inside = "://" not in origin and not path.is_absolute() and ".." not in path.parts
    return str(path) if inside else ""


def render_sarif(findings: Iterable[SourceFinding], *, ok: bool = True) -> str:
    """Write one run of the tool 'hardgate'; `ok` is False where not everything was looked at."""
    listed = list(findings)
    rules = {finding.rule: finding for finding in listed}
    run = {
        "tool": {
            "driver": {
                "name": "hardgate",
                "version": __version__,
                "rules": [_rule_json(finding) for finding in rules.values()],
            }
        },
        "invocations": [{"executionSuccessful": ok}],
        "columnKind": "unicodeCodePoints",
        "results": [_result_json(finding, list(rules)) for finding in listed],
    }
    document = {"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule_json(finding: SourceFinding) -> dict[str, Any]:
    rule: dict[str, Any] = {"id": finding.rule}
    if finding.about:
        rule["shortDescription"] = {"text": finding.about}
    if finding.help:
        rule["help"] = {"text": finding.help}
    return rule


def _result_json(finding: SourceFinding, rules: list[str]) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": rules.index(finding.rule),
        "level": finding.level,
        "message": {"text": finding.message},
    }
    if finding.file:
        region = {"region": {"startLine": finding.line}} if finding.line else {}
        location = {"artifactLocation": {"uri": finding.file}, **region}
        result["locations"] = [{"physicalLocation": location}]
    return result
