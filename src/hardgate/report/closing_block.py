"""The last block of a fleet, of runners and of a session: causes and remedies, the outcome last.

A gate's own is made by `terminal_summary`; `screen` fits both to a window.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hardgate.errors import HardgateError
from hardgate.report.details import Clean
from hardgate.report.marks import Tone
from hardgate.report.terminal_summary import UNLIMITED, Detail, StyledLine, quote_output
from hardgate.text.plain import cut_line, format_count, one_line

MAX_PLACES = 5
"""Places, such as hosts, that a cause's title lists."""


@dataclass(frozen=True, kw_only=True)
class BlockCause:
    """One cause, and what it breaks where."""

    mark: str
    name: str
    """What it breaks."""
    places: tuple[str, ...] = ()
    """Where: hosts, or images on hosts; empty where there is only one."""
    why: str
    remedy: str = ""
    evidence: str = ""
    tone: Tone = Tone.BAD


@dataclass(frozen=True, kw_only=True)
class ClosingBlock:
    """All that a last block may show."""

    causes: tuple[BlockCause, ...]
    """What weighs most comes first."""
    details: tuple[StyledLine, ...] = ()
    """Goes first where the window is small."""
    notices: tuple[str, ...] = ()
    headline: str
    tone: Tone


def make_error_cause(
    mark: str, name: str, places: tuple[str, ...], error: HardgateError
) -> BlockCause:
    """Tell what kept a verdict from being given."""
    return BlockCause(
        mark=mark,
        name=name,
        places=places,
        why=error.problem,
        remedy=error.remedy,
        evidence=error.evidence,
        tone=Tone.UNSURE,
    )


def merge_causes(causes: Iterable[BlockCause]) -> tuple[BlockCause, ...]:
    """Tell those together that break the same thing for the same reason in several places."""
    merged: dict[tuple[str, ...], BlockCause] = {}
    places: dict[tuple[str, ...], dict[str, None]] = {}
    for cause in causes:
        key = (cause.mark, cause.name, cause.why, cause.remedy)
        merged.setdefault(key, cause)
        places.setdefault(key, {}).update(dict.fromkeys(cause.places))
    return tuple(
        BlockCause(
            mark=cause.mark,
            name=cause.name,
            places=tuple(places[key]),
            why=cause.why,
            remedy=cause.remedy,
            evidence=cause.evidence,
            tone=cause.tone,
        )
        for key, cause in merged.items()
    )


def format_closing_block(block: ClosingBlock, clean: Clean, detail: Detail) -> Iterator[StyledLine]:
    """Yield the block, with its last line last."""
    if detail.circumstances:
        yield from block.details
    for cause in block.causes[: detail.causes]:
        yield from _format_cause(cause, clean, detail.quote_lines)
    rest = block.causes[detail.causes :]
    for cause in rest[: detail.brief_causes]:
        title = f"{_format_title(cause, clean)}: {one_line(clean(cause.why))}"
        yield cause.tone, cut_line(title, detail.brief_characters)
    if counted := rest[detail.brief_causes :]:
        names = ", ".join(dict.fromkeys(one_line(clean(cause.name)) for cause in counted))
        yield Tone.UNSURE, f"and {format_count(len(counted), 'more cause')}: {names}"
    if detail.notices:
        yield from ((Tone.UNSURE, f"Notice: {one_line(clean(text))}") for text in block.notices)
    elif block.notices:
        yield Tone.UNSURE, f"and {format_count(len(block.notices), 'notice')}"
    yield block.tone, clean(block.headline)


def _format_cause(cause: BlockCause, clean: Clean, evidence_lines: int) -> Iterator[StyledLine]:
    yield cause.tone, _format_title(cause, clean)
    yield Tone.PLAIN, f"    why:   {one_line(clean(cause.why)) or 'It gave no reason.'}"
    if cause.remedy:
        yield Tone.PLAIN, f"    to do: {one_line(clean(cause.remedy))}"
    if cause.evidence and evidence_lines:
        yield from quote_output(clean(cause.evidence), evidence_lines)


def _format_title(cause: BlockCause, clean: Clean) -> str:
    listed = ", ".join(one_line(clean(place)) for place in cause.places[:MAX_PLACES])
    rest = len(cause.places) - MAX_PLACES
    where = f"{listed} and {rest} more" if rest > 0 else listed
    name = one_line(clean(cause.name))
    return f"{cause.mark} {name}" + (f" on {where}" if where else "")


WHOLE_BLOCK = Detail(quote_lines=20)
VERBOSE_BLOCK = Detail(quote_lines=UNLIMITED)
