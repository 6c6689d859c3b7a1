"""`hardgate doctor`: what this machine and this repository lack, and what to do."""

import sys
from collections.abc import Sequence

from hardgate.cli.parser import Parser
from hardgate.model.verdict import Outcome
from hardgate.pipeline.check import exit_code
from hardgate.pipeline.doctor import points
from hardgate.pipeline.report import tell
from hardgate.pipeline.template import Template
from hardgate.report.console import Console
from hardgate.report.headline import colour_word, count


def main(words: Sequence[str]) -> int:
    """Look at everything, change nothing."""
    parser = Parser("doctor", "Tell what this machine and repository lack, and what to do.")
    parser.add_argument("--context", metavar="DIR", default=".", help="the template (default: .)")
    parser.add_argument("--dockerfile", metavar="FILE", help="default: Dockerfile in the context")
    values = parser.read(words)
    console = Console(sys.stdout)
    seen = []
    for point in points(Template.find(values.context, values.dockerfile)):
        seen.append(point)
        tell(console, point)
    code = exit_code(seen)
    lacking = [p for p in seen if p.outcome is not Outcome.PASS and p.severity.value == "hard"]
    told = f"{count(len(lacking), 'thing')} to do: {', '.join(p.name for p in lacking)}"
    story = told if lacking else "nothing that is needed is lacking"
    console.line(f"HARDGATE DOCTOR {colour_word(code)}: {story} (exit {int(code)})")
    return int(code)
