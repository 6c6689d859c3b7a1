"""`fleet.md`, for people: the outcome first, then images and capabilities by hosts."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from hardgate.model.contract import Contract
from hardgate.model.verdict import Kind
from hardgate.pipeline.step_summary import cell
from hardgate.redaction import Redactor
from hardgate.remote.fleet.headline import contract_words, headline, opening, short_sha256
from hardgate.remote.fleet.request import FleetImage
from hardgate.remote.fleet.result import FleetRun
from hardgate.remote.fleet.status import Cell, Mark, Standing, State
from hardgate.report.headline import count
from hardgate.text.plain import plain, tail

MARKS = {
    Mark.HELD: "✓",
    Mark.MISSED: "✗",
    Mark.ADVISORY: "!",
    Mark.UNKNOWN: "?",
    Mark.STALE: "~",
}
STATES = {
    State.GREEN: "✓ green",
    State.RED: "✗ RED",
    State.STALE: "~ STALE",
    State.UNKNOWN: "? UNKNOWN",
}
ABSENT = "·"
LEGEND = (
    "✓ held, ✗ missed, ! missed and advisory only, ? nobody could tell, "
    "~ not asked for as the fleet's contract does, · not for this host."
)
EVIDENCE_LINES = 20
Say = Callable[[str], str]


def markdown(run: FleetRun, redactor: Redactor) -> str:
    """Write all of it."""

    def say(text: str) -> str:
        # Redacted first: what is escaped for a table is no secret that anybody knows.
        return cell(redactor.text(plain(text)))

    return "\n".join(_lines(run, say)) + "\n"


def _lines(run: FleetRun, say: Say) -> Iterator[str]:
    yield f"# {say(headline(run))}"
    yield from (
        "",
        say(opening(run, run.id)),
        "",
        *_contracts(run, say),
        "",
        *_matrix(run, say),
        "",
        LEGEND,
    )
    yield from _section("Missed", _misses(run, say))
    yield from _section("Stale", _stale(run, say))
    yield from _section("Nobody could tell", _errors(run, say))
    yield from _section("Notices", (f"- {say(notice)}" for notice in run.notices))


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    if listed:
        yield from ("", f"## {title}", "", *listed)


def _contracts(run: FleetRun, say: Say) -> Iterator[str]:
    yield _row(("image", "verified by", "sha256", "counts for the fleet's"))
    yield _rule(4)
    yield _row(("*the fleet's*", say(contract_words(run.wanted)), _hash(run.wanted), ""))
    for image in run.images:
        contract = image.plan.contract
        counts = (
            "yes"
            if not image.lacks
            else f"no: stale ({count(len(image.lacks), 'demand')} not looked at)"
        )
        words = (say(contract_words(contract)), _hash(contract), counts)
        yield _row((say(image.reference), *words))


def _hash(contract: Contract) -> str:
    return f"`{short_sha256(contract)}`"


def _matrix(run: FleetRun, say: Say) -> Iterator[str]:
    yield _row(("image", "capability", *(say(host) for host in run.hosts)))
    yield _rule(2 + len(run.hosts))
    for image in run.images:
        standings = [run.find(image, host) for host in run.hosts]
        states = [f"**{STATES[one.state]}**" if one else ABSENT for one in standings]
        yield _row((f"**{say(image.reference)}**", "*all*", *states))
        yield from _rows_of(image, standings, say)


def _rows_of(image: FleetImage, standings: Sequence[Standing | None], say: Say) -> Iterator[str]:
    cells = [list(one.cells()) if one else [] for one in standings]
    capabilities = (one for column in cells for one in column if one.kind is Kind.CAPABILITY)
    for name in dict.fromkeys(one.name for one in capabilities):
        marks = [_mark(name, column) for column in cells]
        yield _row((say(image.reference), say(name), *marks))
    yield _row((say(image.reference), "*guards*", *(_guards(column) for column in cells)))


def _mark(name: str, column: Sequence[Cell]) -> str:
    marks = [MARKS[one.mark] for one in column if one.kind is Kind.CAPABILITY and one.name == name]
    if marks:
        return marks[0]
    return MARKS[Mark.UNKNOWN] if column else ABSENT


def _guards(column: Sequence[Cell]) -> str:
    if not column:
        return ABSENT
    guards = [one for one in column if one.kind is Kind.GUARD]
    held = sum(one.mark is Mark.HELD for one in guards)
    worst = next((mark for mark in (Mark.MISSED, Mark.UNKNOWN) if _any(guards, mark)), Mark.HELD)
    return f"{MARKS[worst]} {held} of {len(guards)}"


def _any(cells: Iterable[Cell], mark: Mark) -> bool:
    return any(one.mark is mark for one in cells)


def _misses(run: FleetRun, say: Say) -> Iterator[str]:
    for standing in run.standings:
        for one in standing.cells():
            if one.mark in {Mark.MISSED, Mark.ADVISORY}:
                advisory = " (advisory)" if one.mark is Mark.ADVISORY else ""
                told = " ".join(part for part in (one.reason, _to_do(one.remedy)) if part)
                yield f"- {_where(standing, say)}: **{say(one.name)}**{advisory}: {say(told)}"


def _stale(run: FleetRun, say: Say) -> Iterator[str]:
    for standing in run.standings:
        if standing.said and standing.lacks:
            yield f"- {_where(standing, say)}:"
            yield from (f"  - {say(lack.sentence)}" for lack in standing.lacks)


def _errors(run: FleetRun, say: Say) -> Iterator[str]:
    troubled = [("the whole run", run.problem)] if run.problem else []
    troubled += [(_where(one, say), one.error) for one in run.standings if one.error]
    for where, error in troubled:
        told = " ".join(part for part in (error.problem, _to_do(error.remedy)) if part)
        yield f"- {where}: {say(told)}"
        lines = tail(error.evidence, EVIDENCE_LINES).splitlines() if error.evidence else ()
        yield from (f"  > {say(line)}  " for line in lines)
    for standing in run.standings:
        for one in standing.cells() if standing.said else ():
            if one.mark is Mark.UNKNOWN:
                yield f"- {_where(standing, say)}: **{say(one.name)}**: {say(one.reason)}"


def _where(standing: Standing, say: Say) -> str:
    return f"{say(standing.image.reference)} on {say(standing.host)}"


def _to_do(remedy: str) -> str:
    return f"To do: {remedy}" if remedy else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return f"|{'---|' * columns}"
