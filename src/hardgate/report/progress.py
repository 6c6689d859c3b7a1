"""What is under way, as the few lines that a terminal shows of it below all others."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardgate.report.marks import Tone
from hardgate.report.terminal_summary import StyledLine

NARROW_COLUMNS = 40
"""In a narrower window a step is its name and its time."""
MAX_PROGRESS_ROWS = 8

_BUILD_STAGES = (
    # BuildKit: '#8 [builder 2/5] RUN make'. The classic builder: 'Step 2/5 : RUN make'.
    re.compile(r"#\d+ \[(?:(?P<of>[^\]\s]+) )?(?P<number>\d+)/(?P<all>\d+)\] (?P<what>.+)"),
    re.compile(r"Step (?P<number>\d+)/(?P<all>\d+) : (?P<what>.+)(?P<of>)"),
)
_BUILD_PREFIX = re.compile(r"#\d+ (?:\d+\.\d+ )?")


@dataclass(frozen=True, kw_only=True)
class StepProgress:
    """One step that is under way."""

    name: str
    seconds: float
    """Since it began."""
    stage: str = ""
    """Which step of a build it is at."""
    latest: str = ""
    """The last line that was heard of it, which an image may have written."""


def read_build_stage(line: str) -> str:
    """Read which step of its Dockerfile a builder says that it begins; empty for other lines."""
    for pattern in _BUILD_STAGES:
        if match := pattern.fullmatch(line):
            stage = f" of '{match['of']}'" if match["of"] else ""
            return f"step {int(match['number'])} of {int(match['all'])}{stage}: {match['what']}"
    return ""


def strip_build_prefix(line: str) -> str:
    """Leave out what BuildKit puts before each line: its number, and seconds."""
    return _BUILD_PREFIX.sub("", line, count=1) if line.startswith("#") else line


def format_elapsed(seconds: float) -> str:
    """Say in whole seconds how long something has been going on."""
    whole = int(seconds)
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def format_progress(
    steps: Iterable[StepProgress], *, frame: str, columns: int, rows: int
) -> Iterator[StyledLine]:
    """Yield a line for each step, and in a wide window below it what it is doing.

    Where there are more lines than rows, the details go first, then the latest steps.
    """
    steps = tuple(steps)
    limit = max(1, min(rows, MAX_PROGRESS_ROWS))
    detailed = columns >= NARROW_COLUMNS and 3 * len(steps) <= limit
    for step in steps[:limit]:
        yield Tone.PLAIN, f"{frame} {step.name}  {format_elapsed(step.seconds)}"
        if detailed and step.stage:
            yield Tone.FAINT, f"    {step.stage}"
        if detailed and step.latest:
            yield Tone.FAINT, f"    | {step.latest}"
