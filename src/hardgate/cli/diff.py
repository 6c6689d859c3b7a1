"""`hardgate diff`: what changed from one run to another."""

import json
from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.parser import CommandParser
from hardgate.redaction import Redactor
from hardgate.report.read_summary import read_summary
from hardgate.report.run_diff import diff_runs, format_diff_markdown, format_diff_text
from hardgate.text.plain import disarm_workflow_commands, strip_control_codes

ABOUT = (
    "List what changed from run OLD to run NEW. Exit codes: 0 all that held still holds, 1 a "
    "promise is newly failing, newly unknown or absent, 2 the command is wrong."
)


def main(argv: Sequence[str]) -> int:
    """Compare two runs."""
    parser = CommandParser("diff", ABOUT)
    for name in ("old", "new"):
        parser.add_argument(
            name, type=Path, metavar=name.upper(), help="folder of a run, or its summary.json"
        )
    parser.add_argument(
        "--format",
        choices=("text", "markdown", "json"),
        default="text",
        help="how to print it (default: text)",
    )
    values = parser.parse_argv(argv)
    diff = diff_runs(read_summary(values.old), read_summary(values.new))
    if values.format == "json":
        print(json.dumps(Redactor().redact_value(diff.to_json()), indent=2, ensure_ascii=False))
    else:
        lines = format_diff_text(diff) if values.format == "text" else format_diff_markdown(diff)
        text = Redactor().redact_text(strip_control_codes("\n".join(lines)))
        print(disarm_workflow_commands(text))
    return int(diff.is_red)
