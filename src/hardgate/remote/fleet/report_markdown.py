"""`fleet.md`, for people: the outcome first, then images and capabilities by hosts.

Made from `fleet.json`, so that a finished fleet can be told anew.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hardgate.model.verdict import VerdictKind
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import describe_contract, format_fleet_opening, shorten_sha256
from hardgate.remote.fleet.report_json import summarize_fleet
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import ImageState
from hardgate.report.html import strip_json_control_codes
from hardgate.report.markdown import escape_markdown
from hardgate.report.marks import Mark
from hardgate.text.plain import format_count, keep_tail

ABSENT_MARK = Mark.ABSENT.glyph
LEGEND = (
    f"{Mark.HELD.glyph} held, {Mark.MISSED.glyph} missed, "
    f"{Mark.ADVISORY.glyph} missed and advisory only, {Mark.UNKNOWN.glyph} nobody could tell, "
    f"{Mark.STALE.glyph} not asked for as the fleet's contract does, "
    f"{ABSENT_MARK} not for this host."
)
EVIDENCE_LINES = 20
Document = Mapping[str, Any]


def label_state(state: ImageState) -> str:
    """Give the mark and the word for a state; what somebody has to act on is in capitals."""
    word = state.value if state is ImageState.GREEN else state.value.upper()
    return f"{state.mark.glyph} {word}"


def make_fleet_markdown(run: FleetRun, redactor: Redactor) -> str:
    """Write all of a run."""
    # Redacted first: what is escaped for a table is no secret that anybody knows.
    return render_fleet_markdown(redactor.redact_value(summarize_fleet(run)))


def render_fleet_markdown(fleet: Document) -> str:
    """Write all of it, from the redacted `fleet.json`."""
    return "\n".join(_document_lines(strip_json_control_codes(fleet))) + "\n"


def _document_lines(fleet: Document) -> Iterator[str]:
    yield f"# {escape_markdown(fleet['headline'])}"
    yield from (
        "",
        escape_markdown(format_fleet_opening(fleet)),
        "",
        *_contract_rows(fleet),
        "",
        *_matrix_rows(fleet),
        "",
        LEGEND,
    )
    yield from _section_lines("Missed", _list_misses(fleet))
    yield from _section_lines("Stale", _list_stale(fleet))
    yield from _section_lines("Nobody could tell", _list_errors(fleet))
    yield from _section_lines(
        "Notices", (f"- {escape_markdown(notice)}" for notice in fleet["notices"])
    )


def _section_lines(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield from ("", f"## {title}", "", *listed)


def _contract_rows(fleet: Document) -> Iterator[str]:
    yield _format_row(("image", "verified by", "sha256", "counts for the fleet's"))
    yield _format_rule(4)
    contract = fleet["contract"]
    described = escape_markdown(describe_contract(contract))
    yield _format_row(("*the fleet's*", described, _format_sha256(contract), ""))
    for image in fleet["images"]:
        contract, stale = image["contract"], image["stale"]
        counts = f"no: stale ({format_count(len(stale), 'demand')} not looked at)"
        columns = (escape_markdown(describe_contract(contract)), _format_sha256(contract))
        yield _format_row(
            (escape_markdown(image["reference"]), *columns, counts if stale else "yes")
        )


def _format_sha256(contract: Document) -> str:
    return f"`{shorten_sha256(contract)}`"


def _matrix_rows(fleet: Document) -> Iterator[str]:
    hosts = fleet["hosts"]
    yield _format_row(("image", "capability", *map(escape_markdown, hosts)))
    yield _format_rule(2 + len(hosts))
    by_place = {(one["image"], one["host"]): one for one in fleet["standings"]}
    for image in fleet["images"]:
        reference = escape_markdown(image["reference"])
        standings = [by_place.get((image["reference"], host)) for host in hosts]
        states = [
            f"**{label_state(ImageState(one['state']))}**" if one else ABSENT_MARK
            for one in standings
        ]
        yield _format_row((f"**{reference}**", "*all*", *states))
        yield from _image_rows(reference, standings)


def _image_rows(reference: str, standings: Sequence[Document | None]) -> Iterator[str]:
    cells = [list(one["cells"]) if one else [] for one in standings]
    capabilities = (one for column in cells for one in column if not _is_guard(one))
    for name in dict.fromkeys(one["name"] for one in capabilities):
        marks = [_capability_mark(name, column) for column in cells]
        yield _format_row((reference, escape_markdown(name), *marks))
    yield _format_row((reference, "*guards*", *map(_guards_mark, cells)))


def _is_guard(cell: Document) -> bool:
    return bool(cell["kind"] == VerdictKind.GUARD.value)


def _mark_of(cell: Document) -> Mark:
    return Mark(cell["mark"])


def _capability_mark(name: str, column: Sequence[Document]) -> str:
    marks = [
        _mark_of(cell).glyph for cell in column if cell["name"] == name and not _is_guard(cell)
    ]
    if marks:
        return marks[0]
    return Mark.UNKNOWN.glyph if column else ABSENT_MARK


def _guards_mark(column: Sequence[Document]) -> str:
    if not column:
        return ABSENT_MARK
    marks = [_mark_of(cell) for cell in column if _is_guard(cell)]
    worst = next((mark for mark in (Mark.MISSED, Mark.UNKNOWN) if mark in marks), Mark.HELD)
    return f"{worst.glyph} {marks.count(Mark.HELD)} of {len(marks)}"


def _list_misses(fleet: Document) -> Iterator[str]:
    for standing in fleet["standings"]:
        for cell in standing["cells"]:
            mark = _mark_of(cell)
            if mark in {Mark.MISSED, Mark.ADVISORY}:
                advisory = " (advisory)" if mark is Mark.ADVISORY else ""
                text = _join_remedy(cell["reason"], cell["remedy"])
                yield (
                    f"- {_describe_location(standing)}: "
                    f"**{escape_markdown(cell['name'])}**{advisory}: {escape_markdown(text)}"
                )


def _list_stale(fleet: Document) -> Iterator[str]:
    for standing in fleet["standings"]:
        if standing["gate"] and standing["stale"]:
            yield f"- {_describe_location(standing)}:"
            yield from (f"  - {escape_markdown(sentence)}" for sentence in standing["stale"])


def _list_errors(fleet: Document) -> Iterator[str]:
    troubled = [("the whole run", fleet["error"])] if fleet["error"] else []
    troubled += [
        (_describe_location(one), one["error"]) for one in fleet["standings"] if one["error"]
    ]
    for where, error in troubled:
        yield f"- {where}: {escape_markdown(_join_remedy(error['problem'], error['remedy']))}"
        lines = keep_tail(error["evidence"], EVIDENCE_LINES).splitlines()
        yield from (f"  > {escape_markdown(line)}  " for line in lines)
    for standing in fleet["standings"]:
        for cell in standing["cells"] if standing["gate"] else ():
            if _mark_of(cell) is Mark.UNKNOWN:
                yield (
                    f"- {_describe_location(standing)}: **{escape_markdown(cell['name'])}**: "
                    f"{escape_markdown(cell['reason'])}"
                )


def _describe_location(standing: Document) -> str:
    return f"{escape_markdown(standing['image'])} on {escape_markdown(standing['host'])}"


def _join_remedy(text: str, remedy: str) -> str:
    return " ".join(part for part in (text, f"To do: {remedy}" if remedy else "") if part)


def _format_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _format_rule(columns: int) -> str:
    return f"|{'---|' * columns}"
