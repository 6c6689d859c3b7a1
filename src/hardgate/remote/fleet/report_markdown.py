"""`fleet.md`, for people: the outcome first, then images and capabilities by hosts."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from hardgate.model.contract import Contract
from hardgate.model.verdict import VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import (
    describe_contract,
    fleet_headline,
    fleet_opening,
    shorten_sha256,
)
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, ImageState, ImageStatus, Mark
from hardgate.report.markdown import escape_markdown
from hardgate.text.plain import format_count, keep_tail, strip_control_codes

CELL_MARKS = {
    Mark.HELD: "✓",
    Mark.MISSED: "✗",
    Mark.ADVISORY: "!",
    Mark.UNKNOWN: "?",
    Mark.STALE: "~",
}
STATE_LABELS = {
    ImageState.GREEN: "✓ green",
    ImageState.RED: "✗ RED",
    ImageState.STALE: "~ STALE",
    ImageState.UNKNOWN: "? UNKNOWN",
}
ABSENT_MARK = "·"
LEGEND = (
    "✓ held, ✗ missed, ! missed and advisory only, ? nobody could tell, "
    "~ not asked for as the fleet's contract does, · not for this host."
)
EVIDENCE_LINES = 20
Escape = Callable[[str], str]


def make_fleet_markdown(run: FleetRun, redactor: Redactor) -> str:
    """Write all of it."""

    def escape_cell(text: str) -> str:
        # Redacted first: what is escaped for a table is no secret that anybody knows.
        return escape_markdown(redactor.redact_text(strip_control_codes(text)))

    return "\n".join(_document_lines(run, escape_cell)) + "\n"


def _document_lines(run: FleetRun, escape: Escape) -> Iterator[str]:
    yield f"# {escape(fleet_headline(run))}"
    yield from (
        "",
        escape(fleet_opening(run, run.id)),
        "",
        *_contract_rows(run, escape),
        "",
        *_matrix_rows(run, escape),
        "",
        LEGEND,
    )
    yield from _section_lines("Missed", _list_misses(run, escape))
    yield from _section_lines("Stale", _list_stale(run, escape))
    yield from _section_lines("Nobody could tell", _list_errors(run, escape))
    yield from _section_lines("Notices", (f"- {escape(notice)}" for notice in run.notices))


def _section_lines(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield from ("", f"## {title}", "", *listed)


def _contract_rows(run: FleetRun, escape: Escape) -> Iterator[str]:
    yield _format_row(("image", "verified by", "sha256", "counts for the fleet's"))
    yield _format_rule(4)
    yield _format_row(
        ("*the fleet's*", escape(describe_contract(run.contract)), _format_sha256(run.contract), "")
    )
    for image in run.images:
        contract = image.plan.contract
        counts = (
            "yes"
            if not image.stale_reasons
            else f"no: stale ({format_count(len(image.stale_reasons), 'demand')} not looked at)"
        )
        columns = (escape(describe_contract(contract)), _format_sha256(contract), counts)
        yield _format_row((escape(image.reference), *columns))


def _format_sha256(contract: Contract) -> str:
    return f"`{shorten_sha256(contract)}`"


def _matrix_rows(run: FleetRun, escape: Escape) -> Iterator[str]:
    yield _format_row(("image", "capability", *(escape(host) for host in run.hosts)))
    yield _format_rule(2 + len(run.hosts))
    for image in run.images:
        statuses = [run.find_status(image, host) for host in run.hosts]
        states = [
            f"**{STATE_LABELS[status.state]}**" if status else ABSENT_MARK for status in statuses
        ]
        yield _format_row((f"**{escape(image.reference)}**", "*all*", *states))
        yield from _image_rows(image, statuses, escape)


def _image_rows(
    image: FleetImage, statuses: Sequence[ImageStatus | None], escape: Escape
) -> Iterator[str]:
    cells = [list(item.make_cells()) if item else [] for item in statuses]
    capabilities = (one for column in cells for one in column if one.kind is VerdictKind.CAPABILITY)
    for name in dict.fromkeys(one.name for one in capabilities):
        marks = [_capability_mark(name, column) for column in cells]
        yield _format_row((escape(image.reference), escape(name), *marks))
    yield _format_row(
        (escape(image.reference), "*guards*", *(_guards_mark(column) for column in cells))
    )


def _capability_mark(name: str, column: Sequence[Cell]) -> str:
    marks = [
        CELL_MARKS[cell.mark]
        for cell in column
        if cell.kind is VerdictKind.CAPABILITY and cell.name == name
    ]
    if marks:
        return marks[0]
    return CELL_MARKS[Mark.UNKNOWN] if column else ABSENT_MARK


def _guards_mark(column: Sequence[Cell]) -> str:
    if not column:
        return ABSENT_MARK
    guards = [cell for cell in column if cell.kind is VerdictKind.GUARD]
    held = sum(one.mark is Mark.HELD for one in guards)
    worst = next(
        (mark for mark in (Mark.MISSED, Mark.UNKNOWN) if _has_mark(guards, mark)), Mark.HELD
    )
    return f"{CELL_MARKS[worst]} {held} of {len(guards)}"


def _has_mark(cells: Iterable[Cell], mark: Mark) -> bool:
    return any(cell.mark is mark for cell in cells)


def _list_misses(run: FleetRun, escape: Escape) -> Iterator[str]:
    for status in run.standings:
        for cell in status.make_cells():
            if cell.mark in {Mark.MISSED, Mark.ADVISORY}:
                advisory = " (advisory)" if cell.mark is Mark.ADVISORY else ""
                text = " ".join(part for part in (cell.reason, _format_remedy(cell.remedy)) if part)
                yield (
                    f"- {_describe_location(status, escape)}: "
                    f"**{escape(cell.name)}**{advisory}: {escape(text)}"
                )


def _list_stale(run: FleetRun, escape: Escape) -> Iterator[str]:
    for status in run.standings:
        if status.gate_summary and status.stale_reasons:
            yield f"- {_describe_location(status, escape)}:"
            yield from (f"  - {escape(lack.sentence)}" for lack in status.stale_reasons)


def _list_errors(run: FleetRun, escape: Escape) -> Iterator[str]:
    troubled = [("the whole run", run.problem)] if run.problem else []
    troubled += [(_describe_location(one, escape), one.error) for one in run.standings if one.error]
    for where, error in troubled:
        text = " ".join(part for part in (error.problem, _format_remedy(error.remedy)) if part)
        yield f"- {where}: {escape(text)}"
        lines = keep_tail(error.evidence, EVIDENCE_LINES).splitlines() if error.evidence else ()
        yield from (f"  > {escape(line)}  " for line in lines)
    for status in run.standings:
        for item in status.make_cells() if status.gate_summary else ():
            if item.mark is Mark.UNKNOWN:
                yield (
                    f"- {_describe_location(status, escape)}: **{escape(item.name)}**: "
                    f"{escape(item.reason)}"
                )


def _describe_location(status: ImageStatus, escape: Escape) -> str:
    return f"{escape(status.image.reference)} on {escape(status.host)}"


def _format_remedy(remedy: str) -> str:
    return f"To do: {remedy}" if remedy else ""


def _format_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_rule(columns: int) -> str:
    return f"|{'---|' * columns}"
