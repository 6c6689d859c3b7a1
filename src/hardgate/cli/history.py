"""`hardgate history`: how each capability did over the runs of a folder."""

from collections.abc import Sequence
from pathlib import Path

from hardgate.cli.parser import CommandParser
from hardgate.redaction import Redactor
from hardgate.report.atomic_write import replace_file
from hardgate.report.history import find_summaries, format_history, render_history_html
from hardgate.text.plain import disarm_workflow_commands, strip_control_codes


def main(argv: Sequence[str]) -> int:
    """Print the history, or write it as a page."""
    parser = CommandParser("history", "Show flakiness and time of each capability over runs.")
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="folder whose runs are compared, at any depth"
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write an HTML page instead of printing a table"
    )
    values = parser.parse_argv(argv)
    summaries = Redactor().redact_value(find_summaries(values.folder))
    if values.html:
        replace_file(values.html, render_history_html(summaries).encode("utf-8", "replace"))
        print(f"Wrote {values.html}.")
    else:
        for line in format_history(summaries):
            print(disarm_workflow_commands(strip_control_codes(line)))
    return 0
