"""A run as TAP version 14: https://testanything.org/tap-version-14-specification.html."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from hardgate.report.summary_text import pick_best_reason, pick_remedy
from hardgate.text.plain import one_line

WHOLE_RUN_POINT = "the_gate_finished"
Summary = Mapping[str, Any]


def render_run_tap(summary: Summary) -> str:
    """Write a test point for each verdict; an advisory miss is a TODO, which fails nothing.

    As in JUnit, one more point fails where the exit code is worse than the verdicts are.
    """
    points = [list(_verdict_lines(verdict)) for verdict in summary["verdicts"]]
    if summary["partial"] or (summary["exit_code"] and not _has_red(summary)):
        points.append(list(_whole_run_lines(summary)))
    lines = ["TAP version 14", f"# {one_line(summary['headline'])}", f"1..{len(points)}"]
    for number, (ok, title, *rest) in enumerate(points, start=1):
        lines += [f"{ok} {number} - {title}", *rest]
    return "\n".join(lines) + "\n"


def _has_red(summary: Summary) -> bool:
    return any(
        verdict["outcome"] == "error"
        or (verdict["outcome"], verdict["severity"]) == ("fail", "hard")
        for verdict in summary["verdicts"]
    )


def _verdict_lines(verdict: Summary) -> Iterator[str]:
    held = verdict["outcome"] == "pass"
    advisory = (verdict["outcome"], verdict["severity"]) == ("fail", "advisory")
    yield "ok" if held else "not ok"
    yield escape_description(verdict["name"]) + (" # TODO advisory" if advisory else "")
    if held and not verdict["reason"]:
        return
    yield from _diagnostic_lines(
        {
            "message": pick_best_reason(verdict),
            "severity": verdict["severity"],
            "kind": verdict["kind"],
            "outcome": verdict["outcome"],
            "remedy": pick_remedy(verdict),
            "exit_status": verdict["exit_status"],
            "stderr": verdict["stderr"],
            "stdout": verdict["stdout"],
        }
    )


def _whole_run_lines(summary: Summary) -> Iterator[str]:
    yield from ("not ok", WHOLE_RUN_POINT)
    yield from _diagnostic_lines(
        {
            "message": summary["headline"],
            "remedy": summary["remedy"],
            "evidence": summary["evidence"],
        }
    )


def _diagnostic_lines(values: Mapping[str, Any]) -> Iterator[str]:
    """Write YAML of one line for each value: JSON's strings are YAML's, and none ends the block."""
    yield "  ---"
    yield from (f"  {key}: {json.dumps(value)}" for key, value in values.items() if value != "")
    yield "  ..."


def escape_description(text: str) -> str:
    """Let nothing in a description be taken for a directive."""
    return one_line(text).replace("\\", "\\\\").replace("#", "\\#")
