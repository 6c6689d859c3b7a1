"""`hardgate doctor`: what this machine and this repository lack, and what to do."""

import sys
from collections.abc import Sequence

from hardgate.cli.parser import CommandParser
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import exit_code_for_checks
from hardgate.pipeline.doctor import inspect_setup
from hardgate.pipeline.report import print_check
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.text.headline import Headline
from hardgate.text.plain import format_count


def main(argv: Sequence[str]) -> int:
    """Look at everything, change nothing."""
    parser = CommandParser(
        "doctor", "List what this machine and repository lack, and what to do about it."
    )
    parser.add_argument(
        "--context", metavar="DIR", default=".", help="folder of the template (default: .)"
    )
    parser.add_argument(
        "--dockerfile",
        metavar="FILE",
        help="the template's Dockerfile (default: Dockerfile in the context)",
    )
    values = parser.parse_argv(argv)
    console = Console(sys.stdout)
    checks = []
    for check in inspect_setup(Template.from_folder(values.context, values.dockerfile)):
        checks.append(check)
        print_check(console, check)
    code = exit_code_for_checks(checks)
    lacking = [p for p in checks if p.outcome is not Outcome.PASS and p.severity.value == "hard"]
    missing_text = (
        f"{format_count(len(lacking), 'thing')} to do: {', '.join(p.name for p in lacking)}"
    )
    story = missing_text if lacking else "nothing that is needed is lacking"
    console.print_line(str(Headline(subject="DOCTOR", exit_code=code, story=story)))
    return int(code)
