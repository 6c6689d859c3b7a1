"""What was measured, as Markdown: medians, and how many empty plays long each is."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

Samples = Mapping[str, Sequence[float]]
"""By a line's title: what each round measured."""
EMPTY_PLAY = "an empty ansible-runner play (E)"
HEAD = "| | median | lowest, highest | in E | does not look at |\n|---|---:|---:|---:|---|"
STEPS_HEAD = "| step of the gate | median | in E |\n|---|---:|---:|"


class Unit(Enum):
    """What a line's numbers are."""

    SECONDS = "s"
    MEGABYTES = "MB"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the table."""

    title: str
    remark: str
    """What it does not look at, or what the number means."""
    unit: Unit = Unit.SECONDS


@dataclass(frozen=True, kw_only=True)
class Relation:
    """Two lines of which one is told as a multiple of the other."""

    title: str
    part: str
    whole: str


def make_table(lines: Iterable[Line], samples: Samples) -> str:
    """Give the lines that were measured, in their order."""
    return "\n".join(
        [HEAD, *(_make_line(line, samples) for line in lines if line.title in samples)]
    )


def make_steps_table(titles: Iterable[str], samples: Samples) -> str:
    """Give the steps that have no line of their own; empty where there are none."""
    rows = [
        f"| {title} | {statistics.median(values):.2f} s | {_count_plays(values, samples)} |"
        for title, values in samples.items()
        if title not in set(titles)
    ]
    return "\n".join([STEPS_HEAD, *rows]) if rows else ""


def tell_relations(relations: Iterable[Relation], samples: Samples) -> list[str]:
    """Say each of which both lines were measured."""
    return [
        f"{relation.title}: {_divide_medians(samples[relation.part], samples[relation.whole]):.2f}"
        for relation in relations
        if relation.part in samples and relation.whole in samples
    ]


def _make_line(line: Line, samples: Samples) -> str:
    values = samples[line.title]
    digits = 2 if line.unit is Unit.SECONDS else 0
    numbers = f"{statistics.median(values):.{digits}f} {line.unit.value}"
    span = f"{min(values):.{digits}f}, {max(values):.{digits}f}"
    plays = _count_plays(values, samples) if line.unit is Unit.SECONDS else ""
    return f"| {line.title} | {numbers} | {span} | {plays} | {line.remark} |"


def _count_plays(values: Sequence[float], samples: Samples) -> str:
    return f"{_divide_medians(values, samples[EMPTY_PLAY]):.2f}"


def _divide_medians(part: Sequence[float], whole: Sequence[float]) -> float:
    return statistics.median(part) / statistics.median(whole)
