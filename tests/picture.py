"""The picture of a red run that README shows, made from a run that was recorded.

`python -m tests.picture` makes `docs/red-run.svg` anew from `docs/red-run/summary.json`. A new run
is recorded so (docs/red-run has its image and its contract):

    hardgate build --context image        # prints the reference image's id: tag it REFERENCE
    hardgate gate --context docs/red-run --contract docs/red-run/contract.yaml \
        --build-arg BASE_IMAGE=REFERENCE --out reports/red-run
    cp reports/red-run/summary.json docs/red-run/
"""

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console as Recorder
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from hardgate.model.run import Run
from hardgate.report.console import Console
from hardgate.report.read_summary import read_summary, restore_run

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "red-run.svg"
RECORDED_RUN = ROOT / "docs" / "red-run" / "summary.json"
COLUMNS, ROWS = 92, 40
COMMAND = "$ hardgate gate --context docs/red-run --contract docs/red-run/contract.yaml"

THEME = TerminalTheme(
    (22, 27, 34),
    (214, 220, 228),
    [(0, 0, 0), (255, 107, 107), (87, 204, 120), (229, 192, 90), *[(150, 170, 200)] * 4],
)
# rich's own frame names a web font; a picture in a README has to load nothing.
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px;
  line-height: {line_height}px;
}}
.{unique_id}-title {{ font-family: sans-serif; font-size: 18px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class _Terminal(io.StringIO):
    """Takes what a terminal would."""

    def isatty(self) -> bool:
        return True


def make_run() -> Run:
    """Make the run of its summary."""
    return restore_run(read_summary(RECORDED_RUN))


def draw_run(run: Run) -> str:
    """Draw the last block that a terminal shows of a run, as SVG."""
    stream = _Terminal()
    console = Console(stream, environ={"COLUMNS": str(COLUMNS), "LINES": str(ROWS)})
    # Image, host and time were those of one machine on one day.
    console.print_run(replace(run, image=None, host=None))
    recorder = Recorder(
        color_system="standard",
        file=io.StringIO(),
        force_terminal=True,
        highlight=False,
        legacy_windows=False,
        record=True,
        width=COLUMNS,
    )
    recorder.print(Text(COMMAND))
    recorder.print(Text.from_ansi(re.sub(r"\S*Time: .*\n", "", stream.getvalue())))
    return recorder.export_svg(
        title="hardgate", theme=THEME, code_format=FRAME, unique_id="hardgate"
    )


def main() -> None:
    """Make the picture anew."""
    PICTURE.write_text(draw_run(make_run()), encoding="utf-8")


if __name__ == "__main__":
    main()
